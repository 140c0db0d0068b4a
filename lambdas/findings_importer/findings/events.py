"""What AWS tells without being asked: a rescan of a released image, an Inspector finding, a push, a branch that is gone.

Nobody waits for an answer: whatever cannot be handled raises, so that Lambda retries and then keeps the event in the
dead-letter queue, which has an alarm.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from common import strict
from common.contract import DIGEST, LINE
from common.policy import REGISTRY, REPOSITORY
from common.pushes import Push
from common.strict import MalformedError, shown
from findings import gate
from findings.inventory import Scan
from findings.model import Judgement, Subject, UnreadableError
from findings.parsers import inspector
from findings.parsers.reading import inner, word
from findings.projection import Delivered
from findings.redaction import redact
from findings.report_store import JSON
from findings.service import Importer, read

_EVENT_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_DONE: Final = "COMPLETE"


class UnjudgedEventError(Exception):
    """An event that cannot be handled, so it must not be forgotten; the message says which and why."""


class Images(Protocol):
    """Amazon ECR's account of an image's scan."""

    def report(self, registry: str, digest: str) -> bytes:
        """The finished scan's findings, as buildspecs/scripts/ecr_scan.py stores them."""


@dataclass(frozen=True)
class Handled:
    """What became of an event: one sentence for the log, and what was judged. ``gone``: what was archived of a repository."""

    said: str
    results: tuple[tuple[Judgement, Delivered], ...] = ()
    gone: tuple[str, Delivered] | None = None


@dataclass(frozen=True)
class Events:
    """Event in, effect out."""

    importer: Importer
    images: Images

    def handle(self, event: Mapping[str, object]) -> Handled:
        """Does what the event asks for; ``UnjudgedEventError`` if that cannot be done."""
        kind = (word(event.get("source")), word(event.get("detail-type")))
        handler = _HANDLERS.get(kind)
        if handler is None:
            raise UnjudgedEventError(f"{shown(kind[1])} from {shown(kind[0])} is no event that this function knows")
        try:
            return handler(self, event)
        except (MalformedError, UnreadableError) as error:
            raise UnjudgedEventError(f"{kind[1]}: {error}") from error

    def image_scan(self, event: Mapping[str, object]) -> Handled:
        """Basic scanning has ended. https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html

        A build judges its own image. This is for later scans of the image that was released last: of any other image the
        findings would be held against a branch that no longer delivers it.
        """
        registry = strict.text(
            inner(event, "detail", "repository-name"), "repository-name", REGISTRY, "an ECR repository"
        )
        digest = strict.text(
            inner(event, "detail", "image-digest"), "image-digest", DIGEST, "an image digest (sha256:...)"
        )
        status = inner(event, "detail", "scan-status")
        pipelines = [name for name, one in self.importer.policy.pipelines.items() if one.registry == registry]
        if not pipelines:
            raise UnjudgedEventError(f"no pipeline of policy.json delivers to {registry}")
        current = {name: last for name in pipelines if (last := self._released(name)) and last.digest == digest}
        if not current:
            return Handled(f"{registry}@{digest} is not the image scanned last by a build: nothing to do")
        if status != _DONE:
            raise UnjudgedEventError(f"the scan of {registry}@{digest} ended as {shown(status)}, not {_DONE}")
        raw = self.images.report(registry, digest)
        results = tuple(self._rescanned(name, last, raw, _event_id(event)) for name, last in current.items())
        return Handled(f"{registry}@{digest}: scanned again", results)

    def inspector_finding(self, event: Mapping[str, object]) -> Handled:
        """Inspector sends its findings to Security Hub itself: read and counted here, never imported a second time.

        https://docs.aws.amazon.com/inspector/latest/user/securityhub-integration.html
        """
        result = redact(inspector.parse_event(event.get("detail")))
        if result.errors:
            raise UnjudgedEventError(f"Inspector2 Finding: {result.errors[0]}")
        rules = ", ".join(finding.rule for finding in result.findings) or "none that is open"
        return Handled(f"Inspector: {rules}; it reaches Security Hub without this function")

    def reference_changed(self, event: Mapping[str, object]) -> Handled:
        """A branch was pushed to, or deleted.

        https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html
        """
        if inner(event, "detail", "event") != "referenceDeleted":
            push = Push.of_event(event)
            self.importer.reports.write(push.key, push.as_bytes(), JSON)
            return Handled(f"{push.repository}: push of {push.commit} recorded")
        if inner(event, "detail", "referenceType") != "branch":
            raise MalformedError("referenceType: branch is right")
        repository = strict.text(inner(event, "detail", "repositoryName"), "repositoryName", REPOSITORY, "a repository")
        branch = strict.text(inner(event, "detail", "referenceName"), "referenceName", LINE, "a branch's name")
        done = self.importer.projection.delete_branch(
            repository, branch, strict.moment(event.get("time"), "time"), self.importer.clock()
        )
        said = f"{repository}: branch {branch} is gone, {done.archived} findings are archived"
        return Handled(said, gone=(repository, done))

    def _released(self, pipeline: str) -> Scan | None:
        return self.importer.projection.last_scan(self._subject(pipeline, None))

    def _subject(self, pipeline: str, last: Scan | None) -> Subject:
        policy = self.importer.policy.pipelines[pipeline]
        return Subject(
            scanner="ecr",
            scope="image",
            pipeline=pipeline,
            execution=last.execution if last else "",
            repository=policy.repository,
            branch=policy.branch or "",
            commit=last.commit if last else "",
            digest=last.digest if last else "",
            target=pipeline,
        )

    def _rescanned(self, pipeline: str, last: Scan, raw: bytes, event_id: str) -> tuple[Judgement, Delivered]:
        subject, where = self._subject(pipeline, last), f"rescans/{pipeline}/{event_id}/ecr-image"
        terms = self.importer.terms(self.importer.policy.pipelines[pipeline], subject.scanner, None)
        self.importer.reports.write(f"{where}/raw.json", raw, JSON)
        judgement = gate.judge(subject, read(subject.scanner, raw), 0, terms)
        # The same image of the same execution, looked at again: its place in the order of scans stays.
        delivered = self.importer.project(judgement, last.started, where)
        self.importer.publish(judgement, where)
        if not judgement.finished:
            raise UnjudgedEventError(f"{subject.scanner} {subject.scope} of {pipeline}: {judgement.reason}")
        return judgement, delivered


_Handler = Callable[[Events, Mapping[str, object]], Handled]
_HANDLERS: Final[Mapping[tuple[str, str], _Handler]] = MappingProxyType(
    {
        ("aws.ecr", "ECR Image Scan"): Events.image_scan,
        ("aws.inspector2", "Inspector2 Finding"): Events.inspector_finding,
        ("aws.codecommit", "CodeCommit Repository State Change"): Events.reference_changed,
    }
)


def _event_id(event: Mapping[str, object]) -> str:
    return strict.text(event.get("id"), "id", _EVENT_ID, "an event's id")
