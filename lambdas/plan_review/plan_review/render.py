"""Review -> text."""

from __future__ import annotations

from plan_review.review import Review


def markdown(review: Review, limit: int | None = None, link: str | None = None) -> str:
    """For a pull request: at most ``limit`` characters (the most important survives); ``link``: where all of it stands."""
    raise NotImplementedError("to come")


def html(review: Review) -> str:
    """A page that needs nothing else."""
    raise NotImplementedError("to come")


def table(review: Review, limit: int | None = None, width: int = 100) -> str:
    """For a terminal of ``width`` columns."""
    raise NotImplementedError("to come")
