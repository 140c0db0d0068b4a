"""Whether a step has ended as it must."""

from __future__ import annotations

from collections.abc import Iterator

from tools.rehearse.history import FAILED, IN_PROGRESS
from tools.rehearse.scenarios import Ends
from tools.rehearse.seen import Outcome


def differences(ends: Ends, outcome: Outcome, digests: list[str]) -> Iterator[str]:
    """``digests``: of each step's image, "" for none."""
    if outcome.status == IN_PROGRESS or outcome.status != ends.status:
        yield f"it has ended with {outcome.status} ({outcome.at}: {outcome.why}), right is {ends.status}"
    if ends.at and not outcome.at.startswith(ends.at):
        yield f"it has stopped at {outcome.at or 'nothing'}, right is {ends.at}"
    if not any(ends.why in one for one in (outcome.why, *outcome.errors)):
        yield f"the reason is {outcome.why!r}, in which {ends.why!r} must stand"
    verdicts = {name: one.verdict for name, one in outcome.verdicts.items()}
    for name, right in ends.verdicts.items():
        if verdicts.get(name) != right:
            yield f"{name}: the verdict is {verdicts.get(name, 'not there')}, right is {right}"
    blocked = {name for name, one in verdicts.items() if one != "pass"}
    if extra := blocked - set(ends.verdicts):
        yield f"not `pass`, which nobody expects: {', '.join(sorted(extra))}"
    active = sum(one.state == "ACTIVE" for one in outcome.findings)
    archived = sum(one.state == "ARCHIVED" for one in outcome.findings)
    for what, right_number, number in (
        ("active findings in Security Hub", ends.hub, active),
        ("archived findings in Security Hub", ends.archived, archived),
        ("images in ECR", ends.images, len(outcome.images)),
    ):
        if right_number is not None and number != right_number:
            yield f"{number} {what}, right is {right_number}"
    for namespace, step in ends.runs.items():
        image = outcome.runs.get(namespace, "")
        right = digests[step - 1] if step else ""
        if bool(image) != bool(step) or (step and not (right and image.endswith(f"@{right}"))):
            yield f"{namespace} runs {image or 'nothing'}, right is {f'the image of step {step}, {right}' if step else 'nothing'}"
    for package in ends.brings:
        if package not in outcome.packages:
            yield f"{package} is not among what `resolve` has installed: {', '.join(sorted(outcome.packages))}"
    for package in ends.without:
        if package in outcome.packages or not outcome.packages:
            yield f"`resolve` has installed {package}, or nothing"
    if outcome.record != ends.record:
        yield f"the release's record says {outcome.record or 'nothing'}, right is {ends.record or 'that there is none'}"
    # A run that stops is told to people once; what goes through, or is overtaken, needs nobody.
    if len(outcome.told) != (ends.status == FAILED):
        yield f"people got {len(outcome.told)} mails of it, right is {int(ends.status == FAILED)}"
    if outcome.told and ends.at and ends.at.partition("/")[2] not in outcome.told[0].splitlines()[0]:
        yield f"the mail's subject does not say {ends.at}: {outcome.told[0].splitlines()[0]}"
    if ends.asked is not None and bool(outcome.mail) != ends.asked:
        yield f"an approver was {'asked' if outcome.mail else 'not asked'}"
