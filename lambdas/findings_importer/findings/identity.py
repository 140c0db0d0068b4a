"""What a finding is called, everywhere and for good.

The id says what the problem is (scanner, scope, rule, place, repository, branch), never the build: that is how a rescan
updates a finding instead of doubling it. Changing anything here orphans every finding in every account.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from findings.model import Finding, Subject

ID_LIMIT = 512  # https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html
_NAME_LIMIT = 100
_HASH_LENGTH = 40


def identify(subject: Subject, findings: Sequence[Finding]) -> list[tuple[str, Finding]]:
    """Each finding with its id, in their order.

    Findings that are equal in everything collapse into one. Those that share rule and place only (two secrets on a line)
    are numbered in the report's order, so that none hides another.
    """
    seen: dict[str, set[Finding]] = {}
    result: list[tuple[str, Finding]] = []
    for finding in findings:
        first = finding_id(subject, finding, 0)
        known = seen.setdefault(first, set())
        if finding in known:
            continue
        known.add(finding)
        result.append((first if len(known) == 1 else finding_id(subject, finding, len(known) - 1), finding))
    return result


def finding_id(subject: Subject, finding: Finding, occurrence: int) -> str:
    """``<repository>/<branch>/<scanner>-<scope>/<rule>/<hash>``, for people to recognize; the hash alone tells them apart."""
    parts = [
        subject.scanner,
        subject.scope,
        subject.target,
        subject.repository,
        subject.branch,
        finding.rule,
        *finding.key,
        *([f"#{occurrence}"] if occurrence else []),
    ]
    # As JSON: joined by any character, ["a", "b/c"] and ["a/b", "c"] would be the same.
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_HASH_LENGTH]
    names = (subject.repository, subject.branch, f"{subject.scanner}-{subject.scope}", finding.rule)
    return "/".join([*(_plain(name) for name in names), digest])


def _plain(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-:") else "-" for c in name[:_NAME_LIMIT])
