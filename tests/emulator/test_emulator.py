"""The emulator itself: what of AWS is filled in behaves as AWS documents it, and what is not there is one list."""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from outcomes import REFUSED, outcome
from tools.emulator.process import BIN, running

FOLDER = Path(__file__).parent
TOOLS = FOLDER.parents[1] / "tools" / "emulator"
UNKNOWN = yaml.safe_load((TOOLS / "unknown.yaml").read_text(encoding="utf-8"))
# Only ever smaller.
NOT_ANSWERED, WITHOUT_DOING = 14, 6

# Each gap that is filled -> a test that fails where it is not.
SHOWN_BY = {
    "a new trail keeps its log group, its role and its tags": (
        "test_watched.py::test_the_trail_hears_every_region_and_is_validated_encrypted_and_on"
    ),
    "a rule is looked up with the tag that its scope names": "test_watched.py::test_the_recorder_runs_and_the_rules_are_awss",
    "the emulator listens on the one port that it was given": "test_emulator.py::test_it_listens_on_one_port_of_loopback_and_leaves_nothing",
    "events of aws.codecommit, aws.ecr and others: the services send them, here the tests do": (
        "test_events.py::test_a_push_starts_the_delivery_with_its_commit"
    ),
    "a rule calls a function asynchronously: Lambda tries again, then uses the dead-letter queue": (
        "test_functions.py::test_an_event_that_cannot_be_handled_is_kept"
    ),
    "times in answers are seconds since 1970": "test_emulator.py::test_times_are_seconds",
    "a repository's tags and its (no) branches can be listed": "test_emulator.py::test_a_repository_keeps_its_tags",
    "a pipeline is only made with a role that exists and that CodePipeline may assume": (
        "test_emulator.py::test_no_pipeline_without_a_role_that_trusts_it"
    ),
    "an e-mail address is pending until a person confirms, which nobody does here": (
        "test_topics.py::test_each_address_waits_for_its_owner"
    ),
    "report groups": "test_pipelines.py::test_the_images_test_reports_have_a_group",
    "a project's logs, timeouts, network and every other attribute stay as given": (
        "test_pipelines.py::test_every_project_is_encrypted_logged_bounded_and_has_its_own_role"
    ),
    "DeleteProject takes a project's ARN, too": "test_emulator.py::test_a_project_is_deleted_by_its_arn",
    "a service assumes a role for a resource of an account, if the role's trust lets it": (
        "test_roles.py::test_codebuild_takes_a_builds_role_for_that_project_alone"
    ),
    "aws:PrincipalArn of an assumed role is the ARN of the role": (
        "test_storage.py::test_the_importer_alone_writes_what_is_believed"
    ),
    "a write names its key, which a bucket's policy can look at": "test_storage.py::test_no_other_encryption_is_taken",
    "what an object is, a conditional write learns with the permission to read; that it is not there, who may list": (
        "test_emulator.py::test_what_an_object_is_is_said_to_who_may_read_or_list"
    ),
    "what is encrypted with a key of the account is read and written with the caller's permission on that key": (
        "test_emulator.py::test_a_key_is_asked_for_whoever_reads_and_writes"
    ),
    "BatchGetBuilds and StopBuild are asked about the project of the build": (
        "test_roles.py::test_a_pipeline_starts_its_own_builds_and_asks_its_own_functions"
    ),
    "what is asked about is the stream of a log group": (
        "test_roles.py::test_every_build_reads_its_scripts_and_source_and_writes_its_log"
    ),
    "what is asked about is the key behind an alias": "../buildspecs/test_plan_build.py::test_a_branch_that_adds_a_pipeline_and_takes_one_away",
    "a function is only made with a role that exists and that Lambda may assume": (
        "test_emulator.py::test_no_function_without_a_role_that_trusts_lambda"
    ),
    "an event that failed is put into the dead-letter queue with the function's role": (
        "test_emulator.py::test_a_function_without_the_permission_loses_what_it_failed_to_handle"
    ),
    "a rule's target is asked by its policy, a topic's and a queue's key by its own, and a pipeline is started with the target's role": (
        "test_topics.py::test_no_rule_reaches_people_past_the_notifier"
    ),
}


def test_each_filled_gap_is_shown_by_a_test() -> None:
    inside = TOOLS / "inside"
    modules = [path.stem for path in inside.glob("*.py") if "\nGAPS =" in path.read_text(encoding="utf-8")]
    source = (
        f"import json, {', '.join(modules)};"
        f"print(json.dumps([gap.stands_for for one in ({', '.join(modules)},) for gap in one.GAPS]))"
    )
    done = subprocess.run(
        [BIN / "python", "-B", "-c", source], cwd=inside, env={"PATH": os.defpath, "PYTHONPATH": "."},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert set(json.loads(done.stdout.splitlines()[-1])) == set(SHOWN_BY)
    for test in SHOWN_BY.values():
        file, _, name = test.partition("::")
        assert f"def {name}(" in (FOLDER / file).read_text(encoding="utf-8"), test


# --- what it does not know ----------------------------------------------------------------------------------------


def test_the_list_of_what_it_does_not_know_only_shrinks() -> None:
    assert len(UNKNOWN["not_answered"]) <= NOT_ANSWERED, "fill the gap in tools/emulator/inside instead"
    assert len(UNKNOWN["answered_without_doing"]) <= WITHOUT_DOING
    assert (len(UNKNOWN["not_answered"]), len(UNKNOWN["answered_without_doing"])) == (NOT_ANSWERED, WITHOUT_DOING), (
        "it has shrunk: so must the numbers"
    )


@pytest.mark.parametrize(
    "entry",
    UNKNOWN["not_answered"],
    ids=[f"{one['call']['service']}:{one['call']['operation']}" for one in UNKNOWN["not_answered"]],
)
def test_it_still_does_not_know(applied: Any, entry: dict[str, Any]) -> None:
    """One that is answered now leaves unknown.yaml: this fails. Without the stand-in, which is ours.

    An expected failure, so that every run of the tests says what it has not proved.
    """
    call = entry["call"]
    applied.emulator.use_stand_in("")
    try:
        with pytest.raises((ClientError, BotoCoreError)) as raised:
            getattr(applied.client(call["service"]), call["operation"])(**call["with"])
    finally:
        applied.emulator.use_stand_in(applied.stand_in.url)
    # A parameter that boto3 refuses would prove nothing.
    assert isinstance(raised.value, ClientError), raised.value
    error = raised.value.response["Error"]
    assert error["Code"] in {
        *("UnknownOperationException", "InternalError", "InvalidAction"),
        "InvalidOperationException",  # ministack's logs; its words tell it from CloudWatch Logs' own of that name
    }, error
    assert error["Code"] != "InvalidOperationException" or error["Message"].startswith("Unknown action"), error
    pytest.xfail(f"no emulator knows it; not proved: {entry['leaves']}")


@pytest.mark.parametrize("entry", UNKNOWN["answered_without_doing"], ids=lambda entry: entry["what"].split()[0])
def test_it_answers_without_doing(entry: dict[str, Any]) -> None:
    """For the list that every run prints."""
    pytest.xfail(f"{entry['what']}; not proved: {entry['leaves']}")


def test_a_build_that_is_started_runs_nothing(applied: Any) -> None:
    codebuild, logs = applied.client("codebuild"), applied.client("logs")
    build = codebuild.start_build(projectName="acme-payments-image")["build"]["id"]
    (found,) = codebuild.batch_get_builds(ids=[build])["builds"]
    group = "/aws/codebuild/acme-payments-image"
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    written = [one for one in streams if not one["logStreamName"].startswith("probe")]
    assert (found["id"], written) == (build, [])


# --- what is filled in --------------------------------------------------------------------------------------------


def processes(folder: Path) -> dict[int, str]:
    """Processes that work in a folder or below it, by id."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if path.joinpath("cwd").resolve().is_relative_to(folder):
                found[int(path.name)] = path.joinpath("cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found


def listening(process: int) -> set[tuple[str, int]]:
    """(address in hexadecimal, port) of each TCP socket on which a process listens."""
    sockets = set()
    for path in Path(f"/proc/{process}/fd").iterdir():
        try:
            sockets.add(str(path.readlink()))
        except OSError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            field = line.split()
            if field[3] == "0A" and f"socket:[{field[9]}]" in sockets:
                address, _, port = field[1].partition(":")
                found.add((address, int(port, 16)))
    return found


def test_it_listens_on_one_port_of_loopback_and_leaves_nothing(tmp_path: Path) -> None:
    """A second one, which dies with a function's process still running in it."""
    with running(tmp_path, region="eu-central-1") as emulator:
        port = int(emulator.url.rpartition(":")[2])
        made = emulator.client("iam").create_role(RoleName="sleeper", AssumeRolePolicyDocument=json.dumps(TRUST))
        emulator.client("lambda").create_function(
            FunctionName="sleeper", Runtime="python3.13", Handler="handler.handler", Role=made["Role"]["Arn"],
            Timeout=60, Code={"ZipFile": package("import time\ndef handler(event, context):\n    time.sleep(60)\n")},
        )  # fmt: skip
        emulator.client("lambda").invoke(FunctionName="sleeper", InvocationType="Event", Payload=b"{}")
        end = time.monotonic() + 20
        while len(family := descendants(tmp_path)) < 2:
            assert time.monotonic() < end, "the function has no process"
            time.sleep(0.1)
        assert set().union(*(listening(process) for process in family)) == {("0100007F", port)}
    end = time.monotonic() + 5
    while left := [process for process in family if alive(process)]:
        assert time.monotonic() < end, left
        time.sleep(0.1)
    assert processes(tmp_path) == {}


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descendants(folder: Path) -> set[int]:
    """The emulator and all that it has started."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(path.name)] = int(path.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = set(processes(folder))
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def package(source: str) -> bytes:
    """A function's zip."""
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", source)
    return buffer.getvalue()


def test_times_are_seconds(applied: Any) -> None:
    """https://docs.aws.amazon.com/codecommit/latest/APIReference/API_RepositoryMetadata.html"""
    name = f"made-{uuid.uuid4().hex[:8]}"
    codecommit = applied.client("codecommit")
    try:
        made = codecommit.create_repository(repositoryName=name)["repositoryMetadata"]["creationDate"]
    finally:
        codecommit.delete_repository(repositoryName=name)
    assert abs(made.timestamp() - time.time()) < 60


def test_a_repository_keeps_its_tags(applied: Any) -> None:
    codecommit = applied.client("codecommit")
    name = f"made-{uuid.uuid4().hex[:8]}"
    try:
        arn = codecommit.create_repository(repositoryName=name, tags={"a": "b"})["repositoryMetadata"]["Arn"]
        assert codecommit.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "b"}
        assert codecommit.list_branches(repositoryName=name)["branches"] == []
    finally:
        codecommit.delete_repository(repositoryName=name)


def test_no_pipeline_without_a_role_that_trusts_it(applied: Any) -> None:
    codepipeline = applied.client("codepipeline")
    pipeline = codepipeline.get_pipeline(name="acme-python-libraries")["pipeline"]
    for role in ("nobody", "acme-python-libraries-snyk"):
        wanted = {**pipeline, "name": "probe", "roleArn": f"arn:aws:iam::123456789012:role/{role}"}
        with pytest.raises(codepipeline.exceptions.InvalidStructureException):
            codepipeline.create_pipeline(pipeline=wanted)


@pytest.mark.parametrize("trusted", ["nobody", "codebuild.amazonaws.com", "another account's lambda.amazonaws.com"])
def test_no_function_without_a_role_that_trusts_lambda(applied: Any, trusted: str) -> None:
    iam, functions, name = applied.client("iam"), applied.client("lambda"), f"made-{uuid.uuid4().hex[:8]}"
    statement: dict[str, Any] = {**TRUST["Statement"][0], "Principal": {"Service": trusted.rpartition(" ")[2]}}
    if trusted.startswith("another"):
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": "999999999999"}}
    if trusted != "nobody":
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({**TRUST, "Statement": [statement]}))
    wanted = {"FunctionName": name, "Runtime": "python3.13", "Handler": "handler.handler"}
    code = {"ZipFile": package("def handler(event, context):\n    return 1\n")}
    try:
        with pytest.raises(functions.exceptions.InvalidParameterValueException):
            functions.create_function(**wanted, Role=f"arn:aws:iam::123456789012:role/{name}", Code=code)
        if trusted != "nobody":
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(TRUST))
            functions.create_function(**wanted, Role=f"arn:aws:iam::123456789012:role/{name}", Code=code)
            functions.delete_function(FunctionName=name)
    finally:
        if trusted != "nobody":
            iam.delete_role(RoleName=name)


def test_a_project_is_deleted_by_its_arn(applied: Any) -> None:
    """https://docs.aws.amazon.com/codebuild/latest/APIReference/API_DeleteProject.html"""
    codebuild, name = applied.client("codebuild"), f"made-{uuid.uuid4().hex[:8]}"
    made = codebuild.create_project(
        name=name,
        source={"type": "NO_SOURCE", "buildspec": "version: 0.2"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:8.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole="arn:aws:iam::123456789012:role/acme-payments-image",
    )["project"]
    codebuild.delete_project(name=made["arn"])
    assert codebuild.batch_get_projects(names=[name])["projectsNotFound"] == [name]


@pytest.fixture
def reader(applied: Any) -> Any:
    """Session of a role that may read, write, publish and send everywhere, but use no key; and its name."""
    iam, name = applied.client("iam"), f"reader-{uuid.uuid4().hex[:8]}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    allow = {"Effect": "Allow", "Action": ["s3:*", "sns:*", "sqs:*"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_role_policy(RoleName=name, PolicyName="permissions", PolicyDocument=policy)
    yield applied.emulator.as_role(name, "lambda", session="probe")
    iam.delete_role_policy(RoleName=name, PolicyName="permissions")
    iam.delete_role(RoleName=name)


def test_a_key_is_asked_for_whoever_reads_and_writes(applied: Any, reader: Any) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html"""
    bucket = "acme-artifacts-123456789012-eu-central-1"
    applied.client("s3").put_object(Bucket=bucket, Key="probe/key", Body=b"1")
    s3, queue = reader.client("s3"), "acme-payments-dead-letters"
    assert outcome(s3, "get_object", Bucket=bucket, Key="probe/key") == REFUSED
    assert outcome(s3, "put_object", Bucket=bucket, Key="probe/key", Body=b"2") == REFUSED
    topic = "arn:aws:sns:eu-central-1:123456789012:acme-notifications"
    assert outcome(reader.client("sns"), "publish", TopicArn=topic, Message="probe") == REFUSED
    url = applied.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"]
    assert outcome(reader.client("sqs"), "send_message", QueueUrl=url, MessageBody="probe") == REFUSED
    assert outcome(reader.client("sqs"), "receive_message", QueueUrl=url) == REFUSED
    # Of what is under no key of the account, only the caller's own permissions are asked.
    logs = "acme-access-logs-123456789012-eu-central-1"
    assert outcome(s3, "put_object", Bucket=logs, Key="probe/key", Body=b"2") == "done"


def test_what_an_object_is_is_said_to_who_may_read_or_list(applied: Any) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"""
    iam, name = applied.client("iam"), f"writer-{uuid.uuid4().hex[:8]}"
    bucket = "acme-access-logs-123456789012-eu-central-1"
    put = {"Bucket": bucket, "Key": "probe/if-match", "Body": b"2"}
    etag = applied.client("s3").put_object(**put)["ETag"]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))

    def allowed(*actions: str) -> Any:
        allow = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_role_policy(RoleName=name, PolicyName="permissions", PolicyDocument=policy)
        return applied.emulator.as_role(name, "lambda", session="probe").client("s3")

    try:
        writer = allowed("s3:PutObject")
        assert outcome(writer, "put_object", **put, IfMatch=etag) == REFUSED
        assert outcome(writer, "put_object", **put) == "done"
        reader = allowed("s3:PutObject", "s3:GetObject")
        assert outcome(reader, "put_object", **put, IfMatch=etag) == "done"
        assert outcome(reader, "get_object", Bucket=bucket, Key="probe/if-match") == "done"
        assert outcome(reader, "get_object", Bucket=bucket, Key="probe/nothing") == REFUSED
        lister = allowed("s3:GetObject", "s3:ListBucket")
        assert outcome(lister, "get_object", Bucket=bucket, Key="probe/nothing") == "NoSuchKey"
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="permissions")
        iam.delete_role(RoleName=name)


def test_a_function_without_the_permission_loses_what_it_failed_to_handle(applied: Any) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    iam, functions, sqs = (applied.client(name) for name in ("iam", "lambda", "sqs"))
    name = f"failing-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = f"arn:aws:sqs:eu-central-1:123456789012:{name}"
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    try:
        functions.create_function(
            FunctionName=name, Runtime="python3.13", Handler="handler.handler", Role=role,
            Code={"ZipFile": package("def handler(event, context):\n    raise ValueError\n")},
        )  # fmt: skip
        functions.put_function_event_invoke_config(
            FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": queue}}
        )
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
        assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=3)
        allow = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_role_policy(RoleName=name, PolicyName="permissions", PolicyDocument=policy)
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
        assert "Messages" in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)
        iam.delete_role_policy(RoleName=name, PolicyName="permissions")
    finally:
        functions.delete_function(FunctionName=name)
        applied.client("logs").delete_log_group(logGroupName=f"/aws/lambda/{name}")
        sqs.delete_queue(QueueUrl=url)
        iam.delete_role(RoleName=name)
