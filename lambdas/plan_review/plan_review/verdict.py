"""The first line of every rendering."""

from __future__ import annotations

from plan_review.review import Review
from plan_review.text import counted


def verdict(review: Review) -> str:
    """What a person reads if they read nothing else."""
    number = len(review.findings)
    return f"{counted(number, 'thing')} to look at before this is merged" if number else "nothing risky found"


def scope(review: Review) -> str:
    """What was looked at."""
    changed = sum(not stack.unchanged for stack in review.stacks)
    return f"{counted(len(review.stacks), 'plan')} read, {changed:,} with changes."


# What the review cannot know, said where somebody could take it for more than it is.
HONEST = (
    "This is what the plans say. Code inside of packages and images, and what other tools do, is not in them; "
    "nothing found does not mean that there is nothing."
)
