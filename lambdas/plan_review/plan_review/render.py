"""Review -> text."""

from __future__ import annotations

from plan_review import render_html, render_markdown, render_table
from plan_review.limit import LEAST
from plan_review.review import Review


def markdown(review: Review, limit: int | None = None, link: str | None = None) -> str:
    """For a pull request: at most ``limit`` characters (the most important survives); ``link``: where all of it stands."""
    _check(limit)
    return render_markdown.render(review, limit, link)


def checked_link(link: str) -> str:
    """``link``, if it can stand in Markdown as it is. Raises ValueError."""
    return render_markdown.checked_link(link)


def html(review: Review) -> str:
    """A page that needs nothing else."""
    return render_html.render(review)


def table(review: Review, limit: int | None = None, width: int = 100) -> str:
    """For a terminal of ``width`` columns."""
    _check(limit)
    return render_table.render(review, limit, width)


def _check(limit: int | None) -> None:
    if limit is not None and limit < LEAST:
        raise ValueError(f"a limit of less than {LEAST} characters cannot be kept")
