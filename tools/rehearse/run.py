"""Scenarios on an emulated account to which the stacks were deployed once: pushes, answers to approvals, and what came of it."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tools.apply_local.life import Life
from tools.apply_local.together import SHOWN
from tools.emulator.process import ACCOUNT, Emulator
from tools.rehearse import (
    api,
    codepipeline,
    described,
    fakes,
    judging,
    letters,
    people,
    pushes,
    sandbox,
    scenarios,
    seen,
    trouble,
)
from tools.rehearse.codebuild import CodeBuild
from tools.rehearse.described import Described
from tools.rehearse.history import FAILED, Execution
from tools.rehearse.letters import Letters
from tools.rehearse.people import Repository
from tools.rehearse.plans import ORGANIZATION, TOKEN
from tools.rehearse.scenarios import NOT_STARTED, Scenario, Step
from tools.rehearse.seen import Outcome
from tools.rehearse.show import Show
from tools.rehearse.standins import StandIns, base, codecommit, registry
from tools.rehearse.watch import Clock

STARTS = 60.0  # seconds from a push to its execution: two functions' cold starts on a machine that is busy
QUIET = 6.0  # ... after which an execution that must not begin has not begun
ENDS = 900.0  # for an execution
APART = 1.0  # between two pushes of which the second does not wait for the first
RECORDED = 60.0  # from an execution's end until its record says so: an event, and a function's cold start
FASTER = 10.0  # AWS's own limits: a function's answer after two minutes instead of 20


class NotRunError(RuntimeError):
    """A scenario could not be tried to its end; the message says what was missing. Never a pass."""


@dataclass(frozen=True)
class Result:
    """``wrong``: in what the scenario did not end as it must; empty if it did. ``outcomes``: one for each step."""

    scenario: Scenario
    outcomes: tuple[Outcome, ...]
    wrong: tuple[str, ...]
    seconds: float

    @property
    def red(self) -> bool:
        """Whether a pipeline has stopped."""
        return any(one.status == "Failed" for one in self.outcomes)


@dataclass
class Rehearsal:
    """What is deployed. ``kept``: (bucket, key) of objects that Terraform has made. ``folder``: for files, one folder a scenario.
    ``reports``: where reports and builds' logs of every scenario are copied to, None for nowhere."""

    life: Life
    described: Described
    kept: frozenset[tuple[str, str]]
    folder: Path
    reports: Path | None = None
    count: int = 0

    @classmethod
    def of(cls, life: Life, folder: Path) -> Rehearsal:
        """Of deployed stacks. Raises FailedError, NotRehearsedError."""
        shown = [json.loads(_shown(life, stack)) for stack in life.checkout.order]
        resources = [one for state in shown for one in state["values"]["root_module"]["resources"]]
        objects = {
            (one["values"]["bucket"], one["values"]["key"])
            for one in resources
            if one["type"] in ("aws_s3_object", "aws_s3_bucket_object")
        }
        return cls(life, described.describe(shown), frozenset(objects), folder)

    def run(self, scenario: Scenario, out: Callable[[str], None], colour: bool = False) -> Result:
        """One scenario to its end. Raises NotRunError, StandInError, EmulatorError and what AWS's API says."""
        begun = time.monotonic()
        self.count += 1
        folder = self.folder / f"{self.count:02}-{scenario.name}"
        folder.mkdir(parents=True)
        said = io.StringIO()

        def both(text: str) -> None:
            said.write(text + "\n")
            out(text)

        self.clear()
        repositories = {
            name: Repository.make(folder / "repositories" / name) for name in (scenarios.SHOP, scenarios.LIBRARIES)
        }
        places = {name: one.folder for name, one in repositories.items()}
        with (
            registry.running(folder / "registry") as address,
            codecommit.serving(folder / "codecommit", self.described.region, places) as git,
        ):
            base.put(address)
            stand_ins = StandIns(folder / "stand-ins", self.life.emulator, ACCOUNT, address, git)
            codebuild = CodeBuild(self.life.emulator, ACCOUNT, stand_ins, Clock(FASTER))
            show = Show(both, colour, stand_ins.calls)
            show.scenario(scenario)
            with trouble.made(scenario.trouble, self.life.emulator, self.described, codebuild, both) as builds:
                pipelines = codepipeline.CodePipeline(
                    self.described,
                    self.life.emulator,
                    builds,
                    repositories=places,
                    folder=folder / "executions",
                    clock=Clock(FASTER),
                    watcher=show,
                )
                hub = fakes.security_hub(self.described.region)
                with api.serving(api.Api(pipelines, hub)) as url, letters.listening(self.life.emulator) as mailbox:
                    self.life.emulator.use_stand_in(url)
                    play = _Play(self, scenario, pipelines, repositories, stand_ins, hub, show, mailbox)
                    outcomes = play.steps()
            wrong = play.wrong(outcomes)
            kept = self.reports / scenario.name if self.reports else None
            if kept:
                seen.keep(self.life.emulator, seen.reports_bucket(self.described), folder / "executions", kept)
            show.ended(scenario, outcomes, seen.reports_bucket(self.described), kept)
            if scenario.secret:
                wrong += self._leaks(scenario, folder, hub, said.getvalue())
        result = Result(scenario, tuple(outcomes), tuple(wrong), time.monotonic() - begun)
        show.judged(result.wrong, result.seconds)
        return result

    def _leaks(self, scenario: Scenario, folder: Path, hub: Any, said: str) -> list[str]:
        def places(text: str) -> list[str]:
            return seen.leaks(text, self.life.emulator, self.described, folder, hub, said)

        # The file's name stands in what is reported of it: a search that does not find that would find no key either.
        (name,) = (name for step in scenario.steps for name in step.files if scenario.secret in step.files[name])
        if len(places(name)) < 3:
            return [f"the search for the key does not even find {name} in reports, logs and Security Hub"]
        return [f"the planted key stands in {place}" for place in places(scenario.secret)]

    def clear(self) -> None:
        """An account on which nothing has run yet: what Terraform has made stays."""
        emulator = self.life.emulator
        s3, ecr, ssm = (emulator.client(name) for name in ("s3", "ecr", "ssm"))
        for bucket in seen.buckets(self.described):
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                for one in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                    if (bucket, one["Key"]) not in self.kept:
                        s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
        for repository in ecr.describe_repositories()["repositories"]:
            name = repository["repositoryName"]
            if found := ecr.list_images(repositoryName=name)["imageIds"]:
                ecr.batch_delete_image(
                    repositoryName=name, imageIds=[{"imageDigest": one["imageDigest"]} for one in found]
                )
        values = {"token": TOKEN, "organization": ORGANIZATION}
        for name, value in values.items():
            ssm.put_parameter(Name=f"/acme/snyk/{name}", Value=value, Type="SecureString", Overwrite=True)


def _shown(life: Life, stack: str) -> str:
    """What `terraform show -json` says of a stack. Raises FailedError."""
    folder = life.checkout.stack(stack)
    if (folder / SHOWN).is_file():
        return (folder / SHOWN).read_text(encoding="utf-8")
    return life.checkout.run(["terraform", "show", "-json"], cwd=folder)


@dataclass
class _Play:
    """One scenario's pushes."""

    rehearsal: Rehearsal
    scenario: Scenario
    pipelines: codepipeline.CodePipeline
    repositories: Mapping[str, Repository]
    stand_ins: StandIns
    hub: Any
    show: Show
    mailbox: Letters
    trouble: list[str] = field(default_factory=list)

    def steps(self) -> list[Outcome]:
        """Push, answer, wait; what came of each."""
        approver = people.approver(self.rehearsal.life.emulator)
        begun: list[tuple[Step, str, Execution | None]] = []
        outcomes: list[Outcome] = []
        for step in self.scenario.steps:
            self.stand_ins.plan(step.plan())
            commit, execution = self._push(step)
            begun.append((step, commit, execution))
            if execution:
                threading.Thread(target=self._answer, args=(approver, execution, step), daemon=True).start()
            if not step.wait:
                continue
            for other, commit, execution in begun:
                outcomes.append(self._outcome(other, commit, execution))
            begun.clear()
        return outcomes

    def _push(self, step: Step) -> tuple[str, Execution | None]:
        clean = {"Dockerfile": scenarios.DOCKERFILE, "requirements.txt": scenarios.sample("requirements-fixed.txt")}
        repository = self.repositories[step.repository]
        commit, before = repository.commit(step.branch, step.message, {**clean, **step.files}, scenarios.SAMPLE)
        self.show.pushed(step, commit)
        emulator = self.rehearsal.life.emulator
        pushes.pushed(emulator, step.repository, step.branch, commit, before, people.arn(people.PUSHER))
        if not step.wait:
            time.sleep(APART)
            # Its execution is found when somebody waits for it.
        name = f"acme-{step.repository}"
        end = time.monotonic() + (QUIET if step.ends.status == NOT_STARTED else STARTS)
        while time.monotonic() < end:
            for one in self.pipelines.executions(name):
                if commit in (*one.revisions.values(), *one.variables.values()):
                    return commit, one
            time.sleep(0.05)
        if step.ends.status == NOT_STARTED:
            return commit, None
        raise NotRunError(f"no rule has started {name} for {commit[:8]} within {STARTS:.0f} s of the push")

    def _answer(self, approver: Emulator, execution: Execution, step: Step) -> None:
        approval = self.pipelines.world.approvals.wait(execution.id, ENDS)
        if approval is None:
            return
        try:
            if wrong := seen.behind(approval.link, self.rehearsal.life.emulator):
                self.trouble.append(wrong)
            self.show.answered(people.APPROVER, step.approval)
            people.answer(approver, approval, step.approval)
        except Exception as error:  # the execution waits on, and is told of when its time is up
            self.trouble.append(f"{people.APPROVER} could not answer: {error}")

    def _outcome(self, step: Step, commit: str, execution: Execution | None) -> Outcome:
        emulator = self.rehearsal.life.emulator
        if execution:
            try:
                self.pipelines.wait(execution.id, ENDS)
            except TimeoutError as error:
                raise NotRunError("; ".join([str(error), *self.trouble])) from error
        images = seen.images(emulator)
        for name, digest in images:
            if not base.beneath(self.stand_ins.registry, name, digest):
                self.trouble.append(f"{name}@{digest} does not stand on the base image that its Dockerfile names")
        outcome = Outcome(
            says=step.says,
            pipeline=step.repository,
            commit=commit,
            findings=seen.findings(self.hub, step.repository),
            images=tuple(sorted({digest for _, digest in images})),
            runs=seen.running(self.stand_ins.folder / "cluster"),
            status=execution.status if execution else NOT_STARTED,
        )
        if execution is None:
            return outcome
        at, why = seen.failed_at(execution)
        bucket = seen.reports_bucket(self.rehearsal.described)
        ended = execution.ended or execution.started
        return replace(
            outcome,
            execution=execution.id,
            at=at,
            why=why,
            verdicts=seen.verdicts(emulator, bucket, step.repository, execution.id),
            digest=seen.digest(execution),
            mail=seen.mail(self.pipelines.world.approvals.all(), execution.id),
            reports=tuple(seen.keys(emulator, bucket, f"reports/{step.repository}/{execution.id}/")),
            seconds=(ended - execution.started).total_seconds(),
            tools=seen.tools(self.stand_ins.calls(), execution.id),
            packages=seen.packages(self.pipelines.world.folder / execution.id),
            errors=seen.errors(self.pipelines.world.folder / execution.id, at),
            record=seen.record(emulator, bucket, step.repository, execution.id, RECORDED),
            told=self.mailbox.of(execution.id, int(execution.status == FAILED)),  # last: it waits for one too many
        )

    def wrong(self, outcomes: list[Outcome]) -> list[str]:
        """Every way in which a step has not ended as it must."""
        found = list(self.trouble)
        if not any(step.ends.status != NOT_STARTED for step in self.scenario.steps):
            found.append("the scenario runs nothing")
        digests = [one.digest for one in outcomes]
        for number, (step, outcome) in enumerate(zip(self.scenario.steps, outcomes, strict=True), start=1):
            found += [f"step {number}: {one}" for one in judging.differences(step.ends, outcome, digests)]
        return found


@contextmanager
def deployed(life: Life, folder: Path, reports: Path | None = None) -> Iterator[Rehearsal]:
    """The rehearsal of a life whose stacks are deployed; afterwards no build runs and the emulator knows no stand-in."""
    try:
        yield replace(Rehearsal.of(life, folder), reports=reports)
    finally:
        sandbox.end_all()
        life.emulator.use_stand_in("")
