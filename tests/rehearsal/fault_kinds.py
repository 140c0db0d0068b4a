"""The faults: what each breaks in a chain, what the build's log must then say, and for which scanners there is nothing to try; and
the controls, in which nothing is wrong with the commit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import fault_breaks
from fault_chain import Built, Chain
from fault_scanners import SCANNERS
from fault_tools import Said

Check = Callable[[Chain, list[Built]], Iterator[str]]
SNYKS = ("snyk", "snyk-container", "snyk-code")
NOT_ECR = dict.fromkeys([name for name in SCANNERS if name != "ecr"], "only ECR scans by itself")


@dataclass(frozen=True)
class Fault:
    """``says``: a pattern for the build's log, also by scanner ("" for all others). ``dashes``: scanner -> why it has none.
    ``also``: what else is wrong. ``builds``: so many, one after another or ``together``."""

    break_: Callable[[Chain], None]
    says: str | Mapping[str, str] = ""
    dashes: Mapping[str, str] = field(default_factory=dict)
    builds: int = 1
    together: bool = False
    also: Check | None = None

    def dash(self, scanner: str) -> str:
        return self.dashes.get(scanner, "")

    def words(self, scanner: str) -> str:
        """What must stand in the log."""
        return self.says if isinstance(self.says, str) else self.says.get(scanner, self.says.get("", ""))


def ends_well(chain: Chain, built: list[Built]) -> Iterator[str]:
    """Every build does, and whoever asked was told the same."""
    if any(one.code != 0 for one in built):
        yield f"a build ended with {[one.code for one in built]}"
    yield from told_the_same(chain)


def one_speaks(chain: Chain, built: list[Built]) -> Iterator[str]:
    """Of several builds: one has the answer; who has none got an error that says so."""
    yield from told_the_same(chain)
    for one in built:
        if one.code != 0 and OVERTAKEN not in one.log:
            yield "a build failed for another reason than the other call"


def told_the_same(chain: Chain) -> Iterator[str]:
    """One answer for each scope, for whoever was answered."""
    answers = [json.loads(one) for one in chain.answered]
    for scope in chain.scanner.scopes:
        page = chain.functions.key(scope, "index.html")
        if len({json.dumps(one, sort_keys=True) for one in answers if one.get("page") == page}) != 1:
            yield f"{scope}: the callers have different answers"


def each_once(chain: Chain, built: list[Built]) -> Iterator[str]:
    """One answer, and every finding of the reports stands in Security Hub, inventory and findings.json, active and once."""
    yield from told_the_same(chain)
    for one in built:
        if ": findings:" not in one.log and OVERTAKEN not in one.log:
            yield "a build failed for another reason than the findings or the other call"
    right = sum(chain.scanner.listed.values())
    hub, written, kept = chain.functions.known()
    for where, documents in (
        ("Security Hub", hub),
        ("findings.json", written),
        ("the inventory", [one.document for one in kept]),
    ):
        names = {one["Id"] for one in documents}
        if not len(documents) == len(names) == right or {one["RecordState"] for one in documents} != {"ACTIVE"}:
            yield f"{where} has {len(documents)} findings under {len(names)} names; the reports list {right}"
    if any(one.pending or not one.active for one in kept):
        yield "the inventory has still to tell Security Hub something"


OVERTAKEN = "has been written by another call"
NO_TIME = "its report names no time; it is taken from the process itself, so an earlier one has no way in"
FAULTS: Mapping[str, Fault] = {
    "scanner crashes": Fault(fault_breaks.crash, r"\b134\b"),
    "prints half a report": Fault(
        fault_breaks.half,
        {
            "": "printed no JSON", "git-secrets": "exit code 0, 1 findings", "grype": "no whole report",
            "ecr": "ECR's answer is not about a scan", "zap": "report is not complete",
        },
    ),
    "prints an old report": Fault(
        fault_breaks.old,
        "before this execution began",
        {**dict.fromkeys((*SNYKS, "git-secrets"), NO_TIME), "ecr": "a scan of any time holds, its digest names the image"},
    ),
    "prints another commit's": Fault(
        fault_breaks.another,
        {
            "git-secrets": "the report is about commit", "snyk-container": "changed or cut off since",
            "grype": "the report is about image|about an image, not a folder", "ecr": "is not about a scan of sha256",
            "zap": "has no site localhost",
        },
        dict.fromkeys(("snyk", "snyk-code"), "its report names no commit; the next row is where that is noticed"),
    ),
    "build has another commit": Fault(fault_breaks.another_source, "the pipeline is about"),
    "passed once, then crashes": Fault(fault_breaks.retried, r"\b134\b"),
    "exits 0, prints nothing": Fault(
        fault_breaks.silent,
        {
            "": "printed no JSON", "git-secrets": "git-secrets does not work here", "grype": "no whole report",
            "ecr": "ECR's answer is not about a scan", "zap": "wrote no report",
        },
    ),
    "exits 0, nothing scanned": Fault(
        fault_breaks.unscanned,
        {
            "": "nothing was scanned", "snyk-code": "saw no supported file", "git-secrets": "the commit has no files",
            "ecr": "no finished scan within 2 seconds", "zap": "nothing of it was scanned",
        },
        {"grype": "its report does not say how many packages it saw: without matches it is a clean one"},
    ),
    "scanner is missing": Fault(
        fault_breaks.missing,
        {
            "": "cannot be run: No such file", "git-secrets": "'secrets' is not a git command",
            "zap": "can't open file.*zap-baseline.py",
        },
    ),
    "scanner hangs": Fault(
        fault_breaks.hang,
        {
            "": "ended at its time limit", "git-secrets": "exit code None", "ecr": "no answer within 2 seconds",
            "zap": "124",
        },
    ),
    "importer throttled": Fault(fault_breaks.importer(Said(code=254, err=fault_breaks.BUSY)), "TooManyRequestsException"),
    "importer slow": Fault(fault_breaks.s3("PutObject", "findings.json", fault_breaks.too_slow), "Task timed out"),
    "importer never answers": Fault(fault_breaks.no_answer, "aws lambda invoke: no answer within 2 seconds"),
    "importer throws": Fault(fault_breaks.throws, "importer failed; its log group says why.*as planned"),
    "importer absent": Fault(fault_breaks.importer(Said(code=254, err=fault_breaks.ABSENT)), "ResourceNotFoundException"),
    "S3 refuses the upload": Fault(fault_breaks.upload, "AccessDenied.*PutObject"),
    "S3 refuses the importer": Fault(fault_breaks.s3("GetObject", "raw.", fault_breaks.refused("GetObject")), "AccessDenied.*GetObject"),
    "S3 refuses any verdict": Fault(fault_breaks.s3("PutObject", "verdict", fault_breaks.refused("PutObject")), "AccessDenied.*PutObject"),
    "S3 refuses the last verdict": Fault(
        fault_breaks.s3("PutObject", "verdict", fault_breaks.refused("PutObject"), 1), "AccessDenied.*PutObject"
    ),
    "ECR scan never ends": Fault(
        fault_breaks.ecr_says("IN_PROGRESS", False), "no finished scan within 2 seconds.*IN_PROGRESS", NOT_ECR
    ),
    "ECR: unsupported image": Fault(fault_breaks.ecr_says("UNSUPPORTED_IMAGE", False), "UNSUPPORTED_IMAGE", NOT_ECR),
    "ECR: ACTIVE with nothing": Fault(fault_breaks.ecr_says("ACTIVE", False), "no finished scan within 2 seconds.*ACTIVE", NOT_ECR),
    "report larger than memory": Fault(fault_breaks.larger_than_memory, f"{fault_breaks.HUGE} bytes"),
    "report larger than importer's": Fault(fault_breaks.larger_than_importers, "at most 64 MiB are read"),
    "disk full": Fault(fault_breaks.full, "No space left on device"),
    "the same call twice": Fault(fault_breaks.with_findings(fault_breaks.twice), ": findings:", also=each_once),
    "two at once": Fault(
        fault_breaks.with_findings(fault_breaks.at_once), ": findings:", builds=2, together=True, also=each_once
    ),
}  # fmt: skip
# A gate that stops everything would fill the faults' table well. Here nothing is to be found, so everything must pass.
CONTROLS: Mapping[str, Fault] = {
    "healthy and clean": Fault(fault_breaks.nothing, also=ends_well),
    "the same call twice, clean": Fault(fault_breaks.twice, also=ends_well),
    "two at once, clean": Fault(fault_breaks.at_once, builds=2, together=True, also=one_speaks),
}
