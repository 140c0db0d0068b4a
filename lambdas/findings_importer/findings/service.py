"""Judges a build's call: from the raw report to verdict, page, Security Hub and record. Knows neither Lambda nor boto3."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from common.contract import IMAGE_SCOPES, Answer, Record, ReportCall, Verdict, folder
from common.policy import PipelinePolicy, Policy
from common.strict import MalformedError, shown
from findings import asff, findings_file, gate, page, parsers
from findings.executions import Execution, UnattributableError
from findings.inventory import Scope
from findings.model import Judgement, ScanResult, Subject, UnreadableError
from findings.projection import ConflictError, Delivered, Projection
from findings.report_store import HTML, JSON, TooLargeError
from findings.security_hub import SwitchedOffError, UndeliveredError

# What a record says between the first write and the last: an earlier attempt's pass must not outlive a call that dies.
_UNFINISHED = "the importer began to judge this report and did not finish; its log says why"
_RESOLVED: Final = "dependencies"  # each pipeline may resolve them in its own way
_DYNAMIC: Final = "zap"  # visits the pipeline's staging site
# Imports that could not be brought to an end: the verdict cannot be given either.
DELIVERY_ERRORS = (UndeliveredError, SwitchedOffError, ConflictError)


class Reports(Protocol):
    """The reports bucket."""

    def raw(self, key: str) -> bytes | None:
        """The raw report; None if there is none; ``TooLargeError``."""

    def write(self, key: str, body: bytes, content_type: str, etag: str | None = None) -> str:
        """Puts the object in place of an earlier one, with ``etag`` only of that one; its own. ``ConflictError``."""


class Executions(Protocol):
    """CodePipeline's account of its executions."""

    def describe(self, pipeline: PipelinePolicy, execution: str) -> Execution:
        """What the execution is of; ``UnattributableError`` if that cannot be said."""


@dataclass(frozen=True)
class Outcome:
    """The answer to give; the judgement that it rests on and what was delivered, None if the call was refused before."""

    answer: Answer
    judgement: Judgement | None = None
    delivered: Delivered | None = None


@dataclass(frozen=True)
class Importer:
    """A build's call in, outcome out. ``clock``: the time now, in UTC."""

    policy: Policy
    reports: Reports
    executions: Executions
    projection: Projection
    account: asff.Account
    clock: Callable[[], datetime]

    def judge(self, event: object, alias: str) -> Outcome:
        """Answers a call; raises for every failure of a service that it depends on, after which no pass is on record.

        ``alias`` is the one of the function that was called, ``<pipeline>_<scanner>``: each build's role may call its own
        alone, so that a build speaks for its own scanner in its own pipeline and for nobody else.
        """
        try:
            call = ReportCall.parse(event)
            pipeline = self._pipeline_of(call)
            if alias != f"{call.pipeline}_{call.scanner}":
                raise MalformedError(f"the alias {shown(alias)} may not speak for {call.scanner} of {call.pipeline}")
            execution = self.executions.describe(pipeline, call.execution)
            subject = self._subject_of(call, execution)
        except (MalformedError, UnattributableError) as error:
            return Outcome(Answer(Verdict.TOOL_ERROR, "tool-error: the call was refused", str(error)))
        record = Record(
            answer=Answer(Verdict.TOOL_ERROR, f"{call.scanner} {call.scope}: unfinished", _UNFINISHED),
            pipeline=call.pipeline,
            execution=call.execution,
            scanner=call.scanner,
            scope=call.scope,
            exit_code=call.exit_code,
            origin=execution.origin,
            digest=subject.digest,
            report_sha256="",
            policy_sha256=self.policy.sha256,
        )
        begun = self._write_record(record)
        raw = self._raw(call.key)
        if isinstance(raw, bytes):
            record = replace(record, report_sha256=hashlib.sha256(raw).hexdigest())
        judgement = self._judgement(subject, raw, call.exit_code, pipeline, execution.started)
        judgement, delivered = self._deliver(judgement, execution.started)
        answer = self.publish(judgement, folder(call.pipeline, call.execution, call.scanner, call.scope))
        # Only in place of this call's own beginning: a first attempt that ends late must not speak over a second one.
        self._write_record(replace(record, answer=answer, waived_until=judgement.waived_until), begun)
        return Outcome(answer, judgement, delivered)

    def publish(self, judgement: Judgement, where: str) -> Answer:
        """Writes findings.json and index.html below ``where``; the answer that names the page."""
        now = self.clock()
        key = f"{where}/index.html"
        answer = Answer(
            verdict=judgement.verdict,
            summary=judgement.summary,
            reason=judgement.reason,
            counts=judgement.counts,
            blocking=judgement.blocking,
            page=key,
        )
        documents = self.documents(judgement, now, key)
        self.reports.write(f"{where}/findings.json", findings_file.encode(answer.as_json(), documents), JSON)
        self.reports.write(key, page.render(judgement, self.policy.sha256, now), HTML)
        return answer

    def documents(self, judgement: Judgement, now: datetime, page_key: str) -> Iterator[dict[str, object]]:
        """Each finding as ASFF, as if it were new; the inventory knows since when it is there."""
        for one in judgement.findings:
            yield asff.document(one, judgement.subject, self.account, created=now, updated=now, page=page_key)

    def project(self, judgement: Judgement, started: datetime, where: str) -> Delivered:
        """Brings the judgement's findings to inventory and Security Hub; one of ``DELIVERY_ERRORS`` if that fails."""
        now = self.clock()
        # Inspector brings its own findings to Security Hub: an empty list here archives what basic scanning had reported.
        mine = replace(judgement, findings=()) if judgement.delivered_by_aws else judgement
        return self.projection.project(
            judgement.subject,
            self.documents(mine, now, f"{where}/index.html"),
            {one.id: one.acceptance for one in mine.findings if one.acceptance},
            finished=judgement.finished,
            started=started,
            now=now,
        )

    def terms(self, pipeline: PipelinePolicy, scanner: str, started: datetime | None) -> gate.Terms:
        """By what a report is judged today."""
        host = pipeline.host if scanner == _DYNAMIC and pipeline.host else ""
        return gate.Terms(pipeline.gate[scanner], self.policy.waivers, self.clock().date(), started, host)

    def _deliver(self, judgement: Judgement, started: datetime) -> tuple[Judgement, Delivered | None]:
        subject = judgement.subject
        where = folder(subject.pipeline, subject.execution, subject.scanner, subject.scope)
        try:
            delivered = self.project(judgement, started, where)
            # Nobody else would ever come by the findings of a scanner or pipeline that has left the settings.
            delivered += self.projection.retire(subject.repository, subject.branch, self.is_scanned, self.clock())
            return judgement, delivered
        except DELIVERY_ERRORS as error:
            return _failed(judgement, f"the findings could not be recorded: {error}"), None

    def _judgement(
        self,
        subject: Subject,
        raw: bytes | TooLargeError | None,
        exit_code: int,
        pipeline: PipelinePolicy,
        started: datetime,
    ) -> Judgement:
        terms = self.terms(pipeline, subject.scanner, started)
        if isinstance(raw, TooLargeError):
            return _failed(gate.judge(subject, None, exit_code, terms), str(raw))
        return gate.judge(subject, read(subject.scanner, raw), exit_code, terms)

    def _raw(self, key: str) -> bytes | TooLargeError | None:
        try:
            return self.reports.raw(key)
        except TooLargeError as error:
            return error

    def _write_record(self, record: Record, etag: str | None = None) -> str:
        return self.reports.write(record.key, record.as_bytes(), JSON, etag)

    def target(self, pipeline: str, scanner: str, scope: str, branch: str) -> str:
        """What is scanned, beside repository and branch: empty for all of them; else the pipeline.

        A repository may deliver several images. And of two pipelines that resolve its dependencies each in its own way, neither
        may close what only the other sees.
        """
        if scope in IMAGE_SCOPES:
            return pipeline
        own = self.policy.pipelines[pipeline]
        others = [
            name
            for name, one in self.policy.pipelines.items()
            if name != pipeline
            and one.repository == own.repository
            and scanner in one.gate
            and one.branch in (None, branch)
        ]
        return pipeline if scope == _RESOLVED and others else ""

    def is_scanned(self, scope: Scope) -> bool:
        """Whether a pipeline of the policy still makes such scans."""
        return any(
            one.repository == scope.repository
            and one.branch in (None, scope.branch)
            and one.makes(scope.scanner, scope.scope)
            and self.target(name, scope.scanner, scope.scope, scope.branch) == scope.target
            for name, one in self.policy.pipelines.items()
        )

    def _subject_of(self, call: ReportCall, execution: Execution) -> Subject:
        """What a call is about. ``UnattributableError`` if it is about an image of which CodePipeline knows no digest."""
        of_image = call.scope in IMAGE_SCOPES
        if of_image and not execution.digest:
            raise UnattributableError(
                f"execution {call.execution} has no sealed image digest, so nobody knows what {call.scanner} looked at"
            )
        origin = execution.origin
        return Subject(
            scanner=call.scanner,
            scope=call.scope,
            pipeline=call.pipeline,
            execution=call.execution,
            repository=origin.repository,
            branch=origin.branch,
            commit=origin.commit,
            digest=execution.digest if of_image else "",
            target=self.target(call.pipeline, call.scanner, call.scope, origin.branch),
        )

    def _pipeline_of(self, call: ReportCall) -> PipelinePolicy:
        pipeline = self.policy.pipelines.get(call.pipeline)
        if pipeline is None:
            raise MalformedError(f"pipeline: {call.pipeline} is not in this function's policy.json")
        if call.scanner not in pipeline.gate:
            raise MalformedError(f"scanner: policy.json has no rule for {call.scanner} in {call.pipeline}")
        return pipeline


def read(scanner: str, raw: bytes | None) -> ScanResult | UnreadableError | None:
    """The report, or why it cannot be read, or None for none: what the gate takes."""
    if raw is None:
        return None
    try:
        return parsers.read(scanner, raw)
    except UnreadableError as error:
        return error


def _failed(judgement: Judgement, reason: str) -> Judgement:
    """The same findings without a verdict on them."""
    return replace(
        judgement,
        verdict=Verdict.TOOL_ERROR,
        summary=f"{judgement.subject.scanner} {judgement.subject.scope}: {Verdict.TOOL_ERROR}",
        reason=reason,
        blocking=sum(one.blocking for one in judgement.findings),
        finished=False,
    )
