"""CodeBuild: a project's buildspec, run by a real shell with the environment that CodeBuild gives and the project's role.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html (environment),
https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html (phases). ``DIFFERENCES`` says what is not
as on AWS.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import ClientError

from tools.emulator.process import Emulator
from tools.rehearse import buildlog, buildspec, packing, roles, sandbox
from tools.rehearse.builds import FAILED, FAULT, STOPPED, SUCCEEDED, TIMED_OUT, BuildFacts, BuildResult, Source
from tools.rehearse.buildspec import ABORT, CONTINUE, Buildspec, BuildspecError, Phase
from tools.rehearse.described import Project, Variable
from tools.rehearse.packing import PackingError
from tools.rehearse.sandbox import EndedError, Sandbox, SandboxError
from tools.rehearse.standins import StandInError, StandIns
from tools.rehearse.watch import Clock

DIFFERENCES = (
    "AWS_ENDPOINT_URL and AWS_CA_BUNDLE are set: they point the AWS CLI to the emulator",
    "the role's credentials are variables (AWS_ACCESS_KEY_ID, ...); CodeBuild hands out the address of a container's credentials",
    "the build runs on this machine's system, read-only, not in the project's image; compute type, VPC and privileges do not count",
    "PIP_CONFIG_FILE is set where this machine reaches PyPI by a configuration of its own",
    "a build with ZAP's image has SSL_CERT_FILE and /etc/hosts for a staging site on a loopback network of its own",
    "the AWS CLI is version 1, and a build's later calls of it are forks of the first one, which has imported it",
    "a clone from CodeCommit has http.proxy and http.sslCAInfo: they lead to a git server on loopback under CodeCommit's name",
    "a file in /etc/containers/registries.conf.d leads from Docker Hub's name to the registry on loopback, which has one base image",
    "test reports are counted and not sent: no public API takes them",
)
_SOURCE_DIR = re.compile(r"[A-Za-z0-9_]+")


class _BuildError(Exception):
    """The build is over: its status, the phase, and CodeBuild's message."""

    def __init__(self, status: str, phase: str, message: str) -> None:
        super().__init__(message)
        self.status, self.phase, self.message = status, phase, message


@dataclass
class CodeBuild:
    """A BuildRunner. ``emulator``: as the account's root; ``stand_ins``: what a build finds on its PATH."""

    emulator: Emulator
    account: str
    stand_ins: StandIns
    clock: Clock = field(default_factory=Clock)

    def run(
        self,
        project: Project,
        *,
        overrides: Mapping[str, Variable],
        sources: Mapping[str, Source],
        primary: str,
        outputs: tuple[str, ...],
        facts: BuildFacts,
    ) -> BuildResult:
        """One build to its end: see builds.BuildRunner."""
        begun = time.monotonic()
        build = _Build(self, project, overrides, sources, primary, outputs, facts)
        status, phase, message = SUCCEEDED, "COMPLETED", ""
        try:
            build.run()
        except _BuildError as error:
            status, phase, message = error.status, error.phase, error.message
        except Exception as error:  # whatever the rehearsal itself does wrong is no success
            status, phase, message = FAULT, build.phase, f"{type(error).__name__}: {error}"
        try:
            build.end(status, phase, message)
        except Exception as error:
            if status == SUCCEEDED:
                status, phase, message = FAULT, "FINALIZING", f"{type(error).__name__}: {error}"
        return BuildResult(status, phase, build.exported, build.artifacts, build.log, time.monotonic() - begun, message)


class _Build:
    """One build."""

    def __init__(
        self,
        codebuild: CodeBuild,
        project: Project,
        overrides: Mapping[str, Variable],
        sources: Mapping[str, Source],
        primary: str,
        outputs: tuple[str, ...],
        facts: BuildFacts,
    ) -> None:
        self.codebuild, self.project, self.overrides = codebuild, project, overrides
        self.sources, self.primary, self.outputs, self.facts = sources, primary, outputs, facts
        self.phase = "SUBMITTED"
        self.exported: dict[str, str] = {}
        self.artifacts: dict[str, Path] = {}
        self.log = facts.folder / "build.log"
        self.log.touch()
        self.calls = facts.folder / "calls.jsonl"
        self.calls.touch()
        self.succeeding = True
        self.stream: buildlog.Stream | None = None

    def run(self) -> None:
        """Raises _BuildError unless the build succeeds."""
        self.phase = "SUBMITTED"
        try:
            spec = buildspec.read(self.project.buildspec)
        except BuildspecError as error:
            raise _BuildError(FAILED, "DOWNLOAD_SOURCE", f"YAML_FILE_ERROR: {error}") from error
        self.phase = "PROVISIONING"
        try:
            role = roles.of_project(self.codebuild.emulator, self.project)
            self.codebuild.stand_ins.knows(role)
            self.stream = buildlog.Stream(role, self.project.log_group, self.facts.build_id.rpartition(":")[2])
            environment = self._environment(spec, role)
        except ClientError as error:
            # https://docs.aws.amazon.com/codebuild/latest/userguide/troubleshooting.html: what a missing permission of the role does
            raise _BuildError(FAILED, self.phase, f"CLIENT_ERROR: {error}") from error
        work = self.facts.folder / "sandbox"
        work.mkdir()
        try:
            binds = self.codebuild.stand_ins.binds(self.facts.folder, self.project.image)
            with self.codebuild.stand_ins.network(self.facts.folder, self.project.image, environment) as network:
                seen, given, here = (
                    (*binds, *network.binds),
                    environment | network.environment,
                    environment["CODEBUILD_SRC_DIR"],
                )
                box = Sandbox(work, spec.shell, given, here, self.log, seen, network.shared, network.prepare)
                self.phase = "DOWNLOAD_SOURCE"
                self._unpack(box, environment)
                self.phase = "PROVISIONING"
                with box:
                    self._phases(spec, box)
            self._upload(spec, box, here)
        except (SandboxError, StandInError) as error:
            raise _BuildError(FAULT, "PROVISIONING", str(error)) from error
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def end(self, status: str, phase: str, message: str) -> None:
        """What CodeBuild does whatever became of the build: the log goes to CloudWatch Logs."""
        self._say(f"Phase context: {phase} {status} {message}".rstrip())
        self.codebuild.stand_ins.collect(self.facts, self.calls)
        if self.stream:
            self.stream.put(self.log)

    def _environment(self, spec: Buildspec, role: Emulator) -> dict[str, str]:
        project, facts, region = self.project, self.facts, role.region
        number = f"{facts.number % 10**9:09}"
        account, name = self.codebuild.account, facts.build_id
        values: dict[str, str] = dict(spec.variables)
        values |= self._stored({key: Variable(one, "PARAMETER_STORE") for key, one in spec.parameters.items()}, role)
        # "The value in the start build operation call takes highest precedence", then the project's, then the buildspec's.
        values |= self._stored(project.environment, role)
        values |= self._stored(self.overrides, role)
        given = {
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
            "CODEBUILD_BUILD_ARN": f"arn:aws:codebuild:{region}:{account}:build/{name}",
            "CODEBUILD_BUILD_ID": name,
            "CODEBUILD_BUILD_IMAGE": project.image,
            "CODEBUILD_BUILD_NUMBER": str(facts.number),
            "CODEBUILD_BUILD_SUCCEEDING": "1",
            "CODEBUILD_INITIATOR": f"codepipeline/{facts.pipeline}",
            "CODEBUILD_KMS_KEY_ID": project.encryption_key,
            "CODEBUILD_LOG_PATH": name.rpartition(":")[2],
            "CODEBUILD_PROJECT_ARN": project.arn,
            "CODEBUILD_SOURCE_REPO_URL": "",  # "If a build originates from CodePipeline, then this might be empty."
            "CODEBUILD_SRC_DIR": f"/codebuild/output/src{number}/src",
            "CODEBUILD_START_TIME": str(int(time.time() * 1000)),
            "HOME": "/root",  # "always set to /root"
            "PATH": sandbox.PATH,
        }
        if facts.commit:
            given["CODEBUILD_RESOLVED_SOURCE_VERSION"] = facts.commit
        # The page names what other sources give, not CodePipeline: a guess, and no script of this project reads it.
        if self.primary in self.sources:
            given["CODEBUILD_SOURCE_VERSION"] = f"arn:aws:s3:::{self.sources[self.primary].location}"
        for index, source in enumerate((one for one in self.sources if one != self.primary), start=1):
            if not _SOURCE_DIR.fullmatch(source):
                raise _BuildError(FAILED, "DOWNLOAD_SOURCE", f"{source} is no source identifier: letters, digits, _")
            given[f"CODEBUILD_SRC_DIR_{source}"] = f"/codebuild/output/src{number}/{index:02}"
        reserved = [key for key in values if key.startswith("CODEBUILD_")]
        if reserved:
            raise _BuildError(FAILED, self.phase, f"CLIENT_ERROR: {reserved[0]}: the prefix CODEBUILD_ is reserved")
        credentials = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        ours = {key: role.environment[key] for key in credentials}
        ours |= {"AWS_ENDPOINT_URL": role.url, "AWS_CA_BUNDLE": f"{sandbox.OURS}/emulator.crt"}
        return {**given, **values, **ours, **self.codebuild.stand_ins.environment(project.image)}

    def _stored(self, variables: Mapping[str, Variable], role: Emulator) -> dict[str, str]:
        """Values; those of Parameter Store under the project's role (ssm:GetParameters, says the buildspec reference)."""
        plain = {key: one.value for key, one in variables.items() if one.type == "PLAINTEXT"}
        stored = {key: one.value for key, one in variables.items() if one.type == "PARAMETER_STORE"}
        other = [one.type for one in variables.values() if one.type not in ("PLAINTEXT", "PARAMETER_STORE")]
        if other:
            raise _BuildError(FAULT, self.phase, f"the rehearsal has nothing for variables of type {other[0]}")
        if not stored:
            return plain
        client = roles.client(role, "ssm")
        answer = client.get_parameters(Names=sorted(set(stored.values())), WithDecryption=True)
        found = {one["Name"]: one["Value"] for one in answer["Parameters"]}
        missing = sorted(set(stored.values()) - set(found))
        if missing:
            raise _BuildError(FAILED, "DOWNLOAD_SOURCE", f"Parameter Store has no {missing[0]}")
        return plain | {key: found[name] for key, name in stored.items()}

    def _unpack(self, box: Sandbox, environment: Mapping[str, str]) -> None:
        for name, source in self.sources.items():
            place = environment["CODEBUILD_SRC_DIR" + ("" if name == self.primary else f"_{name}")]
            try:
                packing.unpack(source.zip, box.files / place.lstrip("/"))
            except PackingError as error:
                raise _BuildError(FAILED, "DOWNLOAD_SOURCE", f"CLIENT_ERROR: {name}: {error}") from error

    def _phases(self, spec: Buildspec, box: Sandbox) -> None:
        """The page on transitions: install and pre_build end the build, a failed build goes on to post_build; ``on-failure`` wins
        over that. Whether CONTINUE makes a build succeed is not documented: here it has failed."""
        limit = time.monotonic() + self.codebuild.clock.limit(self.project.timeout_minutes * 60)
        first: _BuildError | None = None
        for phase in spec.phases:
            self.phase = phase.name.upper()
            try:
                self._phase(phase, box, limit)
            except _BuildError as error:
                first = first or error
                if error.status != FAILED or phase.on_failure == ABORT:
                    break
                if phase.on_failure != CONTINUE and phase.name != "build":
                    break
                self.succeeding = False
        try:
            self.exported = self._exported(spec, box, limit)
        except EndedError:
            self.exported = {}
        if first:
            raise first

    def _phase(self, phase: Phase, box: Sandbox, limit: float) -> None:
        self._say(f"Entering phase {self.phase}")
        failed: _BuildError | None = None
        try:
            box.run(f"export CODEBUILD_BUILD_SUCCEEDING={int(self.succeeding)}", limit, self.facts.stop.is_set)
            for commands in (phase.commands, phase.finally_):
                for command in commands:  # "skips the remaining" commands, not those of `finally`
                    self._say(f"Running command {command}")
                    code = box.run(command, limit, self.facts.stop.is_set)
                    if code:
                        failed = failed or _BuildError(FAILED, self.phase, self._why(command, code))
                        break
        except EndedError as ended:
            status = {"stopped": STOPPED, "timed out": TIMED_OUT}.get(ended.why, FAILED)
            raise _BuildError(status, self.phase, f"{ended.why}: {self.phase}") from ended
        self._say(f"Phase complete: {self.phase} State: {'FAILED' if failed else 'SUCCEEDED'}")
        if failed:
            raise failed

    def _why(self, command: str, code: int) -> str:
        """CodeBuild's own words, and what the command said last of an error."""
        said = f"Error while executing command: {command.splitlines()[0]}. Reason: exit status {code}"
        return "; ".join(filter(None, (f"COMMAND_EXECUTION_ERROR: {said}", buildlog.last_error(self.log))))

    def _exported(self, spec: Buildspec, box: Sandbox, limit: float) -> dict[str, str]:
        """Variables of the environment at the end; one that is not there is not exported."""
        if not spec.exported:
            return {}
        secret = {key for both in (self.project.environment, self.overrides) for key, one in both.items() if one.type != "PLAINTEXT"}  # fmt: skip
        found = box.environ(min(limit, time.monotonic() + 30))
        return {name: found[name] for name in spec.exported if name in found and name not in secret}

    def _upload(self, spec: Buildspec, box: Sandbox, place: str) -> None:
        self.phase = "UPLOAD_ARTIFACTS"
        root = box.files / place.lstrip("/")
        try:
            for group, files in spec.reports.items():
                self._say(f"Report group {group}: {len(packing.found(root, files))} files")
            # https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeBuild.html: one output artifact takes
            # `artifacts`, several take the secondary artifacts of their names.
            for name in self.outputs:
                named = spec.artifact if len(self.outputs) == 1 else spec.secondary.get(name)
                if named is None:
                    raise PackingError(f"the buildspec says nothing of the output artifact {name}")
                target = self.facts.folder / f"artifact-{name}.zip"
                packing.pack(root, named, target)
                self.artifacts[name] = target
        except PackingError as error:
            raise _BuildError(FAILED, self.phase, f"CLIENT_ERROR: {error}") from error

    def _say(self, line: str) -> None:
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"[Container] {time.strftime('%Y/%m/%d %H:%M:%S', time.gmtime())} {line}\n")
