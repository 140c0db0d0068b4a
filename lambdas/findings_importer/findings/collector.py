"""Python's garbage collector, set for reports: a million objects in trees, which reference counts alone set free."""

from __future__ import annotations

import gc

# By default the collector looks through everything each time that a quarter is new: for a report of 10,000 findings that took
# a third of the time, and more for each finding the more there are.
_NEW_OBJECTS = 50_000
_YOUNG_ROUNDS = 20
_MIDDLE_ROUNDS = 100


def collect_rarely() -> None:
    """For the process: once, where it is put together. Cycles are still found, later."""
    gc.set_threshold(_NEW_OBJECTS, _YOUNG_ROUNDS, _MIDDLE_ROUNDS)
