"""Public checkers of the emitted Terraform and of the code, offline and honestly, and rules of our own where they are blind.

``python -m tools.check_output [checker ...]``: all of them, or the named. Each proves on every run, on a known-bad example, that
it can fail; each exception stands on its place with its reason (``<checker>_exceptions.yaml``) and fails when it is idle.
With ``EMITTED_FROM=<folder>`` they read an output that is already there, and an idle exception is no failure.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from tools import (
    check_cfn_lint,
    check_checkov,
    check_code,
    check_parliament,
    check_policy_rules,
    check_rules,
    check_secrets,
    check_shell,
)
from tools.check_emitted import CHECKERS, outputs
from tools.check_plan import Plan, planned
from tools.check_result import Report, judge

EXCEPTIONS = Path(__file__).parent
# The longest first: two run at a time.
NAMES = ("checkov", "secrets", "parliament", "policy_rules", "cfn_lint", "shell", "bandit", "rules")


def main(names: list[str]) -> int:
    """0: nothing is left of any report."""
    unknown = set(names) - set(NAMES)
    if unknown:
        sys.exit(f"no such checker: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if not CHECKERS.is_dir():
        sys.exit("the checkers are not installed: run `make check`")
    whole = "EMITTED_FROM" not in os.environ
    with ExitStack() as stack:
        emitted = stack.enter_context(outputs())

        @cache
        def plan() -> Plan:
            return stack.enter_context(planned(emitted))

        accounts = {output.name: output.account for output in emitted}
        checkers: dict[str, Callable[[], Report]] = {
            "checkov": lambda: check_checkov.check(emitted, plan()),
            "secrets": check_secrets.check,
            "parliament": lambda: check_parliament.check(plan()),
            "policy_rules": lambda: check_policy_rules.check(plan(), accounts),
            "cfn_lint": lambda: check_cfn_lint.check(emitted),
            "shell": lambda: check_shell.check(emitted),
            "bandit": check_code.check,
            "rules": lambda: check_rules.check(emitted),
        }
        chosen = [name for name in NAMES if not names or name in names]
        if {"checkov", "parliament", "policy_rules"} & set(chosen):
            plan()

        def run(name: str) -> tuple[Report, float]:
            started = time.monotonic()
            return checkers[name](), time.monotonic() - started

        with ThreadPoolExecutor(max_workers=2) as pool:
            reports = {name: pool.submit(run, name) for name in chosen}
        failed = False
        for name in chosen:
            report, seconds = reports[name].result()
            judged = judge(name, report, EXCEPTIONS, whole=whole)
            failed |= bool(judged.problems)
            print(*judged.problems, sep="\n", end="\n" if judged.problems else "", file=sys.stderr)
            kept = f"{judged.excepted} exceptions, {len(judged.problems)} problems"
            print(f"{name}: {report.looked_at}; {kept} ({seconds:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
