"""The functions as deployed, under their own roles: builds upload to S3 and call, events come by EventBridge."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
REPORTS = ROOT / "tests" / "reports"
EVENTS = ROOT / "tests" / "events"
BUCKET = "acme-reports-123456789012-eu-central-1"
# What CodePipeline says of every execution here: tests/events/list_action_executions.json.
COMMIT = "9c1185a5c5e9fc54612808977ee8f548b2258d31"
DIGEST = "sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd12345678"

# 9 matches by eye, none twice: 2 Critical, 2 High, 5 Medium.
NINE = (REPORTS / "grype" / "many.json").read_bytes()
# Of another image than the executions': with the digest of theirs, it is a clean scan of it.
CLEAN = (REPORTS / "grype" / "none.json").read_bytes().replace(
    b"sha256:6bea45f4e050ffdbb3a0f57a6c6f16318314a482f31442c4461a72a3ee2f3ee6", DIGEST.encode()
)  # fmt: skip
CLEAN_FOLDER = json.dumps(json.loads(NINE) | {"matches": []}).encode()
# One vulnerability by eye, below what blocks.
SNYK_ONE = (REPORTS / "snyk" / "project_one.json").read_bytes()
NO_SECRET = f"# git-secrets, scope source, commit {COMMIT}, 12 files, proved with a planted key\n# end: 0 findings\n"


def patient(look: Callable[[], Any], seconds: float = 60) -> Any:
    """What ``look`` gives as soon as that is something; an assertion fails if that takes too long."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.1)
    return found


@dataclass(frozen=True)
class World:
    """What is deployed, and where to look for what it does."""

    applied: Any

    @property
    def s3(self) -> Any:
        """As somebody whom nobody stops, to look."""
        return self.applied.client("s3")

    def keys(self, prefix: str) -> set[str]:
        """Keys in the reports bucket."""
        page = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return {one["Key"] for one in page.get("Contents", [])}

    def read(self, key: str) -> bytes:
        content: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def gate(
        self, folder: Path, pipeline: str, execution: str, scanner: str, scope: str, report: bytes, exit_code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """A build's gate, with the real AWS CLI and the build's own role."""
        file = folder / f"{scanner}-{scope}"
        file.write_bytes(report)
        return subprocess.run(
            [sys.executable, ROOT / "buildspecs/scripts/gate.py", scanner, scope, file, str(exit_code)],
            cwd=folder,
            env={
                **self.applied.build(f"{pipeline}-{scanner}", "run").environment,
                "PIPELINE": pipeline,
                "EXECUTION": execution,
                "ACTION": f"Verify/{scanner}",
                "REPORTS_BUCKET": BUCKET,
                "FINDINGS_IMPORTER": f"acme-findings-importer:{pipeline}_{scanner}",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def invoke(self, caller: Any, function: str, payload: object) -> Any:
        """A synchronous call by somebody of a function, or of one of its aliases; its result."""
        answer = caller.client("lambda").invoke(FunctionName=f"acme-{function}", Payload=json.dumps(payload))
        assert answer["StatusCode"] == 200
        result = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return result

    def ask(self, pipeline: str, execution: str, scanner: str, scope: str, report: bytes, caller: str = "") -> Any:
        """What the gate does, without its processes: upload a report and call, all as that scanner's build. ``caller``: another
        scanner, whose build calls instead."""
        kind = "txt" if scanner == "git-secrets" else "json"
        call = {
            "schema": 1,
            "kind": "report",
            "pipeline": pipeline,
            "execution": execution,
            "action": f"Verify/{scanner}",
            "scanner": scanner,
            "scope": scope,
            "key": f"reports/{pipeline}/{execution}/{scanner}-{scope}/raw.{kind}",
            "exit_code": 0,
        }
        self.applied.build(f"{pipeline}-{scanner}", "run").client("s3").put_object(
            Bucket=BUCKET, Key=call["key"], Body=report
        )
        caller = caller or scanner
        asked = self.invoke(
            self.applied.build(f"{pipeline}-{caller}", "run"), f"findings-importer:{pipeline}_{caller}", call
        )
        return asked["verdict"]

    def inventory(self, repository: str, scanner: str = "grype") -> Any:
        """A scanner's inventory of the dependencies on the one branch that is scanned."""
        end = f"/{scanner}-dependencies.json.gz"
        (key,) = [key for key in self.keys(f"inventory/{repository}/") if key.endswith(end)]
        return json.loads(gzip.decompress(self.read(key)))

    def findings(self, repository: str) -> dict[str, Any]:
        """What Security Hub has of a repository, by id."""
        found = self.applied.stand_in.state()["findings"]
        return {name: one for name, one in found.items() if one["ProductFields"]["devsecops/repository"] == repository}

    def happened(self, name: str, repository: str, **detail: str) -> str:
        """CodeCommit tells EventBridge; the push that is recorded in tests/events, changed. The event's id."""
        recorded = json.loads((EVENTS / f"{name}.json").read_bytes())
        entry = {
            "Source": recorded["source"],
            "DetailType": recorded["detail-type"],
            "Resources": [f"arn:aws:codecommit:eu-central-1:123456789012:{repository}"],
            "Detail": json.dumps({**recorded["detail"], "repositoryName": repository, **detail}),
        }
        answer = self.applied.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0
        event_id: str = answer["Entries"][0]["EventId"]
        return event_id

    def guard(self, pipeline: str, execution: str) -> dict[str, Any]:
        """CodePipeline's job for the gate Publish; what the guard answered to it."""
        event = json.loads((EVENTS / "codepipeline_job.json").read_bytes())
        job = event["CodePipeline.job"]
        job["id"] = str(uuid.uuid4())
        configuration = job["data"]["actionConfiguration"]["configuration"]
        call = json.loads(configuration["UserParameters"])
        configuration["UserParameters"] = json.dumps({**call, "pipeline": pipeline, "execution": execution})
        assert self.invoke(self.applied.pipeline(pipeline, "run"), "release-guard", event) is None
        (answer,) = [one for one in self.applied.stand_in.state()["jobs"] if one["jobId"] == job["id"]]
        assert isinstance(answer, dict)
        return answer


@pytest.fixture(scope="module")
def world(applied: Any) -> World:
    """Without inventories: the stand-in for Security Hub knows nothing of what a kept emulator's earlier tests imported."""
    found = World(applied)
    for key in found.keys("inventory/"):
        found.s3.delete_object(Bucket=BUCKET, Key=key)
    return found


@pytest.fixture
def execution() -> str:
    """A new execution of a pipeline."""
    return str(uuid.uuid4())


def test_a_report_with_findings_stops_the_build(world: World, execution: str, tmp_path: Path) -> None:
    done = world.gate(tmp_path, "payments", execution, "grype", "dependencies", NINE)
    assert done.returncode == 1, done.stdout
    assert "gate: grype dependencies: findings" in done.stdout, done.stderr
    folder = f"reports/payments/{execution}/grype-dependencies"
    assert world.keys(folder) == {
        f"{folder}/{name}" for name in ("raw.json", "verdict.json", "findings.json", "index.html")
    }
    record = json.loads(world.read(f"{folder}/verdict.json"))
    assert (record["verdict"], record["blocking"], record["commit"]) == ("findings", 4, COMMIT)
    assert record["counts"] == {
        "critical": 2, "high": 2, "medium": 5, "low": 0, "informational": 0, "ungraded": 0, "waived": 0,
    }  # fmt: skip
    assert len(json.loads(world.read(f"{folder}/findings.json"))["findings"]) == 9
    assert b"CVE-1999-1338" in world.read(f"{folder}/index.html")
    imported = world.findings("payments")
    assert [one["RecordState"] for one in imported.values()] == ["ACTIVE"] * 9
    assert set(imported) == set(world.inventory("payments")["entries"])


def test_the_guard_lets_through_what_passed_and_names_what_is_missing(
    world: World, execution: str, tmp_path: Path
) -> None:
    assert world.ask("payments", execution, "git-secrets", "source", NO_SECRET.encode()) == "pass"
    assert world.ask("payments", execution, "grype", "image", CLEAN) == "pass"
    refused = world.guard("payments", execution)
    assert refused["operation"] == "PutJobFailureResult"
    message = refused["failureDetails"]["message"]
    assert "grype dependencies: no verdict is recorded" in message
    assert "git-secrets" not in message
    assert "grype image" not in message
    done = world.gate(tmp_path, "payments", execution, "grype", "dependencies", CLEAN_FOLDER)
    assert done.returncode == 0, done.stderr
    assert world.guard("payments", execution)["operation"] == "PutJobSuccessResult"


def test_a_build_cannot_call_for_another_scanner(world: World, execution: str, tmp_path: Path) -> None:
    """The alias under which the function is called reaches it through Lambda itself."""
    assert world.ask("payments", execution, "grype", "dependencies", CLEAN_FOLDER, caller="git-secrets") == "tool-error"
    folder = f"reports/payments/{execution}/grype-dependencies"
    assert world.keys(folder) == {f"{folder}/raw.json"}


def test_a_push_is_recorded(world: World) -> None:
    event = world.happened("codecommit_push", "payments")
    key = f"pushes/payments/{COMMIT}/{event}.json"
    patient(lambda: world.keys(key))
    assert json.loads(world.read(key))["pusher"] == "arn:aws:iam::123456789012:user/developers/ann"


def test_a_deleted_branch_archives(world: World, execution: str) -> None:
    assert world.ask("python-libraries", execution, "snyk", "dependencies", SNYK_ONE) == "pass"
    assert [one["RecordState"] for one in world.findings("python-libraries").values()] == ["ACTIVE"]
    other = {"referenceName": "feature/refunds2", "referenceFullName": "refs/heads/feature/refunds2"}
    world.happened("codecommit_reference_deleted", "python-libraries", **other)
    time.sleep(1)
    assert [one["RecordState"] for one in world.findings("python-libraries").values()] == ["ACTIVE"]
    world.happened("codecommit_reference_deleted", "python-libraries")  # feature/refunds, which was scanned
    patient(lambda: [one["RecordState"] for one in world.findings("python-libraries").values()] == ["ARCHIVED"])
    assert patient(lambda: world.inventory("python-libraries", "snyk")["deleted_at"])


def test_the_sealer_lets_hexadecimal_through_and_nothing_else(world: World) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-invoke-lambda-function.html"""
    sha256, event = "0" * 64, json.loads((EVENTS / "codepipeline_job.json").read_bytes())
    job = event["CodePipeline.job"]
    answers = []
    for claim in (f"{sha256} {DIGEST}", f'{sha256} {DIGEST}","name":"BRANCH'):
        job["id"] = str(uuid.uuid4())
        job["data"]["actionConfiguration"]["configuration"] = {
            "FunctionName": "acme-image-sealer",
            "UserParameters": claim,
        }
        world.invoke(world.applied.pipeline("payments", "run"), "image-sealer", event)
        answers += [one for one in world.applied.stand_in.state()["jobs"] if one["jobId"] == job["id"]]
    sealed, refused = answers
    assert sealed["outputVariables"] == {"SHA256": sha256, "DIGEST": DIGEST}
    assert refused["operation"] == "PutJobFailureResult"


def test_scans_at_the_same_time_end_in_one_inventory(world: World) -> None:
    """Three builds of the same commit, one of which finds nothing: whoever is last, inventory and Security Hub say the same."""

    def scan(report: bytes) -> Any:
        return world.ask("payments", str(uuid.uuid4()), "grype", "dependencies", report)

    def agreed() -> dict[str, str]:
        """RecordState by id, on which both agree."""
        entries, found = world.inventory("payments")["entries"], world.findings("payments")
        assert not [name for name, entry in entries.items() if entry["pending"]]
        states = {name: entry["document"]["RecordState"] for name, entry in entries.items()}
        assert states == {name: one["RecordState"] for name, one in found.items()}
        return states

    assert scan(NINE) == "findings"
    nine, created = agreed(), {name: one["CreatedAt"] for name, one in world.findings("payments").items()}
    assert list(nine.values()) == ["ACTIVE"] * 9
    with ThreadPoolExecutor(3) as builds:
        assert list(builds.map(scan, (NINE, CLEAN_FOLDER, NINE))) == ["findings", "pass", "findings"]
    assert agreed() in (nine, dict.fromkeys(nine, "ARCHIVED"))
    with ThreadPoolExecutor(2) as builds:
        assert list(builds.map(scan, (NINE, NINE))) == ["findings", "findings"]
    assert agreed() == nine
    assert created == {name: one["CreatedAt"] for name, one in world.findings("payments").items()}


def test_the_emulators_s3_refuses_what_the_inventory_relies_on_being_refused(world: World) -> None:
    """Without this, the test above would say nothing: conditional writes of https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
    key, s3, bucket = f"probe/{uuid.uuid4()}", world.s3, BUCKET
    etag = s3.put_object(Bucket=bucket, Key=key, Body=b"1", IfNoneMatch="*")["ETag"]
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"0123456789abcdef0123456789abcdef"'}):
        with pytest.raises(s3.exceptions.ClientError) as raised:
            s3.put_object(Bucket=bucket, Key=key, Body=b"2", **condition)
        assert raised.value.response["Error"]["Code"] == "PreconditionFailed"
    s3.put_object(Bucket=bucket, Key=key, Body=b"3", IfMatch=etag)
    assert world.read(key) == b"3"


def _body(message: Any) -> Any:
    return json.loads(message["Body"])


def test_an_event_that_cannot_be_handled_is_kept(world: World) -> None:
    """One of the kind whose pusher CodeCommit does not name: Lambda has tried three times before it gives up."""
    event = world.happened("codecommit_reference_updated", "payments")
    sqs = world.applied.client("sqs")
    url = sqs.get_queue_url(QueueName="acme-findings-importer-dead-letters")["QueueUrl"]

    def ours() -> Any:
        """A kept emulator's queue may hold others."""
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        return next((kept for kept in map(_body, messages) if kept["requestPayload"]["id"] == event), None)

    kept = patient(ours)
    assert kept["requestContext"]["condition"] == "RetriesExhausted"
    assert kept["requestPayload"]["id"] == event
    assert kept["requestPayload"]["detail"]["referenceName"] == "feature/refunds"
    assert "callerUserArn" in kept["responsePayload"]["errorMessage"]
    assert not [key for key in world.keys("pushes/payments/") if event in key]
