"""A build's end -> the pull request's comment. Knows neither Lambda nor boto3.

Pull request, commit and outcome come from CodeBuild and CodeCommit; only the plans come from the build. A result that
cannot be read is told as such: silence, or "nothing risky", would be believed.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import partial

from commenting import results, texts
from commenting.builds import Build, Builds
from commenting.comments import Comments
from commenting.results import Part, Result
from commenting.store import LARGEST_PLAN, LARGEST_TOGETHER, Store
from common.strict import MalformedError
from plan_review import reading, render
from plan_review import review as judging
from plan_review.model import Plan


@dataclass(frozen=True)
class Reviewer:
    """Event in, what was said out."""

    review: str
    builds: Builds
    comments: Comments
    store: Store

    def handle(self, event: object, line: MutableMapping[str, object]) -> str:
        """Comment on the build of ``event``; ``line`` is this call's log line. Returns a word for it.

        ``closed``: the pull request is no longer open. ``superseded``: it has a newer commit, whose own build will speak.
        ``older``: a later build of the same commit has spoken. ``posted``, ``edited``, ``same``: said.
        """
        build = self.builds.of_event(event)
        line.update(build=build.id, status=build.status, pull_request=build.pull_request, commit=build.commit)
        pull = self.comments.pull_request(build.pull_request)
        if not pull.open:
            return "closed"
        if pull.source_commit != build.commit:
            return "superseded"
        if pull.source_commit == pull.destination_commit:
            return "empty"  # CodeCommit takes no comment between a commit and itself
        result, why = self._result(build)
        plans, unreadable = self._plans(build, result)
        write = None
        judged = self._judged(plans, unreadable) if plans else None
        wrong = texts.failures(build, result, why, unreadable)
        if judged:
            review, page = judged
            link = self.store.write_page(f"reviews/{self._folder(build)}/index.html", page)
            write = partial(self._markdown, review, link)
            line.update(risky=review.risky, plans=len(plans))
        text = texts.comment(
            self.comments.head(build.commit, build.started),
            wrong,
            texts.notes(pull, result),
            texts.unchanged(result),
            write,
        )
        line.update(failed=bool(wrong), characters=len(text))
        return self.comments.say(pull, text, build.started)

    @staticmethod
    def _markdown(judged: judging.Review, link: str, limit: int) -> str:
        return render.markdown(judged, limit, link)

    @staticmethod
    def _judged(plans: list[Plan], unreadable: list[Part]) -> tuple[judging.Review, str] | None:
        """The review and its page; None, and why in ``unreadable``, if a branch wrote what no plan looks like: an exception would leave the last
        comment standing."""
        try:
            judged = judging.review(plans)
            return judged, render.html(judged)
        except Exception as error:  # whatever a forged plan brings about
            reason = f"it has not a plan's form, and was not judged ({type(error).__name__})"
            unreadable += [Part(plan.name, "failed", reason) for plan in plans]
            return None

    def _folder(self, build: Build) -> str:
        """Of one build, below ``plans/`` and ``reviews/``. The build's id is random: no other build finds the folder."""
        return f"{self.review}/{build.pull_request}/{build.commit}/{build.id}"

    def _result(self, build: Build) -> tuple[Result | None, str]:
        """What the build says it did, or what is wrong with that."""
        try:
            data = self.store.read(f"plans/{self._folder(build)}/result.json", results.LARGEST)
            if data is None:
                return None, "It left no result."
            result = results.parse(data)
        except MalformedError as error:
            return None, f"Its result cannot be read:\n{texts.quoted(str(error))}"  # it repeats what the build wrote
        if result.commit != build.commit:
            return None, "Its result is of another commit."
        if not result.error and not result.stacks:
            return result, "Its result names no stack."
        failed = bool(result.error) or any(part.status == "failed" for part in (*result.stacks, *result.checks))
        if failed and build.succeeded:
            return result, "It ended as if all were well."
        if not failed and not build.succeeded:
            return result, "It says of itself that all is well, and CodeBuild that it is not."
        return result, ""

    def _plans(self, build: Build, result: Result | None) -> tuple[list[Plan], list[Part]]:
        """The plans, and those that cannot be read."""
        plans: list[Plan] = []
        unreadable: list[Part] = []
        room = LARGEST_TOGETHER
        for name in result.named("planned") if result else ():
            try:
                data = self.store.read(f"plans/{self._folder(build)}/{name}.json", min(LARGEST_PLAN, room))
                if data is None:
                    unreadable.append(Part(name, "failed", "the build says that it planned it, and left no plan"))
                    continue
                room -= len(data)
                plans.append(reading.read(name, data))
            except (MalformedError, reading.UnreadableError) as error:
                unreadable.append(Part(name, "failed", str(error)))
        return plans, unreadable
