"""Judges a build's call. This first version has no parsers, so nothing passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from common.contract import Answer, Origin, Record, ReportCall, Verdict
from common.policy import PipelinePolicy, Policy
from common.strict import MalformedError, shown


class UnjudgedEventError(Exception):
    """An event that nobody waits for: raising makes Lambda retry it and then keep it in the dead-letter queue."""


class UnattributableError(Exception):
    """CodePipeline's account of the execution does not say what was scanned, or does not know the execution."""


class Reports(Protocol):
    """The reports bucket."""

    def size(self, key: str) -> int | None:
        """Bytes of the raw report; None if there is none."""

    def write(self, record: Record) -> None:
        """Keeps the record beside its raw report, instead of an earlier one of the same execution."""


class Executions(Protocol):
    """CodePipeline's account of its executions."""

    def origin(self, pipeline: PipelinePolicy, execution: str) -> Origin:
        """What the execution scans; ``UnattributableError`` if that cannot be said."""


@dataclass(frozen=True)
class Outcome:
    """The answer to give, and the record written for it: None if the call was refused before any judgement."""

    answer: Answer
    record: Record | None


@dataclass(frozen=True)
class Importer:
    """Event in, outcome out; knows neither Lambda nor boto3."""

    policy: Policy
    reports: Reports
    executions: Executions

    def judge(self, event: object, alias: str) -> Outcome:
        """Answers a call; raises for an event, and for every failure of a service it depends on.

        ``alias`` is the one of the function that was called, ``<pipeline>_<scanner>``: each build's role may call its own
        alone, so that a build speaks for its own scanner in its own pipeline and for nobody else.
        """
        if isinstance(event, Mapping) and "detail-type" in event:
            raise UnjudgedEventError(
                f"{shown(event['detail-type'])} from {shown(event.get('source'))} cannot be judged yet"
            )
        try:
            call = ReportCall.parse(event)
            pipeline = self._pipeline_of(call)
            if alias != f"{call.pipeline}_{call.scanner}":
                raise MalformedError(f"the alias {shown(alias)} may not speak for {call.scanner} of {call.pipeline}")
            origin = self.executions.origin(pipeline, call.execution)
        except (MalformedError, UnattributableError) as error:
            return Outcome(Answer(Verdict.TOOL_ERROR, "tool-error: the call was refused", str(error)), None)
        record = Record(
            answer=self._answer(call),
            pipeline=call.pipeline,
            execution=call.execution,
            scanner=call.scanner,
            scope=call.scope,
            exit_code=call.exit_code,
            origin=origin,
            policy_sha256=self.policy.sha256,
        )
        self.reports.write(record)
        return Outcome(record.answer, record)

    def _pipeline_of(self, call: ReportCall) -> PipelinePolicy:
        pipeline = self.policy.pipelines.get(call.pipeline)
        if pipeline is None:
            raise MalformedError(f"pipeline: {call.pipeline} is not in this function's policy.json")
        if call.scanner not in pipeline.gate:
            raise MalformedError(f"scanner: policy.json has no rule for {call.scanner} in {call.pipeline}")
        return pipeline

    def _answer(self, call: ReportCall) -> Answer:
        title = f"{call.scanner} {call.scope}"
        if not self.reports.size(call.key):
            verdict, reason = Verdict.NO_EVIDENCE, f"{call.key} is missing or empty: the scanner wrote no report"
        else:
            verdict, reason = Verdict.TOOL_ERROR, f"no parser for {call.scanner} yet"
        return Answer(verdict, f"{title}: {verdict}", reason)
