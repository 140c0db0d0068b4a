"""The package as a desk has it: only its own folder on the path."""

from __future__ import annotations

import sys
from pathlib import Path

PACKAGE = str(Path(__file__).parents[2] / "lambdas" / "plan_review")
HELPERS = str(Path(__file__).parent)
for folder in (PACKAGE, HELPERS):
    if folder not in sys.path:
        sys.path.insert(0, folder)
