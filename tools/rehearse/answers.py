"""What an action waits for: a function's answer to its job, a person's to an approval.

https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutJobSuccessResult.html, API_PutJobFailureResult.html,
API_PutApprovalResult.html (which errors)
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tools.rehearse import variables
from tools.rehearse.history import SUCCEEDED, Outcome, failed


class RefusedError(Exception):
    """An answer of the API that is an error: its code and what it says."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


@dataclass
class Awaited:
    """``outcome`` is there when ``answered`` is set; ``closed`` when nobody waits any more."""

    answered: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome | None = None
    closed: bool = False


class Jobs:
    """Jobs that functions were given. An answer counts once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, Awaited] = {}

    def open(self) -> tuple[str, Awaited]:
        """A new job: its id, and its answer to wait for."""
        name, awaited = str(uuid.uuid4()), Awaited()
        with self._lock:
            self._jobs[name] = awaited
        return name, awaited

    def close(self, awaited: Awaited) -> Outcome | None:
        """Take the answer, if there is one; later ones are refused."""
        with self._lock:
            awaited.closed = True
            return awaited.outcome

    def succeeded(self, job: str, output: Mapping[str, str], external_id: str, summary: str, again: bool) -> None:
        """PutJobSuccessResult. ``again``: with a continuation token. Raises RefusedError."""
        try:
            outcome = Outcome(SUCCEEDED, variables.output(output), external_id=external_id or job, summary=summary)
        except variables.VariableError as error:
            raise RefusedError("OutputVariablesSizeExceededException", str(error)) from error
        if again:  # the function would be called again later: none of ours does that
            outcome = failed("the rehearsal does not continue jobs that answer with a continuationToken")
        self._answer(job, outcome)

    def failed(self, job: str, message: str, external_id: str) -> None:
        """PutJobFailureResult. Raises RefusedError."""
        self._answer(job, failed(message, external_id=external_id or job))

    def _answer(self, job: str, outcome: Outcome) -> None:
        with self._lock:
            awaited = self._jobs.get(job)
            if awaited is None:
                raise RefusedError("JobNotFoundException", f"no job {job}")
            if awaited.closed or awaited.outcome:
                raise RefusedError("InvalidJobStateException", f"job {job} is over")
            awaited.outcome = outcome
            awaited.answered.set()


@dataclass
class Approval(Awaited):
    """One question. ``subject``, ``mail``: as they arrive; ``custom``, ``link``: resolved. ``token`` belongs into the answer."""

    pipeline: str = ""
    execution: str = ""
    stage: str = ""
    action: str = ""
    token: str = field(default_factory=lambda: str(uuid.uuid4()))
    subject: str = ""
    mail: str = ""
    custom: str = ""
    link: str = ""
    expires: datetime | None = None


class Approvals:
    """Questions that wait for a person, and those that did."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._all: list[Approval] = []

    def ask(self, approval: Approval) -> None:
        """Put a question."""
        with self._lock:
            self._all.append(approval)
            self._lock.notify_all()

    def close(self, approval: Approval) -> Outcome | None:
        """Take the answer, if there is one; later ones are refused."""
        with self._lock:
            approval.closed = True
            return approval.outcome

    def all(self) -> list[Approval]:
        """Every question so far, the oldest first."""
        with self._lock:
            return list(self._all)

    def wait(self, execution: str, seconds: float) -> Approval | None:
        """The open question of an execution, as soon as there is one; None if none comes in time."""

        def found() -> Approval | None:
            return next((one for one in self._all if one.execution == execution and not one.closed), None)

        with self._lock:
            self._lock.wait_for(lambda: found() is not None, seconds)
            return found()

    def answer(self, place: tuple[str, str, str], token: str, status: str, summary: str, by: str) -> None:
        """PutApprovalResult by a person (ARN). ``place``: pipeline, stage, action. Raises RefusedError."""
        with self._lock:
            asked = [one for one in self._all if (one.pipeline, one.stage, one.action) == place]
            if not asked:
                raise RefusedError("ActionNotFoundException", f"nothing waits for an approval at {'/'.join(place)}")
            approval = next((one for one in asked if one.token == token), None)
            if approval is None:
                raise RefusedError("InvalidApprovalTokenException", "the token is of no approval of this action")
            if approval.closed or approval.outcome:
                raise RefusedError("ApprovalAlreadyCompletedException", "the approval is over")
            # Seen, not documented: without a text of its own CodePipeline writes who it was.
            text = summary or f"{status} by {by}"
            if status == "Approved":
                approval.outcome = Outcome(SUCCEEDED, external_id=token, summary=text, by=by)
            else:
                approval.outcome = failed(f"{status} by {by}: {text}", external_id=token, summary=text, by=by)
            approval.answered.set()
