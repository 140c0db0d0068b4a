"""Security Hub for the rehearsal: the strict fake that the functions' own tests use.

It lives in tests/lambdas, since the tests of the functions are what it is made for; a second one here would be a second truth.
Tools import nothing else of tests, and this is the only place that puts that folder on ``sys.path``.
"""

from __future__ import annotations

import importlib
import sys
import time
from datetime import UTC, datetime
from typing import Any

from tools.emulator.process import ACCOUNT, ROOT

_FOLDER = str(ROOT / "tests" / "lambdas")


class WallClock:
    """The time as it is, where the fake's own tests move it."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def security_hub(region: str) -> Any:
    """An empty Security Hub: ``findings`` by id, ``requests``; for one thread at a time. Raises ValueError in another account
    or region than the fake's."""
    if _FOLDER not in sys.path:
        sys.path.append(_FOLDER)
    module: Any = importlib.import_module("security_hub_fake")
    if (ACCOUNT, region) != (module.ACCOUNT, module.REGION):
        raise ValueError(
            f"the fake of Security Hub is of {module.ACCOUNT} in {module.REGION}, not of {ACCOUNT} in {region}"
        )
    return module.FakeSecurityHub(WallClock())
