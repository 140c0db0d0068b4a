"""One page that loads nothing and runs nothing."""

from __future__ import annotations

from html import escape
from itertools import groupby

from plan_review.findings import TITLES, Finding
from plan_review.review import Review
from plan_review.text import Text, clipped, listed, printable, say
from plan_review.verdict import HONEST, scope, verdict
from plan_review.words import StackWords

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5a636e; --line: #d5dae0; --back: #ffffff; --card: #f6f7f9;
  --risk: #a3230f; --riskback: #fdf1ef; --good: #17603a; --goodback: #eef8f1; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --soft: #9aa4b0; --line: #363c45; --back: #15181c; --card: #1d2126;
  --risk: #ff9a87; --riskback: #2d1a17; --good: #7fd8a3; --goodback: #14261b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1.5rem; padding: 1rem 1.25rem; border-left: .3rem solid; border-radius: .25rem; }
h1 small { display: block; font-size: 1rem; font-weight: normal; color: var(--soft); }
.risky { color: var(--risk); background: var(--riskback); } .clean { color: var(--good); background: var(--goodback); }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
ul { margin: 0; padding: 0; list-style: none; } li { padding: .5rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
li ul { margin: .25rem 0 0 1rem; color: var(--soft); } li li { border: 0; padding: .1rem 0; }
code { font: .875em/1.4 ui-monospace, monospace; background: var(--card); border-radius: .2rem; padding: .1rem .3rem; overflow-wrap: anywhere; }
.where { display: block; } .where b { font-weight: 600; margin-right: .5rem; }
details { margin-top: 2rem; border: 1px solid var(--line); border-radius: .25rem; padding: .75rem 1rem; } summary { cursor: pointer; font-weight: 600; }
.soft { color: var(--soft); } footer { margin-top: 2.5rem; color: var(--soft); font-size: .9rem; }
"""


def render(review: Review) -> str:
    """See render.html."""
    kind = "risky" if review.risky else "clean"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f'<meta name="referrer" content="no-referrer"><title>Plan review</title><style>{_STYLE}</style></head><body><main>',
        f'<h1 class="{kind}">Plan review: {escape(verdict(review))}<small>{escape(scope(review))}</small></h1>',
    ]
    for title, group in groupby(review.findings, key=lambda finding: TITLES[finding.kind]):
        parts += [f"<h2>{escape(title)}</h2>", "<ul>", *map(_risk, group), "</ul>"]
    parts += [part for stack in review.stacks if not stack.unchanged for part in _stack(stack)]
    names = [stack.name for stack in review.stacks if stack.unchanged]
    if names:
        parts.append(f"<p>{line(say('Unchanged: {}.', listed(names, most=200)))}</p>")
    if any(stack.full for stack in review.stacks):
        parts += [
            "<details><summary>Every object</summary>",
            *(part for stack in review.stacks for part in _full(stack)),
            "</details>",
        ]
    parts += [f"<footer>{escape(HONEST)}</footer>", "</main></body></html>"]
    return "\n".join(parts) + "\n"


def line(text: Text) -> str:
    """A text of ours with foreign parts."""
    return "".join(escape(part) if isinstance(part, str) else _code(part.text) for part in text)


def _code(text: str) -> str:
    return f"<code>{escape(clipped(printable(text)) or '(empty)')}</code>"


def _risk(finding: Finding) -> str:
    address = _code(finding.address) if finding.address else ""
    details = "".join(f"<li>{line(text)}</li>" for text in finding.details)
    more = f"<ul>{details}</ul>" if details else ""
    where = f'<span class="where"><b>{escape(clipped(printable(finding.stack)))}</b>{address}</span>'
    return f"<li>{where}{line(finding.text)}{more}</li>"


def _stack(stack: StackWords) -> list[str]:
    title = f'<h2>Changes of {_code(stack.name)}</h2><p class="soft">{line(stack.summary)}</p>'
    return [title, "<ul>", *(f"<li>{line(text)}</li>" for text in (*stack.notes, *stack.lines)), "</ul>"]


def _full(stack: StackWords) -> list[str]:
    if not stack.full:
        return []
    return [f"<h3>{_code(stack.name)}</h3>", "<ul>", *(f"<li>{line(text)}</li>" for text in stack.full), "</ul>"]
