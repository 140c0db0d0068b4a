"""Builds by the rehearsal's CodeBuild: phases, environment, artifacts and limits as AWS documents them, in real shells."""

from __future__ import annotations

import stat
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.rehearse import sandbox
from tools.rehearse.builds import BuildResult
from tools.rehearse.described import Variable

sys.path.append(str(Path(__file__).parent))

import builds_world
from builds_world import GROUP, lines, spec


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with builds_world.running(tmp_path_factory.mktemp("builds")) as found:
        yield found


def test_a_build_has_what_codebuild_gives_and_nothing_else(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "not the build's")
    result = world.run(
        spec(
            "env | cut -d= -f1 | sort | paste -s -d ' '", "pwd", "cat app.py; ls $CODEBUILD_SRC_DIR_Resolved", "ls /tmp"
        ),
        more={"Resolved": {"x.json": "{}"}},
        overrides={"WORD": Variable("/acme/word", "PARAMETER_STORE"), "ACTION": Variable("mine")},
    )
    assert result.status == "SUCCEEDED", lines(result)[-30:]
    (names,) = [line.split() for line in lines(result) if "CODEBUILD_SRC_DIR " in line and "Running" not in line]
    # https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html, read by eye
    documented = {
        "AWS_DEFAULT_REGION", "AWS_REGION", "CODEBUILD_BUILD_ARN", "CODEBUILD_BUILD_ID", "CODEBUILD_BUILD_IMAGE",
        "CODEBUILD_BUILD_NUMBER", "CODEBUILD_BUILD_SUCCEEDING", "CODEBUILD_INITIATOR", "CODEBUILD_KMS_KEY_ID",
        "CODEBUILD_LOG_PATH", "CODEBUILD_PROJECT_ARN", "CODEBUILD_RESOLVED_SOURCE_VERSION", "CODEBUILD_SOURCE_REPO_URL",
        "CODEBUILD_SOURCE_VERSION", "CODEBUILD_SRC_DIR", "CODEBUILD_SRC_DIR_Resolved", "CODEBUILD_START_TIME", "HOME",
    }  # fmt: skip
    ours = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"}
    given = {
        "SCRIPTS_URI", "SCRIPTS_SHA256", "COMMIT", "PIPELINE", "EXECUTION", "ARTIFACTS_BUCKET", "REPORTS_BUCKET",
        "FINDINGS_IMPORTER", "ACTION", "SCAN_HISTORY", "WORD",
    }  # fmt: skip
    shell = {"PATH", "PWD", "SHLVL", "_"}
    assert set(names) - shell - {"PIP_CONFIG_FILE", "OLDPWD"} == documented | ours | given
    assert "print('hello')" in lines(result)
    assert "x.json" in lines(result)


def test_values_of_the_start_win_over_the_projects_and_these_over_the_buildspecs(world: Any) -> None:
    env = "env: {variables: {A: spec, B: spec, C: spec}, exported-variables: [A, B, C, MISSING, LATE]}"
    result = world.run(spec("export LATE=yes", env=env), overrides={"A": Variable("start")}, A="project", B="project")
    assert dict(result.exported) == {"A": "start", "B": "project", "C": "spec", "LATE": "yes"}


def test_one_shell_runs_all_commands_and_phases(world: Any) -> None:
    rest = '  post_build:\n    commands:\n      - echo "[$HERE] $(pwd)"\n'
    result = world.run(spec("cd /tmp; HERE=unexported", rest=rest))
    assert "[unexported] /tmp" in lines(result)


@pytest.mark.parametrize(
    ("phases", "ran", "phase"),
    [
        # "if a command fails during the install phase, none of the commands in the pre_build, build, and post_build phases are run"
        ("install: {commands: [echo one, 'false', echo two]}, post_build: {commands: [echo post]}", ["one"], "INSTALL"),
        ("pre_build: {commands: ['false']}, build: {commands: [echo build]}", [], "PRE_BUILD"),
        ("build: {commands: ['false']}, post_build: {commands: ['echo post $CODEBUILD_BUILD_SUCCEEDING']}", ["post 0"], "BUILD"),
        ("build: {commands: ['false'], on-failure: ABORT}, post_build: {commands: [echo post]}", [], "BUILD"),
        ("install: {commands: ['false'], on-failure: CONTINUE}, build: {commands: [echo build]}", ["build"], "INSTALL"),
        # "CodeBuild skips the remaining two commands and runs any commands in the finally block"
        ("build: {commands: ['false', echo no], finally: [echo last], on-failure: ABORT}", ["last"], "BUILD"),
        ("build: {commands: [echo fine], finally: ['false']}", ["fine"], "BUILD"),
        ("build: {commands: [exit 0]}, post_build: {commands: [echo post]}", [], "BUILD"),
    ],
)  # fmt: skip
def test_a_command_that_fails_fails_the_build(world: Any, phases: str, ran: list[str], phase: str) -> None:
    result = world.run(f"version: 0.2\nphases: {{{phases}}}")
    assert (result.status, result.phase) == ("FAILED", phase)
    assert [line for line in lines(result) if not line.startswith("[Container]")] == ran


def test_a_build_that_takes_too_long_is_ended_with_all_its_processes(world: Any) -> None:
    begun = time.monotonic()
    result = world.run(spec("(sleep 3; touch app.py) & sleep 60"), minutes=1, faster=60)
    assert (result.status, result.phase) == ("TIMED_OUT", "BUILD")
    assert time.monotonic() - begun < 20


def test_a_build_that_is_stopped_is_stopped(world: Any) -> None:
    stop = threading.Event()
    threading.Timer(1, stop.set).start()
    assert world.run(spec("sleep 60"), stop=stop).status == "STOPPED"


def test_whoever_stops_the_rehearsal_ends_its_builds(world: Any) -> None:
    begun = time.monotonic()
    threading.Timer(1, sandbox.end_all).start()
    assert world.run(spec("sleep 60")).status != "SUCCEEDED"
    assert time.monotonic() - begun < 30


def test_builds_do_not_meet_and_leave_nothing(world: Any) -> None:
    command = "test ! -e /tmp/mine && mkdir /tmp/mine /opt/pipeline && touch /zap/wrk/x /var/x && ! touch /usr/mine && sleep 1"
    results: list[BuildResult] = []
    threads = [threading.Thread(target=lambda: results.append(world.run(spec(command)))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.status for result in results] == ["SUCCEEDED", "SUCCEEDED"], [lines(result) for result in results]
    assert not (results[0].log.parent / "sandbox").exists()


def test_artifacts_are_what_the_buildspec_names(world: Any) -> None:
    rest = "artifacts: {base-directory: out, files: ['**/*']}"
    made = "mkdir -p out/sub; echo 1 > out/sub/one; ln -s /etc/hostname out/link; chmod 755 out/sub/one"
    result = world.run(spec(made, rest=rest), outputs=("Resolved",))
    with zipfile.ZipFile(result.artifacts["Resolved"]) as archive:
        assert {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()} == {
            "link": stat.S_IFLNK | 0o777,
            "sub/one": stat.S_IFREG | 0o755,
        }
        assert archive.read("link") == b"/etc/hostname"


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("artifacts: {base-directory: out, files: ['**/*']}", "no matching base directory path found for out"),
        ("artifacts: {files: [missing]}", "no matching artifact paths found"),
        ("", "says nothing of the output artifact Resolved"),
        ("artifacts: {files: [/etc/passwd]}", "outside of the source"),
    ],
)
def test_a_missing_artifact_fails_the_build(world: Any, rest: str, message: str) -> None:
    result = world.run(spec("true", rest=rest), outputs=("Resolved",))
    assert (result.status, result.phase) == ("FAILED", "UPLOAD_ARTIFACTS")
    assert message in result.message


def test_the_log_goes_to_cloudwatch_under_the_role(world: Any) -> None:
    result = world.run(spec("echo $((20+1))-said"))
    assert result.status == "SUCCEEDED"
    stream = f"00000000-0000-0000-0000-{int(result.log.parents[1].name.removeprefix('build-')):012}"
    events = world.emulator.client("logs").get_log_events(logGroupName=GROUP, logStreamName=stream)["events"]
    assert "21-said" in [event["message"] for event in events]
    denied = world.run(spec("echo hi"), role="mute")
    assert (denied.status, denied.phase) == ("FAILED", "PROVISIONING")
    assert "CreateLogStream" in denied.message


@pytest.mark.parametrize(
    ("buildspec", "more", "message"),
    [
        ("version: 0.2\nphases: {}", {}, "YAML_FILE_ERROR"),
        (spec("true"), {"image": "example.com/other:1"}, "nothing for the build image"),
        (spec("true"), {"role": "nobody"}, "nobody"),
        (spec("true"), {"overrides": {"X": Variable("/acme/none", "PARAMETER_STORE")}}, "no /acme/none"),
        (spec("true"), {"overrides": {"X": Variable("x", "SECRETS_MANAGER")}}, "SECRETS_MANAGER"),
        (spec("true"), {"overrides": {"CODEBUILD_SRC_DIR": Variable("x")}}, "reserved"),
        (spec("true"), {"files": {"../x": ""}}, "leads out"),
    ],
)
def test_what_cannot_be_run_is_no_success(world: Any, buildspec: str, more: dict[str, Any], message: str) -> None:
    result = world.run(buildspec, **more)
    assert result.status in ("FAILED", "FAULT")
    assert message in result.message


def test_an_ordinary_users_namespace_will_do(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.os, "geteuid", lambda: 1000)  # type: ignore[attr-defined]
    result = world.run(spec("id -u; mkdir /tmp/x; cat /proc/self/uid_map"))
    assert result.status == "SUCCEEDED", lines(result)
    assert "0" in lines(result)


def test_without_namespaces_no_build_runs(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_tool", lambda name: "/bin/false" if name == "unshare" else name)
    result = world.run(spec("true"))
    assert result.status == "FAULT"
    assert "namespaces are not to be had" in result.message


def test_later_calls_of_the_aws_cli_are_their_callers(world: Any) -> None:
    """They are forks of the first one: nothing of that may show."""
    who = "aws sts get-caller-identity --output text --query"
    result = world.run(
        spec(
            f"echo first $({who} Account)",
            f"echo second $({who} Arn)",
            "mkdir -p /tmp/there; cd /tmp/there; echo content > file; aws s3 cp file s3://builds-artifacts/served --only-show-errors",
            "echo piped | aws s3 cp - s3://builds-artifacts/piped --only-show-errors",
            "aws s3 cp s3://builds-artifacts/piped -",
            f"AWS_ACCESS_KEY_ID=somebody {who} Arn || echo ended with $?",
            "aws s3 cp s3://builds-artifacts/nothing x 2>said || echo ended with $?; grep -c 'error occurred' said | sed s/^/errors:/",
            "aws nonsense 2>/dev/null || echo ended with $?",
            "mkfifo open; exec 5<>open; timeout --signal KILL 2 aws s3 cp - s3://builds-artifacts/never <open || echo killed",
            "sleep 1; for one in /proc/[0-9]*; do tr '\\0' ' ' < $one/cmdline; echo; done | grep -c 'aws[.]py'",
        )
    )
    said = lines(result)
    assert result.status == "SUCCEEDED", said[-40:]
    assert f"first {builds_world.ACCOUNT}" in said
    assert any(line.startswith("second arn:aws:sts::") and "/codebuild" in line for line in said)
    assert world.object("served") == b"content\n"
    assert "piped" in said
    # 255: the service's error; 1: a file was not copied; 2: no such command.
    # https://docs.aws.amazon.com/cli/v1/userguide/cli-usage-returncodes.html
    assert [line for line in said if line.startswith("ended")] == ["ended with 255", "ended with 1", "ended with 2"]
    assert "errors:1" in said
    assert "killed" in said
    assert [line for line in said if line.isdigit()] == ["1"]  # what stayed behind, and no fork of a call that is gone
