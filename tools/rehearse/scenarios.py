"""What can go through the pipelines, step by step, and how each must end. Data only; run.py does it.

Every commit is one of the sample application (tests/sample_app). Its Dockerfile is another one: no base image with a system in it can
be had offline, and nothing here runs the image. It names the rehearsal's own by digest, as a commit should.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tools.emulator.process import ROOT
from tools.rehearse import plans
from tools.rehearse.plans import Plan
from tools.rehearse.standins import base

SHOP, LIBRARIES = "shop", "libraries"  # pipelines and repositories of pipelines.yaml
STAGING, PRODUCTION = "payments-staging", "payments-production"
APPROVED, REJECTED = "Approved", "Rejected"
FINDINGS, PASS = "findings", "pass"
RELEASED = "released"

DOCKERFILE = f"FROM {base.REFERENCE}\nCOPY requirements.txt app.py /srv/\nUSER 10001\nEXPOSE 8000\n"
SAMPLE = ROOT / "tests" / "sample_app"
NOT_STARTED = "no rule has matched"
# A secret that no scanner of this repository takes for one here: put together.
PLANTED = "AKIA" + "Q7RZ4M2K" * 2


def sample(name: str) -> str:
    """A file of the sample application."""
    return (SAMPLE / name).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Ends:
    """``status``: Succeeded, Failed, Superseded, or NOT_STARTED. ``at``: ``<stage>/<action>`` that failed, ``why``: what its message or its log says.
    ``verdicts``: ``<scanner> <scope>`` -> verdict of those that must be there (others may, but ``blocked`` lists all that are
    not `pass`). ``hub``: active findings of the repository in Security Hub. ``images``: in ECR. ``runs``: namespace -> number of
    the step whose image runs there, counted from 1; 0 for nothing. ``asked``: whether an approver got a mail. ``brings``, ``without``:
    ``<name>-<version>`` of packages that `resolve` really installs, or must not. ``record``: how the release's record ends; "" for
    none, because nobody was to be asked."""

    status: str
    at: str = ""
    why: str = ""
    verdicts: Mapping[str, str] = field(default_factory=dict)
    hub: int | None = None
    archived: int | None = None
    images: int | None = None
    runs: Mapping[str, int] = field(default_factory=dict)
    asked: bool | None = None
    brings: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    record: str = ""


@dataclass(frozen=True)
class Step:
    """One push. ``files``: path -> content, on top of the clean sample application; "" deletes. ``approval``: how ``ana`` answers."""

    says: str
    message: str
    ends: Ends
    repository: str = SHOP
    branch: str = "main"
    files: Mapping[str, str] = field(default_factory=dict)
    plan: Callable[[], Plan] = plans.clean
    approval: str = APPROVED
    wait: bool = True  # False: the next push follows a second later


@dataclass(frozen=True)
class Scenario:
    """``red``: whether a pipeline is to stop. ``trouble``: what is done to the account before (trouble.py), "" for nothing.
    ``secret``: must be nowhere but in the commit."""

    name: str
    says: str
    steps: tuple[Step, ...]
    red: bool = True
    trouble: str = ""
    secret: str = ""


_SCANS = {
    "git-secrets source": PASS,
    "git-secrets history": PASS,
    "grype dependencies": PASS,
    "grype image": PASS,
    "ecr image": PASS,
    "zap staging": PASS,
}
_BEFORE_STAGING = {name: PASS for name in _SCANS if name != "zap staging"}
_IN_PRODUCTION = Ends(
    "Succeeded", verdicts=_SCANS, hub=0, images=1, runs={STAGING: 1, PRODUCTION: 1}, asked=True, record=RELEASED
)  # fmt: skip
_NOWHERE = {STAGING: 0, PRODUCTION: 0}
_SCANNED = Ends("Succeeded", verdicts={"snyk dependencies": PASS}, hub=0)

CLEAN = Step("a commit without fault", "Show the price with tax", _IN_PRODUCTION)


_VULNERABLE = {"requirements.txt": sample("requirements.txt")}  # the sample application has its fix beside it
_CHANGED = {"app.py": sample("app.py").replace("<title>Payments<", "<title>Payments and rates<")}

SCENARIOS = (
    Scenario("clean", "A commit without fault travels to production.", (CLEAN,), red=False),
    Scenario(
        "planted-key",
        "A commit holds an AWS access key: git-secrets stops it, also when the next one takes it out: it is in the history for good. The "
        "key stands nowhere but in the repository.",
        (
            Step(
                "a commit with an AWS access key in a file",
                "Add settings for the nightly job",
                Ends("Failed", "Build/git-secrets", "git-secrets source: findings",
                     {"git-secrets source": FINDINGS, "git-secrets history": FINDINGS}, hub=2, archived=0, images=0, runs=_NOWHERE,
                     asked=False),
                files={"ci/nightly.env": f"AWS_ACCESS_KEY_ID={PLANTED}\n"},
            ),
            Step(
                "a commit without the file",
                "Keep the settings elsewhere",
                Ends("Failed", "Build/git-secrets", "git-secrets history: findings",
                     {"git-secrets source": PASS, "git-secrets history": FINDINGS}, hub=1, archived=1, images=0, runs=_NOWHERE,
                     asked=False),
            ),
        ),
        secret=PLANTED,
    ),
    Scenario(
        "vulnerable-dependency",
        "A vulnerable package two levels down stops at Verify; the next commit fixes it and goes through.",
        (
            Step(
                "a commit that asks for httpx 0.24.1, which brings h11 0.14.0",
                "Ask the rates service",
                Ends("Failed", "Verify/grype", "grype dependencies: findings", {"grype dependencies": FINDINGS, "grype image": PASS},
                     hub=1, archived=0, images=0, runs=_NOWHERE, asked=False, brings=("h11-0.14.0",)),
                files=_VULNERABLE,
                plan=plans.vulnerable_dependency,
            ),
            Step(
                "the fix: httpx 0.28.1, which brings a later h11",
                "Update httpx",
                Ends("Succeeded", verdicts=_SCANS, hub=0, archived=1, images=1, runs={STAGING: 2, PRODUCTION: 2}, asked=True, record=RELEASED,
                     without=("h11-0.14.0",)),
            ),
        ),
    ),
    Scenario(
        "zap-high",
        "The dynamic scan of staging finds High alerts: nobody is asked, production stays as it is.",
        (
            Step(
                "a commit whose pages ZAP finds fault with",
                "Add a search page",
                Ends("Failed", "Staging/zap", "zap staging: findings", {**_BEFORE_STAGING, "zap staging": FINDINGS},
                     images=1, runs={STAGING: 1, PRODUCTION: 0}, asked=False),
                plan=plans.zap_high,
            ),
        ),
    ),
    Scenario(
        "approval-rejected",
        "Everything passes, and the approver says no.",
        (
            Step(
                "a commit without fault, which the approver does not want today",
                "Show the price with tax",
                Ends("Failed", "Staging/", "Rejected", _SCANS, hub=0, images=1, runs={STAGING: 1, PRODUCTION: 0}, asked=True,
                     record="rejected"),
                approval=REJECTED,
            ),
        ),
    ),
    Scenario(
        "forged-report",
        "A build goes on although its gate said no, and puts a clean report in place of its own: the guard stops it.",
        (
            Step(
                "a vulnerable commit, scanned by a build that lies",
                "Ask the rates service",
                Ends("Failed", "Publish/", "grype dependencies", {"grype dependencies": FINDINGS}, hub=1, images=0,
                     runs=_NOWHERE, asked=False),
                files=_VULNERABLE,
                plan=plans.vulnerable_dependency,
            ),
        ),
        trouble="lying-build",
    ),
    Scenario(
        "rollout-fails",
        "The second release does not become ready in production: the first is put back.",
        (
            CLEAN,
            Step(
                "a commit that passes every scan, and does not become ready in production",
                "Read the rates at the start",
                Ends("Failed", "Production/", "put back", _SCANS, hub=0, images=2, runs={STAGING: 2, PRODUCTION: 1}, asked=True,
                     record="failed"),
                files=_CHANGED,
                plan=lambda: plans.production_breaks(PRODUCTION),
            ),
        ),
    ),
    Scenario(
        "token-missing",
        "Nobody has put Snyk's token where the settings say.",
        (
            Step(
                "a push to a library",
                "Update httpx",
                Ends("Failed", "Scan/snyk", "/acme/snyk/token", {"snyk dependencies": "tool-error"}, hub=0),
                repository=LIBRARIES,
            ),
        ),
        trouble="no-token",
    ),
    Scenario(
        "importer-down",
        "The function that judges reports is broken: nothing passes.",
        (
            Step(
                "a commit without fault",
                "Show the price with tax",
                Ends("Failed", "Build/git-secrets", "importer failed", {}, hub=0, images=0, runs=_NOWHERE, asked=False),
            ),
        ),
        trouble="importer-throws",
    ),
    Scenario(
        "two-commits",
        "Two commits a second apart: each is an execution of its own commit, and production ends with the later one.",
        (
            # Where the second one is when the first has ended depends on the machine, so the account is looked at once, at the end.
            Step("a commit without fault", "Show the price with tax", Ends("Succeeded", verdicts=_SCANS, hub=0, asked=True, record=RELEASED),
                 wait=False),
            Step(
                "another one, a second later",
                "Show the price without tax, too",
                Ends("Succeeded", verdicts=_SCANS, hub=0, images=2, runs={STAGING: 2, PRODUCTION: 2}, asked=True, record=RELEASED),
                files=_CHANGED,
            ),
        ),
        red=False,
    ),
    Scenario(
        "scan-two-branches",
        "Two branches of a library are pushed: each commit is scanned on its own branch; a third branch matches no setting.",
        (
            Step("a push to main", "Update httpx", _SCANNED, repository=LIBRARIES),
            Step("a push to feature/rates", "Try another client", _SCANNED, repository=LIBRARIES, branch="feature/rates"),
            Step("a push to wip/rates, which no setting names", "Try a third one", Ends(NOT_STARTED, hub=0),
                 repository=LIBRARIES, branch="wip/rates"),
        ),
        red=False,
    ),
)  # fmt: skip


def named(name: str) -> Scenario:
    """Raises KeyError."""
    return {one.name: one for one in SCENARIOS}[name]
