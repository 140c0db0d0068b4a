"""The gate's contract: what a build asks, what the importer answers, and what it records for the release guard.

The other side of the call is buildspecs/scripts/gate.py. Change this file and that one together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from dataclasses import fields as members
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from common import strict
from common.strict import MalformedError

SCHEMA: Final = 1
SUMMARY_LIMIT: Final = 80  # becomes part of the approval's mail, whose text is limited
REASON_LIMIT: Final = 1000
COUNT_LIMIT: Final = 10**9

# Which parts of a release each scanner looks at. The pair names a report, so "<scanner>-<scope>" must be unique.
SCOPES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "git-secrets": frozenset({"source", "history"}),
        "snyk": frozenset({"dependencies"}),
        "snyk-code": frozenset({"code"}),
        "snyk-container": frozenset({"image"}),
        "grype": frozenset({"dependencies", "image"}),
        "ecr": frozenset({"image"}),
        "zap": frozenset({"staging"}),
    }
)
# Read at a desk only: no pipeline of ours runs them, so they have no scopes.
READ_ONLY_SCANNERS: Final = frozenset({"semgrep", "inspector", "gitleaks", "sarif"})
IMAGE_SCOPES: Final = frozenset({"image", "staging"})  # look at one image, so their verdicts hold for its digest alone
TEXT_REPORTS: Final = frozenset({"git-secrets"})  # write lines, not JSON

PIPELINE: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
EXECUTION: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ACTION: Final = re.compile(r"[A-Za-z0-9.@_-]{1,100}/[A-Za-z0-9.@_-]{1,100}")
COMMIT: Final = re.compile(r"[0-9a-f]{40}")
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
SHA256: Final = re.compile(r"[0-9a-f]{64}")
LINE: Final = re.compile(r"[^\x00-\x1f\x7f]{1,1000}")
PRINTABLE: Final = re.compile(r"[ -~]*")

AN_EXECUTION: Final = "a pipeline execution's id"
A_COMMIT: Final = "a commit of 40 hexadecimal digits"
A_SHA256: Final = "a SHA-256 in hexadecimal"
DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Verdict(StrEnum):
    """What a gate says. Only ``PASS`` lets anything through."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FINDINGS = "findings"
    TOOL_ERROR = "tool-error"
    NO_EVIDENCE = "no-evidence"


def folder(pipeline: str, execution: str, scanner: str, scope: str) -> str:
    """Where in the reports bucket everything about one scan of one execution stands."""
    return f"reports/{pipeline}/{execution}/{scanner}-{scope}"


def raw_key(pipeline: str, execution: str, scanner: str, scope: str) -> str:
    """Key of the report as the scanner wrote it: builds may write it."""
    kind = "txt" if scanner in TEXT_REPORTS else "json"
    return f"{folder(pipeline, execution, scanner, scope)}/raw.{kind}"


def verdict_key(pipeline: str, execution: str, scanner: str, scope: str) -> str:
    """Key of the record of the verdict: only the importer's role may write it."""
    return f"{folder(pipeline, execution, scanner, scope)}/verdict.json"


def _empty_or(value: object, where: str, pattern: re.Pattern[str], right: str) -> str:
    return "" if value == "" else strict.text(value, where, pattern, f"{right} or nothing")


@dataclass(frozen=True)
class ReportCall:
    """A build's question: is this report good enough? All of it is the caller's claim until checked elsewhere."""

    pipeline: str
    execution: str
    action: str
    scanner: str
    scope: str
    key: str
    exit_code: int

    @classmethod
    def parse(cls, document: object) -> ReportCall:
        """The call in ``document``; ``MalformedError`` if anything in it is not exactly as agreed."""
        names = ("schema", "kind", *(member.name for member in members(cls)))
        given = strict.fields(document, "call", names)
        strict.integer(given["schema"], "schema", SCHEMA, SCHEMA)
        strict.choice(given["kind"], "kind", ("report",))
        pipeline = strict.text(given["pipeline"], "pipeline", PIPELINE, "a pipeline's name in pipelines.yaml")
        execution = strict.text(given["execution"], "execution", EXECUTION, AN_EXECUTION)
        action = strict.text(given["action"], "action", ACTION, "<stage>/<action>")
        scanner = strict.choice(given["scanner"], "scanner", SCOPES)
        scope = strict.choice(given["scope"], "scope", SCOPES[scanner])
        # Composed, never taken apart: a key that only resembles its report's would move the verdict to another place.
        key = raw_key(pipeline, execution, scanner, scope)
        if given["key"] != key:
            raise MalformedError(f"key: {key} is right, not {strict.shown(given['key'])}")
        exit_code = strict.integer(given["exit_code"], "exit_code", 0, 255)
        return cls(pipeline, execution, action, scanner, scope, key, exit_code)


@dataclass(frozen=True)
class Counts:
    """Findings by severity; waived ones stand apart and in no other number."""

    critical: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0
    informational: int = 0
    ungraded: int = 0
    waived: int = 0

    @classmethod
    def parse(cls, document: object) -> Counts:
        """Counts as written by ``Answer.as_json``."""
        names = tuple(member.name for member in members(cls))
        given = strict.fields(document, "counts", names)
        return cls(**{name: strict.integer(given[name], f"counts.{name}", 0, COUNT_LIMIT) for name in names})


@dataclass(frozen=True)
class Answer:
    """What the importer says to a build. A verdict that contradicts its own numbers cannot be made."""

    verdict: Verdict
    summary: str
    reason: str
    counts: Counts = Counts()
    blocking: int = 0
    page: str = ""  # key of the page for people; empty while none is written

    def __post_init__(self) -> None:
        if self.verdict is Verdict.PASS and self.blocking != 0:
            raise MalformedError(f"a pass has no blocking findings, this one has {self.blocking}")
        if self.verdict is Verdict.FINDINGS and self.blocking < 1:
            raise MalformedError("the verdict findings needs at least one blocking finding")
        # The texts come from a caller or a report in part; whoever shows them gets one short printable line.
        object.__setattr__(self, "summary", strict.clean(self.summary, SUMMARY_LIMIT))
        object.__setattr__(self, "reason", strict.clean(self.reason, REASON_LIMIT))

    @classmethod
    def parse(cls, document: object) -> Answer:
        """An answer as written by ``as_json``."""
        given = strict.fields(document, "answer", ("schema", *(member.name for member in members(cls))))
        strict.integer(given["schema"], "schema", SCHEMA, SCHEMA)
        return cls(
            verdict=Verdict(strict.choice(given["verdict"], "verdict", tuple(Verdict))),
            summary=strict.text(given["summary"], "summary", PRINTABLE, "printable text"),
            reason=strict.text(given["reason"], "reason", PRINTABLE, "printable text"),
            counts=Counts.parse(given["counts"]),
            blocking=strict.integer(given["blocking"], "blocking", 0, COUNT_LIMIT),
            page=strict.text(given["page"], "page", PRINTABLE, "the key of a page"),
        )

    def as_json(self) -> dict[str, object]:
        """The answer as the contract writes it."""
        return {"schema": SCHEMA, **asdict(self), "verdict": self.verdict.value}


@dataclass(frozen=True)
class Origin:
    """What was scanned, by CodePipeline's own account of the execution."""

    repository: str
    branch: str
    commit: str


@dataclass(frozen=True)
class Record:
    """verdict.json: an answer, and what it is about. The release guard reads no other word of the importer.

    ``digest``: of the execution's image, for ``IMAGE_SCOPES``, else empty. ``report_sha256``: of the raw report that was
    judged; empty if there was none. ``waived_until``: the first day on which a waiver that the verdict needs ends
    (YYYY-MM-DD); empty if it needs none.
    """

    answer: Answer
    pipeline: str
    execution: str
    scanner: str
    scope: str
    exit_code: int
    origin: Origin
    digest: str
    report_sha256: str
    policy_sha256: str
    waived_until: str = ""

    @property
    def key(self) -> str:
        """Where this record stands."""
        return verdict_key(self.pipeline, self.execution, self.scanner, self.scope)

    @classmethod
    def parse(cls, data: bytes) -> Record:
        """The record in ``data``; ``MalformedError`` for anything that ``as_bytes`` would not have written."""
        answer = ("schema", *(member.name for member in members(Answer)))
        scan = ("pipeline", "execution", "scanner", "scope", "exit_code")
        bound = ("digest", "report_sha256", "policy_sha256", "waived_until")
        origin = tuple(member.name for member in members(Origin))
        given = strict.fields(strict.loads(data, "verdict.json"), "verdict.json", (*answer, *scan, *bound, *origin))
        scanner = strict.choice(given["scanner"], "scanner", SCOPES)
        return cls(
            answer=Answer.parse({name: given[name] for name in answer}),
            pipeline=strict.text(given["pipeline"], "pipeline", PIPELINE, "a pipeline's name in pipelines.yaml"),
            execution=strict.text(given["execution"], "execution", EXECUTION, AN_EXECUTION),
            scanner=scanner,
            scope=strict.choice(given["scope"], "scope", SCOPES[scanner]),
            exit_code=strict.integer(given["exit_code"], "exit_code", 0, 255),
            origin=Origin(
                repository=strict.text(given["repository"], "repository", LINE, "a repository's name"),
                branch=strict.text(given["branch"], "branch", LINE, "a branch's name"),
                commit=strict.text(given["commit"], "commit", COMMIT, A_COMMIT),
            ),
            digest=_empty_or(given["digest"], "digest", DIGEST, "an image digest (sha256:...)"),
            report_sha256=_empty_or(given["report_sha256"], "report_sha256", SHA256, A_SHA256),
            policy_sha256=strict.text(given["policy_sha256"], "policy_sha256", SHA256, A_SHA256),
            waived_until=_empty_or(given["waived_until"], "waived_until", DAY, "YYYY-MM-DD"),
        )

    def as_bytes(self) -> bytes:
        """The file's content: the same record is always the same bytes."""
        document = {
            **self.answer.as_json(),
            "pipeline": self.pipeline,
            "execution": self.execution,
            "scanner": self.scanner,
            "scope": self.scope,
            "exit_code": self.exit_code,
            "digest": self.digest,
            "report_sha256": self.report_sha256,
            "policy_sha256": self.policy_sha256,
            "waived_until": self.waived_until,
            **asdict(self.origin),
        }
        return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()
