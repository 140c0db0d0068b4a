"""A kind of text that settings hold: its form, its length, and what to say of one that does not keep them."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_Item = TypeVar("_Item", bound=Hashable)


def show(value: object) -> str:
    """``value`` for a message: one line, printable, never long."""
    text = value if isinstance(value, str) else str(value)
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:80])
    return f"'{text[:57]}...'" if len(text) > 60 else f"'{text}'"


@dataclass(frozen=True)
class Text:
    """A text of the form ``pattern`` with at most ``most`` characters; ``right`` says in words what it should be."""

    pattern: str
    right: str
    most: int = 0
    wrong: Callable[[str], str | None] | None = None  # what a pattern cannot say
    instead: str = ""  # what to write instead of an empty text; ``right`` if it says so

    def check(self, value: str) -> str:
        """``value``, or a ValueError that teaches. The length goes first: it bounds what the pattern has to read."""
        if not value.strip():
            raise ValueError(f"an empty text; {self.instead or f'it should be {self.right}'}")
        if self.most and len(value) > self.most:
            raise ValueError(
                f"{show(value)} has {len(value)} characters, at most {self.most} are allowed: {self.right}"
            )
        if not re.fullmatch(self.pattern, value):
            raise ValueError(f"{show(value)} is not {self.right}")
        wrong = self.wrong(value) if self.wrong else None
        if wrong:
            raise ValueError(f"{show(value)} {wrong}")
        return value

    def fits(self, value: str) -> bool:
        """Whether ``check`` accepts it."""
        try:
            return bool(self.check(value))
        except ValueError:
            return False

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate as text, then by ``check``."""
        return core_schema.no_info_after_validator_function(self.check, core_schema.str_schema(strict=True))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The same rule for editors, as far as JSON Schema can say it."""
        most = {"maxLength": self.most} if self.most else {}
        return {"type": "string", "minLength": 1, **most, "pattern": f"^(?:{self.pattern})$"}


def unique(items: list[_Item]) -> list[_Item]:
    """A list that names nothing twice."""
    seen: set[_Item] = set()
    for item in items:
        if item in seen:
            raise ValueError(f"{show(item)} stands here twice; keep one")
        seen.add(item)
    return items
