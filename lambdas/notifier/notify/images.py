"""What scans find later in the image that was released last, or that waits for an approval.

The release recorder keeps which images these are (lambdas/common/releases.py). Before, an execution's own gate speaks of its
image; an image that was refused, or was replaced, troubles nobody.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from common import strict
from common.contract import COUNT_LIMIT, DIGEST, LINE
from common.policy import REGISTRY, SEVERITIES
from common.releases import SIZE_LIMIT, Current, current_key
from common.strict import MalformedError
from notify.event import Event
from notify.service import Notifier, execution_key
from notify.text import Message, foreign

UNGRADED: Final = "ungraded"  # ECR's UNDEFINED, Inspector's UNTRIAGED, and any word of theirs that is no severity
_A_DIGEST: Final = "an image digest (sha256:...)"


def scanned(notifier: Notifier, event: Event) -> str:
    """A basic scan has ended, with counts by severity."""
    registry = strict.text(event.detail.get("repository-name"), "repository-name", REGISTRY, "an ECR repository")
    digest = strict.text(event.detail.get("image-digest"), "image-digest", DIGEST, _A_DIGEST)
    given = strict.entries(event.detail.get("finding-severity-counts"), "finding-severity-counts")
    counts = {
        label.lower(): strict.integer(_whole(number), f"finding-severity-counts.{strict.shown(label)}", 0, COUNT_LIMIT)
        for label, number in given.items()
    }
    name = _pipeline(notifier, registry)
    ungraded = sum(number for one, number in counts.items() if one not in SEVERITIES)
    hearers = notifier.audience.pipelines[name]
    graded = {one: counts.get(one, 0) for one in SEVERITIES} | {UNGRADED: ungraded}
    told = {one: number for one, number in graded.items() if number and hearers.wants(one)}
    if not told:
        return f"{registry}: nothing of the severity that is told"
    counted = ", ".join(f"{number} {one}" for one, number in told.items())
    # The same counts on another day are no news.
    cause = f"ecr-scan-{'-'.join(f'{number}{one}' for one, number in told.items())}"
    return _tell(notifier, event, name, digest, cause, counted, [("Scanner", "Amazon ECR, basic scan")])


def finding(notifier: Notifier, event: Event) -> str:
    """Inspector has found something, or looked at it again. One mail a day for each severity: a new entry in its database
    may bring dozens."""
    strict.choice(event.detail.get("status"), "detail.status", ("ACTIVE",))
    word = strict.text(event.detail.get("severity"), "detail.severity", LINE, "a severity")
    severity = word.lower() if word.lower() in SEVERITIES else UNGRADED
    label = severity.upper() if severity != UNGRADED else f"UNGRADED (Inspector says {foreign(word, 40)})"
    title = strict.text(event.detail.get("title"), "detail.title", LINE, "a title")
    said = []
    for resource in strict.items(event.detail.get("resources"), "detail.resources"):
        image = _image(resource)
        if image is None:
            continue
        registry = strict.text(image.get("repositoryName"), "repositoryName", REGISTRY, "an ECR repository")
        digest = strict.text(image.get("imageHash"), "imageHash", DIGEST, _A_DIGEST)
        name = _pipeline(notifier, registry)
        if not notifier.audience.pipelines[name].wants(severity):
            said.append(f"{registry}: {severity} is not told")
            continue
        rows = [
            ("Scanner", "Amazon Inspector"),
            ("Finding", f"{label} {foreign(title, 200)}"),
            ("", "others of this severity that come today are in Inspector, and in no further mail"),
        ]
        cause = f"inspector-{severity}-{event.time.date().isoformat()}"
        said.append(_tell(notifier, event, name, digest, cause, f"{severity}: {foreign(title, 60)}", rows))
    return "; ".join(said) or "no image of ours"


@dataclass(frozen=True)
class _Use:
    """What an image is to people. ``execution`` and ``commit``: "" if they are not known. ``image``, ``headline``, ``what_now``: words of the
    message; ``perhaps``: why it is not known."""

    execution: str
    commit: str
    image: str
    headline: str
    what_now: str
    perhaps: str = ""


def _use(notifier: Notifier, name: str, digest: str) -> _Use | None:
    """None if the image concerns nobody. What cannot be read is told as if it did: rather once too often than never."""
    try:
        found = notifier.store.read(current_key(name), SIZE_LIMIT)
        current = Current.parse(found.data, name) if found else Current(name)
    except MalformedError as error:
        return _Use(
            "",
            "",
            f"an image of {name}",
            f"An image that {name} has built, released perhaps, has findings now",
            f"look at the run that was released last, and put {current_key(name)} right (docs/records.md)",
            f"which image is released cannot be read: {error}",
        )
    if current.released and current.released.digest == digest:
        return _Use(
            current.released.execution,
            current.released.commit,
            f"the released image of {name}",
            f"What {name} has released has findings now",
            "mend it by a new commit; production goes on as it is until then",
        )
    asked = [one for one in current.asked if one.digest == digest]
    if asked:
        return _Use(
            asked[-1].execution,
            asked[-1].commit,
            f"the image that {name} asks to release",
            f"The image that {name} asks to release has findings now, which its gates have not seen",
            "who approves it should know; production takes it if they approve",
        )
    return None


def _tell(
    notifier: Notifier, event: Event, name: str, digest: str, cause: str, found: str, rows: list[tuple[str, str]]
) -> str:  # fmt: skip
    policy = notifier.policy.pipelines[name]
    use = _use(notifier, name, digest)
    if use is None:
        return f"{name}: {digest} is neither released nor asked to be"
    registry = str(policy.registry)
    return notifier.tell_once(
        execution_key(name, use.execution or digest.removeprefix("sha256:"), cause),
        event,
        notifier.audience.pipelines[name].topic,
        lambda: Message.of(
            f"{notifier.audience.project}: {use.image} has findings: {found}",
            f"{use.headline}: {found}.",
            [
                *rows,
                ("Image", f"{registry}@{digest}"),
                ("Not sure", use.perhaps),
                ("What now", use.what_now),
                *(notifier.about(policy, use.execution, use.commit) if use.execution else ()),
                ("Scan", notifier.console.image(registry, digest)),
            ],
        ),
    )


def _pipeline(notifier: Notifier, registry: str) -> str:
    for name, policy in notifier.policy.pipelines.items():
        if policy.registry == registry:
            return name
    raise MalformedError(f"no pipeline of policy.json delivers to {strict.shown(registry)}")


def _image(resource: object) -> Mapping[str, object] | None:
    details = resource.get("details") if isinstance(resource, dict) else None
    image = details.get("awsEcrContainerImage") if isinstance(details, dict) else None
    return image if isinstance(image, dict) else None


def _whole(number: object) -> object:
    """EventBridge's examples have 10, its events may have 10.0."""
    return int(number) if isinstance(number, float) and number.is_integer() else number
