"""Tags of resources: what AWS takes of them, and which keys are the project's own."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from stacks.setting_text import Text, show

# What stacks/base.py sets by itself. Next to "project" a "Project" of somebody else would be the same key twice for IAM.
_OUR_TAGS = {"project": "the project's name", "stack": "the stack's name"}


def _tag(text: str) -> str | None:
    if text.lower().startswith("aws:"):
        return "begins with aws:, which AWS reserves; choose another"
    bad = next((c for c in text if unicodedata.category(c)[0] not in "LZN" and c not in "_.:/=+-@"), None)
    return f"contains {bad!r}; letters, digits, spaces and _ . : / = + - @ are allowed" if bad else None


def _tag_key(key: str) -> str | None:
    ours = key.lower()
    if ours not in _OUR_TAGS:
        return _tag(key)
    again = "" if key == ours else f"{ours} to IAM, which ignores case; {ours} is "
    return f"is {again}set on every resource, with {_OUR_TAGS[ours]}; choose another key"


# https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html, the narrowest of the services used here
TagKey = Annotated[str, Text("(?!\\s).*(?<!\\s)", "a tag key without spaces around it", 128, _tag_key)]


def _tag_value(text: str) -> str:
    wrong = f"has {len(text)} characters, at most 256 are allowed" if len(text) > 256 else _tag(text)
    if wrong:
        raise ValueError(f"{show(text)} {wrong}")
    return text


TagValue = Annotated[str, AfterValidator(_tag_value), WithJsonSchema({"type": "string", "maxLength": 256})]


def _tags(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > 48:
        raise ValueError(f"{len(tags)} tags; at most 48: a resource takes 50, and each gets project and stack")
    seen: dict[str, str] = {}
    for key in tags:
        other = seen.setdefault(key.lower(), key)
        if other != key:
            raise ValueError(f"{show(other)} and {show(key)} differ only in case, which is one key for IAM; keep one")
    return tags


# 50 tags: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
# Keys in IAM ignore case: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
Tags = Annotated[dict[TagKey, TagValue], AfterValidator(_tags)]
