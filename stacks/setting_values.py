"""What settings hold beside AWS's names: names of this project, people, files, branches, images, addresses, days."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from stacks.setting_aws import PATH_COMPONENT, reserved_bucket
from stacks.setting_text import Text, show

# It begins the project's buckets.
PROJECT = Text(
    "[a-z][a-z0-9]*(?:-[a-z0-9]+)*",
    "a project name: 2 to 20 lower-case letters, digits and single hyphens, a letter first, no hyphen last",
    20,
    lambda name: "is one letter; two are needed" if len(name) < 2 else reserved_bucket(name),
)
ProjectName = Annotated[str, PROJECT]

# foundation, findings and governance are stacks of every project, and a stack has its pipeline's name.
OTHER_STACKS = ("foundation", "findings", "governance")
PipelineName = Annotated[
    str,
    Text(
        "[a-z](?:[a-z0-9-]*[a-z0-9])?",
        "a pipeline name: at most 40 lower-case letters, digits and hyphens, a letter first, no hyphen last",
        40,
        lambda name: "is the name of another stack of this project; choose another" if name in OTHER_STACKS else None,
    ),
]

# The dot-atom form of https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2 (local part 64, path 254 characters).
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#%&'*+/=?^_|~-]+"
Email = Annotated[
    str,
    Text(
        rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])",
        "an e-mail address such as team@example.com",
        254,
        lambda mail: "has more than 64 characters before the @" if mail.index("@") > 64 else None,
    ),
]


def _path(path: str) -> str | None:
    if ".." in path.split("/"):
        return "leaves the folder with '..'; name a path inside it"
    return "begins with '-'; write ./ before it" if path.startswith("-") else None


_SEGMENT = "[A-Za-z0-9_.@+-]+"
RelativePath = Annotated[
    str,
    Text(
        f"{_SEGMENT}(?:/{_SEGMENT})*/?",
        "a relative path: letters, digits, _ . @ + - and / between them, no / first, no spaces",
        wrong=_path,
    ),
]
_GLOB = "[A-Za-z0-9_.@+*?-]+"
Glob = Annotated[
    str,
    Text(f"{_GLOB}(?:/{_GLOB})*", "a relative path with * or ? as wildcards, no spaces", wrong=_path),
]

# No rule of ours: free text, on one line.
Line = Annotated[str, Text(r"[^\r\n]+", "one line of text")]
Reason = Annotated[str, Text(r"[^\r\n]+", "one line of text", instead="say why it may pass")]

# https://github.com/distribution/reference/blob/main/regexp.go: a name without tag and digest
_IMAGE = f"(?:(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\\.|(?=[:/])))+(?::[0-9]{{1,5}})?/)?{PATH_COMPONENT}(?:/{PATH_COMPONENT})*"
ImageName = Annotated[
    str,
    Text(_IMAGE, "the image's name as the manifests write it, without tag and digest", 255),
]
PinnedImage = Annotated[
    str,
    Text(
        f"{_IMAGE}@sha256:[0-9a-f]{{64}}",
        "an image with its digest: a tag can move; write name@sha256:... with 64 hexadecimal digits and no tag",
        255 + len("@sha256:") + 64,
    ),
]
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
Namespace = Annotated[
    str, Text("[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", "a namespace: lower-case letters, digits and hyphens inside", 63)
]

# No user and password, nothing a shell or Terraform's ${} would read.
HttpsUrl = Annotated[
    str,
    Text(
        rf"https://(?:{_LABEL}\.)*{_LABEL}(?::[0-9]{{1,5}})?(?:/[A-Za-z0-9._~:/?=&%+,@-]*)?",
        "an https URL such as https://staging.example.com/ without user, password and special characters",
        2000,
    ),
]


_HEADS = "refs/heads/"


def _reference(text: str) -> str | None:
    """A reference where a branch is asked for. Events name branches without it: nothing would ever match."""
    if text.startswith(_HEADS):
        write = text.removeprefix(_HEADS) or "*"
        return f"has git's prefix, which no branch here is called with; write {write}"
    return "is no branch; write a branch's name, such as main" if text.startswith("refs/") else None


def _branch(name: str) -> str | None:
    """https://git-scm.com/docs/git-check-ref-format, and CodeCommit's own: no 40 hexadecimal digits."""
    if reference := _reference(name):
        return reference
    if re.search(r"\.\.|//|@\{|\.lock(?:/|$)|(?:^|/)\.|\.$", name) or name.startswith(("/", "-")) or name == "@":
        return "is not a branch name that git accepts"
    return (
        "looks like a commit id; CodeCommit refuses that as a branch" if re.fullmatch("[0-9a-fA-F]{40}", name) else None
    )


# https://docs.aws.amazon.com/codecommit/latest/userguide/limits.html (256 characters). Git allows quotes and $ as well;
# a name that shells or Terraform's ${} would read as theirs is refused all the same.
_BRANCH = r"""[^\s/~^:?*\[\]\\"'`$;&|<>(){}!%]+"""
_BRANCHES = f"{_BRANCH}(?:/{_BRANCH})*"
BranchName = Annotated[
    str,
    Text(_BRANCHES, "a branch name without spaces, wildcards, quotes and other special characters", 256, _branch),
]
BranchPattern = Annotated[
    str,
    Text(
        rf"\*|{_BRANCHES}(?:/?|\*|/\*)",
        'a branch (main), a beginning (feature/ or release-*) or "*" for all; a * can only be last',
        256,
        lambda text: _reference(text) or (None if text == "*" else _branch(text.rstrip("*").rstrip("/"))),
    ),
]

MakeTarget = Annotated[
    str, Text("[a-z][a-z0-9-]*", "a target of the Makefile: lower-case letters, digits and hyphens, a letter first", 40)
]


def _date(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{show(value)} is no day of the calendar") from None
    raise ValueError(f"{show(value)} is not a date; write year-month-day, such as 2027-01-31")


Day = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
