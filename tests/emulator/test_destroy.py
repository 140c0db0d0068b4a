"""The documented commands destroy a system that was used for some time, and nothing is left. Runs last: conftest.py."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tools.apply_local.life import KEPT_AT

pytestmark = pytest.mark.skipif(KEPT_AT in os.environ, reason=f"{KEPT_AT}: what somebody keeps is not destroyed")


def test_a_used_system_is_destroyed_by_the_documented_commands(applied: Any) -> None:
    filled = applied.life.use()
    # More than one call of the commands takes, so that their loops are needed.
    assert filled["acme-reports-123456789012-eu-central-1"] > 1000
    assert filled["acme/payments"] > 100
    assert applied.life.destroy() == {}
