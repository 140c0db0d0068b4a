"""Inventories in memory, with the conditional writes of S3; and a way to break in between any two calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from findings.projection import ConflictError


@dataclass
class MemoryInventories:
    """The store of ``Projection``. ``conflicts``: so many of the next saves lose against somebody who changed nothing."""

    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    conflicts: int = 0
    saves: int = 0

    def load(self, key: str) -> tuple[bytes | None, str | None]:
        return self.objects.get(key, (None, None))

    def save(self, key: str, data: bytes, etag: str | None) -> str:
        if self.conflicts:
            self.conflicts -= 1
            raise ConflictError(key)
        if self.objects.get(key, (None, None))[1] != etag:
            raise ConflictError(key)
        self.saves += 1
        self.objects[key] = (data, f'"{self.saves}"')
        return self.objects[key][1]

    def keys(self, prefix: str) -> list[str]:
        return [key for key in self.objects if key.startswith(prefix)]


class KilledError(BaseException):
    """The function was ended, as Lambda does it: nothing may catch this."""


@dataclass
class Fuse:
    """Counts the calls of all that it wraps; at number ``at`` (from 1) does ``action``, before the call or ``after`` its effect."""

    at: int = 0
    action: Callable[[], None] | None = None
    after: bool = False
    calls: int = 0

    def wrap(self, target: Any) -> Any:
        """``target``, with every method counted."""
        return _Fused(target, self)

    def burn(self, *, after: bool) -> None:
        if self.calls == self.at and self.after is after:
            if self.action is None:
                raise KilledError
            self.action()


class _Fused:
    def __init__(self, target: Any, fuse: Fuse) -> None:
        self._target, self._fuse = target, fuse

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)

        def call(*arguments: Any, **named: Any) -> Any:
            self._fuse.calls += 1
            self._fuse.burn(after=False)
            result = method(*arguments, **named)
            self._fuse.burn(after=True)
            return result

        return call
