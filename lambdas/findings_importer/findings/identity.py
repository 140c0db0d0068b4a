"""What a finding is called, everywhere and for good.

The id says what the problem is (scanner, scope, rule, place, repository, branch), never the build: that is how a rescan
updates a finding instead of doubling it. Changing anything here orphans every finding in every account.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence

from findings.model import Finding, Subject

ID_LIMIT = 512  # https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html
_NAME_LIMIT = 100
_HASH_LENGTH = 40


def identify(subject: Subject, findings: Sequence[Finding]) -> list[tuple[str, Finding]]:
    """Each finding with its id, in their order.

    Findings that are equal in everything collapse into one. One that is alone with its rule and key is called by these,
    whatever else comes and goes. Where several share them (two versions of a package at one place), none has that id: each
    is called by its ``detail`` as well, so that what an analyst says of one is never said of another that stays behind when
    the first is mended. Only those that are equal in their detail, too, are numbered, in the report's order.
    The limit: a finding that stops or starts to be alone changes its id, which shows it anew; keys are made to be rarely shared.
    """
    unique = list(dict.fromkeys(findings))
    alone = [finding_id(subject, finding) for finding in unique]
    sharing = Counter(alone)
    numbers: Counter[tuple[str, tuple[str, ...]]] = Counter()
    result: list[tuple[str, Finding]] = []
    for first, finding in zip(alone, unique, strict=True):
        if sharing[first] == 1:
            result.append((first, finding))
            continue
        number = numbers[first, finding.detail]
        numbers[first, finding.detail] += 1
        result.append((finding_id(subject, finding, number), finding))
    return result


def finding_id(subject: Subject, finding: Finding, number: int | None = None) -> str:
    """``<repository>/<branch>/<scanner>-<scope>/<rule>/<hash>``, for people to recognize; the hash alone tells them apart.

    ``number``: None for a finding that is alone with its rule and key, else its place among those of the same detail.
    """
    parts: list[object] = [
        subject.scanner,
        subject.scope,
        subject.target,
        subject.repository,
        subject.branch,
        finding.rule,
        *finding.key,
    ]
    if number is not None:
        parts.append([*finding.detail, number])  # a list: no key can have such a part
    # As JSON: joined by any character, ["a", "b/c"] and ["a/b", "c"] would be the same.
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_HASH_LENGTH]
    names = (subject.repository, subject.branch, f"{subject.scanner}-{subject.scope}", finding.rule)
    return "/".join([*(_plain(name) for name in names), digest])


def _plain(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-:") else "-" for c in name[:_NAME_LIMIT])
