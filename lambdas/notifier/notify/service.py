"""What every kind of event needs to become a message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from common import releases
from common.policy import PipelinePolicy, Policy
from common.pushes import Push, folder
from common.strict import MalformedError
from notify import ledger
from notify.audience import Audience, Hearers
from notify.event import Event
from notify.executions import Execution, Executions
from notify.ledger import Ledger
from notify.links import Console
from notify.metrics import embedded
from notify.store import Store
from notify.text import Message, foreign
from notify.topics import Topics

PUSH_LIMIT = 16 * 1024  # bytes of a record of a push
PUSHES_READ = 10  # records of one commit; a commit is pushed once, rarely twice
PROJECT = "_project"  # in place of a pipeline, for what is told of all: no pipeline's name has an underscore


@dataclass(frozen=True)
class Notifier:
    """Knows neither Lambda nor the environment. ``count``: takes a line for the log; ``namespace``: of its metrics."""

    policy: Policy
    audience: Audience
    store: Store
    ledger: Ledger
    executions: Executions
    topics: Topics
    console: Console
    clock: Callable[[], datetime]
    count: Callable[[str], object]
    namespace: str

    def pipeline(self, name_in_aws: object) -> tuple[str, PipelinePolicy, Hearers]:
        """The pipeline that AWS calls so; ``MalformedError`` if it is none of ours."""
        for name, policy in self.policy.pipelines.items():
            if policy.name == name_in_aws:
                return name, policy, self.audience.pipelines[name]
        raise MalformedError("pipeline: one of this project's is right")

    def tell_once(self, where: str, event: Event, topic: str, message: Callable[[], Message]) -> str:
        """Publishes the message unless that was done for ``where`` (``ledger.key``); what became of it, for the log.

        ``message`` is asked for only if it will be sent.
        """
        told = self.ledger.once(where, event.id, lambda: self.topics.publish(topic, message()))
        return f"{where}: {'told' if told else 'was told before'}"

    def count_once(self, where: str, event: Event, dimensions: Mapping[str, str], values: Mapping[str, int]) -> None:
        """Adds to the metrics, unless that was done for ``where``."""
        self.ledger.once(where, event.id, lambda: self.measure(dimensions, values))

    def measure(self, dimensions: Mapping[str, str], values: Mapping[str, int]) -> None:
        """Adds to the metrics."""
        self.count(embedded(self.namespace, dimensions, values, self.clock()))

    def about(self, policy: PipelinePolicy, execution: str, commit_known: str = "") -> list[tuple[str, str]]:
        """Rows of a message: which commit, by whom, and where to look. ``commit_known``: in case CodePipeline says none."""
        found = self.executions.describe(policy.name, execution)
        found = replace(found, commit=found.commit or commit_known)
        branch = policy.branch or found.branch
        begins = found.words.strip().partition("\n")[0].strip()
        commit = f"{found.commit or 'not known'} on {foreign(branch, 100) or 'a branch that is not known'}"
        return [
            ("Commit", f"{commit} of {policy.repository}"),
            ("", self.console.commit(policy.repository, found.commit) if found.commit else ""),
            ("", f'its message begins: "{foreign(begins, 72)}"' if begins else ""),
            self._by_whom(policy, found, branch),
            ("Run", self.console.execution(policy.name, execution)),
        ]

    def report(self, key: str) -> tuple[str, str]:
        """The row that links to an object in the reports bucket."""
        return "Report", self.console.object(self.store.bucket, key)

    def record(self, pipeline: str, execution: str) -> tuple[str, str]:
        """The row that links to the release's record. ``pipeline``: its name in pipelines.yaml."""
        return "Record", self.console.object(self.store.bucket, f"{releases.folder(pipeline, execution)}/index.html")

    def _by_whom(self, policy: PipelinePolicy, execution: Execution, branch: str) -> tuple[str, str]:
        """Who pushed, by CodeCommit's own word. A commit's author is what its author wrote there: not asked."""
        pushes = self._pushes(policy.repository, execution.commit)
        if len(pushes) > PUSHES_READ:  # they stand in no order: whoever is read first may be the wrong one
            return "Pushed by", f"not certain: {len(pushes)} pushes of this commit are recorded"
        pusher = self._pusher(pushes, execution.commit, branch)
        if pusher:
            return "Pushed by", pusher
        return "Started by", f"{foreign(execution.trigger, 250) or 'nobody known'} (CodePipeline's trigger)"

    def _pushes(self, repository: str, commit: str) -> list[str]:
        """The importer records pushes where a delivery separates duties; elsewhere this function may not look for any."""
        return self.store.keys(folder(repository, commit)) if commit and self._recorded(repository) else []

    def _pusher(self, keys: Iterable[str], commit: str, branch: str) -> str:
        pushes = [self._push(key) for key in keys]
        here = [push for push in pushes if push and push.branch == branch and push.commit == commit]
        if not here:
            return ""
        return f"{foreign(max(here, key=lambda push: push.time).pusher, 200)} (recorded from CodeCommit's event)"

    def _recorded(self, repository: str) -> bool:
        pipelines: Iterable[PipelinePolicy] = self.policy.pipelines.values()
        return any(one.repository == repository and one.separation_of_duties for one in pipelines)

    def _push(self, key: str) -> Push | None:
        try:
            found = self.store.read(key, PUSH_LIMIT)
            return Push.parse(found.data) if found else None
        except MalformedError:
            return None


def execution_key(pipeline: str, execution: str, cause: str) -> str:
    """``ledger.key``, for whoever needs no more of the ledger."""
    return ledger.key(pipeline, execution, cause)
