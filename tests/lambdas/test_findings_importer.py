"""The importer from a build's call to verdict, page, Security Hub and record; only AWS's clients are stand-ins."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asff_model
from common.contract import SCOPES, Answer, Counts, Origin, Record, Verdict, raw_key
from common.strict import MalformedError
from findings import parsers
from findings.model import UnreadableError
from importer_world import World, real
from lambda_fakes import COMMIT, EXECUTION, OTHER_COMMIT, OTHER_EXECUTION, Context, policy_bytes
from s3_fake import DIGEST, STARTED

Recorded = Callable[[str], Any]
FOLDER = f"reports/payments/{EXECUTION}/grype-image"
LATER = "11111111-7a4d-4e0b-9c55-0d1e2f3a4b5c"


def grype(*vulnerabilities: tuple[str, str], digest: str = DIGEST) -> bytes:
    """A report of Grype 0.100 about an image, cut down to what must be there. ``vulnerabilities``: id and severity."""
    matches = [
        {
            "vulnerability": {"id": name, "severity": severity, "fix": {"versions": ["2.0"], "state": "fixed"}},
            "relatedVulnerabilities": [],
            "artifact": {"name": "libfoo", "version": "1.0", "type": "deb", "locations": [{"path": "/var/lib/dpkg"}]},
        }
        for name, severity in vulnerabilities
    ]
    source = {"type": "image", "target": {"userInput": "image.tar", "manifestDigest": digest, "imageID": digest}}
    return json.dumps(
        {"matches": matches, "source": source, "descriptor": {"name": "grype", "version": "0.100.0"}}
    ).encode()


HIGH, LOW = ("CVE-2024-1", "High"), ("CVE-2024-2", "Low")


# --- the verdict, and everything that stands beside it ------------------------------------------------------------------


def test_a_clean_scan_passes_and_all_of_it_is_kept() -> None:
    world = World()
    report = grype(LOW)
    outcome = world.scan(report)
    assert outcome.answer == Answer(
        Verdict.PASS,
        "grype image: 1 low",
        "no finding at or above high, or ungraded",
        Counts(low=1),
        0,
        f"{FOLDER}/index.html",
    )
    record = world.record()
    assert record.answer == outcome.answer
    assert (record.origin, record.digest) == (Origin("payments", "main", COMMIT), DIGEST)
    assert record.waived_until == ""
    # sha256sum of the raw report
    import hashlib

    assert record.report_sha256 == hashlib.sha256(report).hexdigest()
    stored = json.loads(world.s3.objects[f"{FOLDER}/findings.json"])
    assert stored["verdict"] == "pass"
    assert [finding["Title"] for finding in stored["findings"]] != []
    assert [problem for finding in stored["findings"] for problem in asff_model.errors(finding)] == []
    assert b"<html" in world.s3.objects[f"{FOLDER}/index.html"].lower()
    assert len(world.active()) == 1


def test_findings_stop_the_build_and_stand_in_security_hub() -> None:
    world = World()
    outcome = world.scan(grype(HIGH, LOW), exit_code=0)
    assert (outcome.answer.verdict, outcome.answer.blocking) == (Verdict.FINDINGS, 1)
    assert outcome.answer.counts == Counts(high=1, low=1)
    severities = {finding["FindingProviderFields"]["Severity"]["Label"] for finding in world.hub.findings.values()}
    assert severities == {"HIGH", "LOW"}
    assert world.record().answer.verdict is Verdict.FINDINGS


@pytest.mark.parametrize(
    ("report", "exit_code", "verdict"),
    [
        (None, 0, Verdict.NO_EVIDENCE),
        (b"", 0, Verdict.NO_EVIDENCE),
        (b" \n", 0, Verdict.NO_EVIDENCE),
        (grype(LOW)[:-1], 0, Verdict.NO_EVIDENCE),
        (real("zap/many.json"), 0, Verdict.NO_EVIDENCE),
        (grype(digest=f"sha256:{'0' * 64}"), 0, Verdict.NO_EVIDENCE),
        (grype(("CVE-2024-1", "Catastrophic")), 0, Verdict.TOOL_ERROR),
        (grype(LOW), 2, Verdict.TOOL_ERROR),
    ],
)
def test_no_report_of_this_image_is_no_pass(report: bytes | None, exit_code: int, verdict: Verdict) -> None:
    world = World()
    assert world.scan(report, exit_code=exit_code).answer.verdict is verdict
    assert world.record().answer.verdict is verdict


def test_a_report_that_is_too_large_is_a_tool_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("findings.report_store.RAW_LIMIT", 10)
    outcome = World().scan(grype())
    assert outcome.answer.verdict is Verdict.TOOL_ERROR
    assert "at most" in outcome.answer.reason


# --- who may ask, and about what ----------------------------------------------------------------------------------------


def test_a_call_without_a_known_image_is_refused_and_leaves_nothing() -> None:
    world = World()
    world.codepipeline.digests[EXECUTION] = "none"
    outcome = world.scan(grype())
    assert outcome.answer.verdict is Verdict.TOOL_ERROR
    assert "no sealed image digest" in outcome.answer.reason
    assert world.s3.log == []


def test_scans_of_the_repository_need_no_image() -> None:
    world = World()
    world.codepipeline.digests[EXECUTION] = "none"
    report = json.loads(real("grype/directory_scan_many.json")) | {"matches": [], "ignoredMatches": None}
    del report["descriptor"]["timestamp"]  # of 2025: older than the run
    outcome = world.scan(json.dumps(report).encode(), scope="dependencies")
    assert outcome.answer.verdict is Verdict.PASS
    assert world.record(scope="dependencies").digest == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "schema"),
        ({"key": f"{FOLDER}/raw.json".replace("payments", "orders")}, "key"),
        (
            {"pipeline": "orders", "key": f"{FOLDER}/raw.json".replace("payments", "orders")},
            "orders is not in this function's policy.json",
        ),
        (
            {"scanner": "snyk-container", "key": f"{FOLDER}/raw.json".replace("grype-", "snyk-container-")},
            "no rule for snyk-container in payments",
        ),
    ],
)
def test_a_call_that_is_wrong_is_answered_and_leaves_nothing(
    recorded: Recorded, change: dict[str, object], words: str
) -> None:
    world = World()
    outcome = world.importer().judge(recorded("gate_report") | change, "payments_grype")
    assert (outcome.answer.verdict, outcome.answer.summary) == (Verdict.TOOL_ERROR, "tool-error: the call was refused")
    assert words in outcome.answer.reason
    assert outcome.judgement is None
    assert world.s3.log == []


@pytest.mark.parametrize("alias", ["", "payments_ecr", "orders_grype", "payments", "payments_grype2", "grype_payments"])
def test_a_build_speaks_for_its_own_scanner_and_pipeline_alone(recorded: Recorded, alias: str) -> None:
    world = World()
    outcome = world.importer().judge(recorded("gate_report"), alias)
    assert outcome.answer.verdict is Verdict.TOOL_ERROR
    assert "may not speak for grype of payments" in outcome.answer.reason
    assert world.s3.log == []


@pytest.mark.parametrize(
    ("change", "alias", "reason"),
    [
        ({}, "payments_ecr", "the alias 'payments_ecr' may not speak for grype of payments"),
        (
            {"pipeline": "orders", "key": f"{FOLDER}/raw.json".replace("payments", "orders")},
            "orders_grype",
            "pipeline: orders is not in this function's policy.json",
        ),
        (
            {"scanner": "snyk-container", "key": f"{FOLDER}/raw.json".replace("grype-", "snyk-container-")},
            "payments_snyk-container",
            "scanner: policy.json has no rule for snyk-container in payments",
        ),
    ],
)
def test_a_refusal_is_a_whole_sentence(recorded: Recorded, change: dict[str, object], alias: str, reason: str) -> None:
    outcome = World().importer().judge(recorded("gate_report") | change, alias)
    assert outcome.answer.reason == reason


def test_what_is_refused_for_its_image_names_execution_and_scanner() -> None:
    world = World()
    world.codepipeline.digests[EXECUTION] = "none"
    reason = f"execution {EXECUTION} has no sealed image digest, so nobody knows what grype looked at"
    assert world.scan(grype()).answer.reason == reason


def test_a_scan_of_the_repository_is_about_no_image_though_there_is_one() -> None:
    world = World()
    report = json.loads(real("grype/directory_scan_many.json")) | {"matches": [], "ignoredMatches": None}
    del report["descriptor"]["timestamp"]  # of 2025: older than the run
    outcome = world.scan(json.dumps(report).encode(), scope="dependencies")
    assert outcome.judgement is not None
    assert outcome.judgement.subject.digest == world.record(scope="dependencies").digest == ""


# --- what is scanned, and who else scans it -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pipeline", "scanner", "scope", "branch", "target"),
    [
        # An image, and the site that runs it, are always the pipeline's own.
        ("payments", "grype", "image", "main", "payments"),
        ("payments", "zap", "staging", "main", "payments"),
        # payments delivers main, payments-scan scans any branch; both with Snyk, each resolving in its own way.
        ("payments", "snyk", "dependencies", "main", "payments"),
        ("payments-scan", "snyk", "dependencies", "main", "payments-scan"),
        ("payments-scan", "snyk", "dependencies", "feature/refunds", ""),
        # Grype is in payments alone.
        ("payments", "grype", "dependencies", "main", ""),
        # Sources are the same for everybody.
        ("payments", "git-secrets", "source", "main", ""),
        ("payments", "snyk", "code", "main", ""),
    ],
)
def test_two_pipelines_that_resolve_dependencies_do_not_share_them(
    pipeline: str, scanner: str, scope: str, branch: str, target: str
) -> None:
    assert World().importer().target(pipeline, scanner, scope, branch) == target


def test_a_pipeline_of_another_repository_or_branch_shares_nothing() -> None:
    world = World()
    world.document["pipelines"]["payments-scan"]["repository"] = "ledger"
    assert world.importer().target("payments", "snyk", "dependencies", "main") == ""
    world = World()
    world.document["pipelines"]["payments2"] = {**world.document["pipelines"]["payments"], "branch": "next"}
    del world.document["pipelines"]["payments-scan"]
    assert world.importer().target("payments", "snyk", "dependencies", "main") == ""


def test_a_site_is_asked_for_only_where_one_was_scanned() -> None:
    world = World()
    importer = world.importer()
    payments = importer.policy.pipelines["payments"]
    assert importer.terms(payments, "zap", None).host == "payments.staging.example.com"
    assert importer.terms(payments, "grype", None).host == ""
    world.document["pipelines"]["payments-scan"]["gate"]["zap"] = world.document["pipelines"]["payments"]["gate"]["zap"]
    importer = world.importer()
    assert importer.terms(importer.policy.pipelines["payments-scan"], "zap", None).host == ""


# --- nothing is half done -----------------------------------------------------------------------------------------------


def test_an_earlier_attempts_pass_does_not_outlive_a_call_that_dies() -> None:
    world = World()
    assert world.scan(grype()).answer.verdict is Verdict.PASS
    world.s3.faults["index.html"] = ["SlowDown"]
    with pytest.raises(Exception, match="SlowDown"):
        world.scan(grype(HIGH))
    left = world.record()
    assert left.answer.verdict is Verdict.TOOL_ERROR
    assert left.answer.reason == "the importer began to judge this report and did not finish; its log says why"
    assert left.answer.summary == "grype image: unfinished"


def test_the_verdict_is_written_last() -> None:
    world = World()
    world.scan(grype(HIGH))
    writes = [key.rsplit("/", 1)[1] for key in world.s3.log if key.startswith("reports/")]
    assert writes == ["verdict.json", "findings.json", "index.html", "verdict.json"]


def test_security_hub_switched_off_blocks() -> None:
    world = World()
    world.hub.enabled = False
    outcome = world.scan(grype(LOW))
    assert outcome.answer.verdict is Verdict.TOOL_ERROR
    assert "Security Hub" in outcome.answer.reason
    assert world.record().answer.verdict is Verdict.TOOL_ERROR
    world.hub.enabled = True
    assert world.scan(grype(LOW)).answer.verdict is Verdict.PASS
    assert len(world.active()) == 1


@pytest.mark.parametrize("report_only", [False, True])
def test_what_could_not_be_recorded_is_no_verdict_and_no_finished_scan(report_only: bool) -> None:
    world = World()
    world.document["pipelines"]["payments"]["gate"]["grype"]["report_only"] = report_only
    world.hub.enabled = False
    outcome = world.scan(grype(HIGH, LOW))
    assert (outcome.answer.verdict, outcome.answer.summary) == (Verdict.TOOL_ERROR, "grype image: tool-error")
    assert re.match(r"the findings could not be recorded: \w", outcome.answer.reason)
    assert (outcome.answer.blocking, outcome.answer.counts) == (1, Counts(high=1, low=1))
    assert outcome.judgement is not None
    assert not outcome.judgement.finished
    assert outcome.delivered is None


def test_each_finding_names_the_page_of_its_scan() -> None:
    world = World()
    world.scan(grype(LOW))
    (written,) = json.loads(world.s3.objects[f"{FOLDER}/findings.json"])["findings"]
    (sent,) = world.hub.findings.values()
    for document in (written, sent):
        assert f"{FOLDER}/index.html" in document["ProductFields"].values()


def test_security_hub_switched_off_blocks_unless_the_settings_say_so() -> None:
    world = World()
    world.document["security_hub"] = False
    world.hub.enabled = False
    assert world.scan(grype(LOW)).answer.verdict is Verdict.PASS
    assert world.hub.requests == []
    assert len(json.loads(world.s3.objects[f"{FOLDER}/findings.json"])["findings"]) == 1


def test_what_security_hub_does_not_take_is_named_and_stops_the_build() -> None:
    world = World()
    world.scan(grype(LOW))
    (name,) = world.active()
    world.hub.bad[name] = ["InvalidInput*"]
    world.clock.sleep(60)
    outcome = world.scan(grype(LOW, ("CVE-2024-3", "Low")))
    assert outcome.answer.verdict is Verdict.TOOL_ERROR
    assert "InvalidInput" in outcome.answer.reason
    assert "CVE-2024-2" in outcome.answer.reason
    assert len(world.active()) == 2  # the other one was imported all the same
    assert world.record().answer.verdict is Verdict.TOOL_ERROR


def test_what_security_hub_throttles_is_tried_again_within_the_time_left() -> None:
    world = World()
    world.hub.faults["BatchImportFindings"] = ["ThrottlingException", "InternalException", None]
    assert world.scan(grype(LOW)).answer.verdict is Verdict.PASS
    world = World()
    world.hub.faults["BatchImportFindings"] = ["ThrottlingException"] * 1000
    outcome = world.scan(grype(LOW), seconds=120)
    assert outcome.answer.verdict is Verdict.TOOL_ERROR
    assert "ThrottlingException" in outcome.answer.reason


# --- life of a finding, through the whole importer ------------------------------------------------------------------------


def test_a_fixed_finding_is_archived_and_one_that_stays_keeps_its_id_and_creation() -> None:
    world = World()
    world.scan(grype(HIGH, LOW))
    before = dict(world.hub.findings)
    world.clock.sleep(3600)
    world.codepipeline.started[LATER] = STARTED + timedelta(hours=1)
    world.codepipeline.commits[LATER] = OTHER_COMMIT
    world.codepipeline.digests[LATER] = f"sha256:{'9' * 64}"
    outcome = world.scan(grype(LOW, digest=f"sha256:{'9' * 64}"), execution=LATER)
    assert outcome.delivered is not None
    assert (outcome.delivered.new, outcome.delivered.archived) == (0, 1)
    assert world.hub.findings.keys() == before.keys()
    for name, finding in world.hub.findings.items():
        assert finding["CreatedAt"] == before[name]["CreatedAt"]
        assert finding["RecordState"] == ("ARCHIVED" if "CVE-2024-1" in name else "ACTIVE")


@pytest.mark.parametrize(
    ("report", "exit_code"), [(None, 0), (b"{", 0), (grype(), 2), (grype(digest=f"sha256:{'0' * 64}"), 0)]
)
def test_a_scan_that_did_not_finish_archives_nothing(report: bytes | None, exit_code: int) -> None:
    world = World()
    world.scan(grype(HIGH))
    world.scan(report, execution=LATER, exit_code=exit_code)
    assert len(world.active()) == 1


def test_a_partial_scan_adds_and_archives_nothing() -> None:
    world = World()
    world.scan(grype(HIGH))
    world.scan(grype(("CVE-2024-9", "Catastrophic")), execution=LATER)
    assert len(world.active()) == 2


def test_an_older_scan_that_comes_late_changes_nothing_known() -> None:
    world = World()
    world.codepipeline.started[EXECUTION] = STARTED + timedelta(hours=1)
    world.scan(grype(LOW))
    world.codepipeline.started[OTHER_EXECUTION] = STARTED
    world.scan(grype(HIGH), execution=OTHER_EXECUTION)
    assert {name.split("/")[3]: state for name, state in world.states().items()} == {
        "CVE-2024-2": "ACTIVE",
        "CVE-2024-1": "ARCHIVED",
    }


def scan_of_branch(world: World, branch: str, execution: str, report: bytes) -> None:
    world.codepipeline.branches[execution] = branch
    world.scan(report, scanner="snyk", scope="dependencies", pipeline="payments-scan", execution=execution)


def test_branches_never_touch_each_other_and_a_deleted_ones_findings_are_archived(recorded: Recorded) -> None:
    world = World()
    one, none = real("snyk/project_one.json"), real("snyk/projects_none.json")
    scan_of_branch(world, "main", EXECUTION, one)
    scan_of_branch(world, "feature/refunds", OTHER_EXECUTION, one)
    assert len(world.active()) == 2
    scan_of_branch(world, "feature/else", LATER, none)
    assert len(world.active()) == 2
    event = recorded("codecommit_reference_deleted")
    event["time"] = (STARTED + timedelta(minutes=5)).isoformat()
    assert world.event(event) == "payments: branch feature/refunds is gone, 1 findings are archived"
    assert [name.split("/")[1] for name in world.active()] == ["main"]
    # A scan of it that began before and ends now does not bring them back.
    scan_of_branch(world, "feature/refunds", OTHER_EXECUTION, one)
    assert [name.split("/")[1] for name in world.active()] == ["main"]


def test_two_images_of_one_repository_do_not_archive_each_other() -> None:
    world = World()
    world.document["pipelines"]["orders"] = world.document["pipelines"]["payments"] | {"name": "acme-orders"}
    world.scan(grype(HIGH))
    world.scan(grype(LOW), pipeline="orders", execution=OTHER_EXECUTION)
    assert len(world.active()) == 2


def waived(until: date) -> dict[str, Any]:
    return {
        "scanner": "grype",
        "rule": "CVE-2024-1",
        "location": None,
        "owner": "ann@example.com",
        "reason": "not reachable",
        "expires": until.isoformat(),
    }


def test_a_waived_finding_is_suppressed_counted_apart_and_comes_back() -> None:
    world = World()
    last_day = world.clock.now().date()
    world.document["waivers"] = [waived(last_day)]
    outcome = world.scan(grype(HIGH))
    assert (outcome.answer.verdict, outcome.answer.counts) == (Verdict.PASS, Counts(waived=1))
    assert world.record().waived_until == last_day.isoformat()
    (finding,) = world.hub.findings.values()
    assert finding["Workflow"] == {"Status": "SUPPRESSED"}
    assert "not reachable" in finding["Note"]["Text"]
    world.clock.sleep(24 * 3600)
    outcome = world.scan(grype(HIGH))
    assert (outcome.answer.verdict, outcome.answer.counts) == (Verdict.FINDINGS, Counts(high=1))
    world.hub.settle()
    (finding,) = world.hub.findings.values()
    assert finding["Workflow"] == {"Status": "NEW"}


def test_an_analysts_word_outlives_the_waiver() -> None:
    world = World()
    world.document["waivers"] = [waived(world.clock.now().date())]
    world.scan(grype(HIGH))
    (name,) = world.hub.findings
    world.clock.sleep(24 * 3600)
    world.hub.analyst(name, "SUPPRESSED", "I have looked: it is fine")
    assert world.scan(grype(HIGH)).answer.verdict is Verdict.FINDINGS
    world.hub.settle()
    assert world.hub.findings[name]["Workflow"] == {"Status": "SUPPRESSED"}
    assert world.hub.findings[name]["Note"]["Text"] == "I have looked: it is fine"


def test_inspectors_findings_are_judged_and_not_imported_a_second_time() -> None:
    world = World()
    report = json.loads(real("ecr/enhanced_many.json"))
    report["imageId"]["imageDigest"] = DIGEST
    outcome = world.scan(json.dumps(report).encode(), scanner="ecr")
    assert outcome.answer.verdict is Verdict.FINDINGS
    assert world.hub.findings == {}
    assert len(json.loads(world.s3.objects[f"{FOLDER}/findings.json".replace("grype", "ecr")])["findings"]) > 0


# --- property: whatever is in the bucket, only a whole clean report passes ------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    """Calls that are right or almost right: random JSON alone never comes past the first check."""
    pipeline = draw(st.sampled_from(["payments", "payments-scan", "orders"]))
    scanner = draw(st.sampled_from(sorted(SCOPES)))
    scope = draw(st.sampled_from(sorted(SCOPES[scanner])))
    call: dict[str, Any] = {
        "schema": 1,
        "kind": "report",
        "pipeline": pipeline,
        "execution": EXECUTION,
        "action": "Verify/grype",
        "scanner": scanner,
        "scope": scope,
        "key": raw_key(pipeline, EXECUTION, scanner, scope),
        "exit_code": draw(st.integers(0, 255)),
    }
    for name, value in draw(st.dictionaries(st.sampled_from(sorted(call)), JSON, max_size=1)).items():
        call[name] = value
    return call | draw(st.dictionaries(st.sampled_from(["verdict", "counts", "blocking"]), JSON, max_size=1))


@settings(deadline=None, database=None, max_examples=60)
@given(event=calls() | JSON, report=JSON.map(lambda value: json.dumps(value).encode()) | st.binary())
def test_a_random_report_never_passes(event: Any, report: bytes) -> None:
    world = World()
    if isinstance(event, dict) and isinstance(event.get("key"), str):
        world.s3.objects[event["key"]] = report
    alias = f"{event.get('pipeline')}_{event.get('scanner')}" if isinstance(event, dict) else ""
    outcome = world.importer().judge(event, alias)
    if outcome.answer.verdict is Verdict.PASS:  # gitleaks and Inspector have such, but neither runs in a pipeline
        raise AssertionError(f"{report!r} passed")


# How many entries each report lists: counted by eye, with `jq length` on the list that holds them.
LISTED = {
    "grype/many.json": ("grype", 9),
    "grype/directory_scan_many.json": ("grype", 8),
    "zap/many.json": ("zap", 13),
    "snyk/code_sarif_many.json": ("snyk-code", 20),
    "semgrep/many.json": ("semgrep", 3),
    "gitleaks/many_redacted.json": ("gitleaks", 6),
    "git-secrets/source_many.txt": ("git-secrets", 3),
}


@settings(deadline=None, database=None, max_examples=150)
@given(data=st.data())
def test_a_damaged_real_report_never_reads_as_cleaner_than_it_is(data: st.DataObject) -> None:
    """Bytes changed, cut out or added: it cannot be read, or says that it is damaged, or the one finding that was hit is gone."""
    name = data.draw(st.sampled_from(sorted(LISTED)))
    raw = bytearray(real(name))
    at = data.draw(st.integers(0, len(raw)))
    damage = data.draw(st.binary(max_size=3))
    length = data.draw(st.integers(0, 3))
    raw[at : at + length] = damage
    scanner, number = LISTED[name]
    try:
        result = parsers.read(scanner, bytes(raw))
    except UnreadableError:
        return
    assert result.errors or result.nothing or len(result.findings) >= number - 1


# --- the handler --------------------------------------------------------------------------------------------------------


@pytest.fixture
def module(load_handler: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> ModuleType:
    loaded = load_handler("findings_importer")
    (tmp_path / "policy.json").write_bytes(policy_bytes())
    monkeypatch.setattr(loaded, "POLICY", tmp_path / "policy.json")
    monkeypatch.setenv("REPORTS_BUCKET", "reports")
    return loaded


@pytest.fixture
def world(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> World:
    from findings.events import Events
    from findings.root import Root

    made = World()
    monkeypatch.setattr(module, "root", lambda account: Root(made.importer(), Events(made.importer(), made.images)))
    return made


ARN = "arn:aws:lambda:eu-central-1:123456789012:function:acme-findings-importer"


def test_the_composition_root_builds_once_and_for_this_account(module: ModuleType) -> None:
    from findings.asff import Account

    account = Account.of_function(f"{ARN}:payments_grype")
    built = module.root(account)
    assert built is module.root(Account.of_function(ARN))
    assert built.importer.account == account
    assert built.importer.policy.sha256 == __import__("hashlib").sha256(policy_bytes()).hexdigest()
    assert built.importer.projection.hub.client.meta.region_name == "eu-central-1"
    assert built.importer.clock().tzinfo is not None


def test_without_a_policy_every_call_fails(module: ModuleType, recorded: Recorded) -> None:
    module.POLICY.unlink()
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            module.handler(recorded("gate_report"), Context())


def test_from_call_to_answer(
    module: ModuleType, world: World, recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    world.s3.objects[f"{FOLDER}/raw.json"] = grype(HIGH)
    answer = module.handler(recorded("gate_report"), Context())
    assert answer == {
        "schema": 1,
        "verdict": "findings",
        "counts": {"critical": 0, "high": 1, "medium": 0, "low": 0, "informational": 0, "ungraded": 0, "waived": 0},
        "blocking": 1,
        "summary": "grype image: 1 high",
        "reason": "1 finding at or above high, or ungraded",
        "page": f"{FOLDER}/index.html",
    }
    assert type(answer["verdict"]) is str  # what the runtime's own JSON writer takes
    (line,) = capsys.readouterr().out.splitlines()
    logged = json.loads(line)
    assert logged.pop("milliseconds") >= 0
    embedded = logged.pop("_aws")
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    assert type(embedded["Timestamp"]) is int
    places = {"Pipeline": "payments", "Scanner": "grype", "Repository": "payments"}
    assert {name: logged.pop(name) for name in places} == places
    found = {}
    for directive in embedded["CloudWatchMetrics"]:
        assert directive["Namespace"] == "acme-findings-importer"
        assert {one["Unit"] for one in directive["Metrics"]} == {"Count"}
        [dimensions] = directive["Dimensions"]
        found[tuple(dimensions)] = {one["Name"] for one in directive["Metrics"] if logged[one["Name"]]}
    assert found == {
        ("Pipeline", "Scanner"): {"StoppedByFindings", "HighFindings", "BlockingFindings", "FindingsNew"},
        ("Scanner",): {"StoppedByFindings"},
        ("Repository",): {"OpenedHigh"},
    }
    for name in {one["Name"] for directive in embedded["CloudWatchMetrics"] for one in directive["Metrics"]}:
        assert type(logged.pop(name)) is int
    assert logged == {
        "function": "findings-importer",
        "request": "request-1",
        "alias": "payments_grype",
        "verdict": "findings",
        "page": f"{FOLDER}/index.html",
        "execution": EXECUTION,
        "scope": "image",
    }


def metrics(out: str) -> dict[str, int]:
    """Opened and closed findings of the last line, those that are not 0."""
    line = json.loads(out.splitlines()[-1])
    return {name: line[name] for name in line if name.startswith(("Opened", "Closed")) and line[name]}


def test_what_is_opened_and_closed_is_counted_by_severity(
    module: ModuleType, world: World, recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    executions = (f"{number:08}-7a4d-4e0b-9c55-0d1e2f3a4b5c" for number in range(9))

    def scan(*rules: tuple[str, str]) -> dict[str, int]:
        execution = next(executions)
        world.codepipeline.started[execution] = STARTED + timedelta(hours=int(execution[:8]))
        call = json.loads(json.dumps(recorded("gate_report")).replace(EXECUTION, execution))
        world.s3.objects[call["key"]] = grype(*rules)
        module.handler(call, Context())
        return metrics(capsys.readouterr().out)

    strange = ("CVE-2024-9", "Unknown")
    assert scan(HIGH, ("CVE-2024-7", "Critical"), strange) == {
        "OpenedHigh": 1,
        "OpenedCritical": 1,
        "OpenedUngraded": 1,
    }
    assert scan(HIGH, strange) == {"ClosedCritical": 1}
    assert scan(HIGH, strange) == {}
    assert scan(("CVE-2024-7", "Critical"), HIGH) == {"ClosedUngraded": 1, "OpenedCritical": 1}
    gone = recorded("codecommit_reference_deleted")
    gone["detail"] |= {"repositoryName": "payments", "referenceName": "main"}
    gone["time"] = "2999-01-01T00:00:00Z"
    module.handler(gone, Context(invoked_function_arn=ARN))
    out = capsys.readouterr().out
    line = json.loads(out.splitlines()[0])
    assert {name: line[name] for name in line if name.startswith(("Opened", "Closed")) and line[name]} == {
        "ClosedCritical": 1, "ClosedHigh": 1,
    }  # fmt: skip
    assert (line["Repository"], line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]) == ("payments", [["Repository"]])


def test_an_event_and_a_build_cannot_pose_as_each_other(module: ModuleType, world: World, recorded: Recorded) -> None:
    answer = module.handler(recorded("codecommit_reference_deleted"), Context())  # through a build's alias
    assert answer["verdict"] == "tool-error"
    assert world.s3.log == []
    with pytest.raises(Exception, match="no event that this function knows"):
        module.handler(recorded("gate_report"), Context(invoked_function_arn=ARN))
    assert world.s3.log == []


def test_a_failing_call_is_one_line_too(
    module: ModuleType, world: World, recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    world.s3.faults["raw.json"] = ["AccessDenied"]
    with pytest.raises(Exception, match="AccessDenied"):
        module.handler(recorded("gate_report"), Context())
    (line,) = capsys.readouterr().out.splitlines()
    assert "AccessDenied" in json.loads(line)["error"]


SECRET = "AKIA" + "Q7" * 8


def test_no_secret_of_a_report_leaves_the_bucket(
    module: ModuleType, world: World, recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    """In every text that a report has: what a scanner prints may hold what it found."""
    report = json.loads(grype(HIGH, ("CVE-2024-7", SECRET)))
    for match in report["matches"]:
        match["vulnerability"] |= {
            "description": f"key {SECRET}",
            "urls": [f"https://x/{SECRET}"],
            "dataSource": SECRET,
        }
        match["artifact"] |= {"name": SECRET, "locations": [{"path": f"/{SECRET}"}]}
    world.s3.objects[f"{FOLDER}/raw.json"] = json.dumps(report).encode()
    answer = module.handler(recorded("gate_report"), Context())
    written = b"".join(body for key, body in world.s3.objects.items() if not key.endswith("raw.json"))
    import gzip

    inventory = b"".join(gzip.decompress(body) for key, body in world.s3.objects.items() if key.endswith(".gz"))
    told = json.dumps(answer) + json.dumps(world.hub.findings) + capsys.readouterr().out
    assert SECRET.encode() not in written + inventory + told.encode()
    assert len(world.hub.findings) == 2


def test_the_records_own_words_are_strict() -> None:
    world = World()
    world.scan(grype())
    record = json.loads(world.s3.objects[f"{FOLDER}/verdict.json"])
    for name, wrong in [("digest", "sha256:1"), ("report_sha256", "x"), ("waived_until", "soon"), ("commit", "main")]:
        with pytest.raises(MalformedError):
            Record.parse(json.dumps(record | {name: wrong}).encode())


# --- several pipelines, several attempts ----------------------------------------------------------------------------------


def snyk_delivery(world: World) -> None:
    """The delivery and the scan pipeline of the sample policy, both with Snyk on one repository; each resolves its own way."""
    world.document["pipelines"]["payments-scan"]["gate"]["snyk"]["report_only"] = False
    world.codepipeline.branches[OTHER_EXECUTION] = "main"


def snyk(world: World, pipeline: str, execution: str, report: str) -> None:
    world.scan(real(report), scanner="snyk", scope="dependencies", pipeline=pipeline, execution=execution)


def test_two_pipelines_that_resolve_one_repository_do_not_close_each_others_findings() -> None:
    world = World()
    snyk_delivery(world)
    snyk(world, "payments", EXECUTION, "snyk/project_one.json")
    snyk(world, "payments-scan", OTHER_EXECUTION, "snyk/projects_none.json")
    assert len(world.active()) == 1
    snyk(world, "payments-scan", OTHER_EXECUTION, "snyk/project_one.json")
    assert len(world.active()) == 2  # one for each


def test_a_pipeline_that_is_alone_shares_its_repositorys_names() -> None:
    world = World()
    del world.document["pipelines"]["payments-scan"]
    snyk(world, "payments", EXECUTION, "snyk/project_one.json")
    first = world.active()
    renamed = World()
    del renamed.document["pipelines"]["payments-scan"]
    renamed.document["pipelines"]["checkout"] = renamed.document["pipelines"].pop("payments")
    snyk(renamed, "checkout", EXECUTION, "snyk/project_one.json")
    assert renamed.active() == first


def test_a_first_attempt_that_ends_late_does_not_speak_over_the_second() -> None:
    """The build's first call still runs when its retry comes, is judged and ends: the record is the retry's."""
    world = World()
    key = f"{FOLDER}/index.html"
    put, waiting, done = world.s3.put_object, [key], []

    def late(**request: Any) -> Any:
        if request["Key"] in waiting:
            waiting.clear()
            done.append(world.scan(grype(HIGH)).answer.verdict)  # the retry, from beginning to end
        return put(**request)

    world.s3.put_object = late  # type: ignore[method-assign]
    with pytest.raises(Exception, match="written by another call"):
        world.scan(grype(LOW))
    assert done == [Verdict.FINDINGS]
    assert world.record().answer.verdict is Verdict.FINDINGS


def test_the_findings_of_a_scanner_that_left_the_settings_are_archived() -> None:
    world = World()
    world.scan(grype(HIGH))
    world.scan(real("git-secrets/source_many.txt"), scanner="git-secrets", scope="source", exit_code=1)
    assert len(world.active()) == 4
    payments = world.document["pipelines"]["payments"]
    del payments["gate"]["grype"]
    payments["required"] = {
        stage: [scan for scan in scans if scan["scanner"] != "grype"] for stage, scans in payments["required"].items()
    }
    world.clock.sleep(60)
    world.scan(real("git-secrets/source_many.txt"), scanner="git-secrets", scope="source", exit_code=1)
    assert {name.split("/")[2] for name in world.active()} == {"git-secrets-source"}
    assert len(world.active()) == 3


def test_what_a_scan_retires_is_of_its_own_branch_alone() -> None:
    world = World()
    one = real("snyk/project_one.json")
    scan_of_branch(world, "feature/refunds", EXECUTION, one)
    del world.document["pipelines"]["payments-scan"]
    world.scan(grype(LOW))
    assert sorted(name.split("/")[1] for name in world.active()) == ["feature-refunds", "main"]
