"""A rehearsal as a person watches it: a line for whatever begins or ends, and a summary. Plain text; colours for a terminal only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.rehearse import watch
from tools.rehearse.codebuild import DIFFERENCES
from tools.rehearse.history import FAILED, SUCCEEDED, SUPERSEDED
from tools.rehearse.people import PUSHER
from tools.rehearse.scenarios import Scenario, Step
from tools.rehearse.seen import Outcome, Verdict
from tools.rehearse.watch import Seen

_COLOURS = {SUCCEEDED: "32", FAILED: "31", SUPERSEDED: "33", "head": "1", "quiet": "2"}
_WIDTH = 140  # of a line with a reason; the whole of it stands in the summary


class Show:
    """A Watcher. ``out`` takes whole lines. ``calls``: what the builds have called so far (StandIns.calls)."""

    def __init__(self, out: Callable[[str], None], colour: bool, calls: Callable[[], list[dict[str, Any]]]) -> None:
        self._out, self._colour, self._calls = out, colour, calls
        self._begun = time.monotonic()
        self._names: dict[str, str] = {}  # execution -> a letter for it
        self._lock = threading.Lock()

    def scenario(self, scenario: Scenario) -> None:
        """A scenario begins."""
        self._out(self._paint("head", f"\n== {scenario.name}: {scenario.says}"))

    def pushed(self, step: Step, commit: str) -> None:
        """Somebody pushes."""
        where = f"{step.repository} {step.branch}"
        self._line("", f'{PUSHER} pushes {commit[:8]} "{step.message}" to {where}: {step.says}')

    def answered(self, who: str, status: str) -> None:
        """Somebody answers an approval."""
        self._line("", f"{who} answers: {status}")

    def saw(self, seen: Seen) -> None:
        """One line, if it is worth one."""
        with self._lock:
            name = self._names.setdefault(seen.execution, f"{seen.pipeline}#{len(self._names) + 1}")
        place = f"{seen.stage}/{seen.action}"
        if seen.kind == watch.EXECUTION_BEGUN:
            self._line(name, f"begins: execution {seen.execution}")
        elif seen.kind == watch.EXECUTION_WAITS:
            self._line(name, f"waits in front of {seen.stage}")
        elif seen.kind == watch.STAGE_BEGUN:
            self._line(name, self._paint("head", seen.stage))
        elif seen.kind == watch.ACTION_BEGUN:
            self._line(name, self._paint("quiet", f"  {place:<26} ..."))
        elif seen.kind == watch.ACTION_ENDED:
            why = f"  {reason(seen.message)}" if seen.status != SUCCEEDED else ""
            said = f"  {seen.summary}" if seen.summary else ""
            text = f"  {place:<26} {self._paint(seen.status, seen.status.lower()):<10} {seen.seconds:5.1f} s{said}{why}"
            self._line(name, text if len(text) <= _WIDTH else f"{text[:_WIDTH]}...")
            if tools := self._tools(seen):
                self._line(name, self._paint("quiet", f"  {'':<26} {tools}"))
        elif seen.kind == watch.APPROVAL_ASKED:
            self._line(name, f"  {place:<26} asks by mail: {seen.message.splitlines()[0]}")
        elif seen.kind == watch.EXECUTION_ENDED:
            self._line(name, f"{self._paint(seen.status, seen.status.upper())} after {seen.seconds:.1f} s")

    def ended(self, scenario: Scenario, outcomes: Sequence[Outcome], bucket: str, kept: Path | None) -> None:
        """The summary. ``kept``: where the reports were copied to."""
        out = self._out
        for number, one in enumerate(outcomes, start=1):
            which = f"step {number}, " if len(outcomes) > 1 else ""
            out(self._paint("head", f"\n-- {scenario.name}: {which}{one.says}"))
            self._stop(one)
            for name, verdict in sorted(one.verdicts.items()):
                out(f"   {'verdict':<14} {name:<22} {_verdict(verdict)}")
            states = [f"{found.state.lower()} {found.severity}: {found.title}" for found in one.findings]
            out(f"   {'Security Hub':<14} {'; '.join(states[:3]) or 'nothing'}{_more(states, 3)}")
            out(f"   {'ECR':<14} {', '.join(image[:19] for image in one.images) or 'nothing'}")
            for namespace, image in sorted(one.runs.items()):
                out(f"   {'runs':<14} {namespace}: {_short(image)}")
            if one.reports:
                where = "/".join(one.reports[0].split("/")[:3])
                copied = f"copied to {kept / where}" if kept else "gone with the emulator, REPORTS=<folder> keeps them"
                out(f"   {'reports':<14} s3://{bucket}/{where}/: {len(one.reports)} files, {copied}")
            if one.record:
                out(f"   {'record':<14} {one.record}: releases/{one.pipeline}/{one.execution}/release.json, index.html")
            for kind, tools in sorted(one.tools.items()):
                out(f"   {kind:<14} {', '.join(sorted(tools))}")
            for what, mail in (("approval mail", one.mail), *(("mail to people", mail) for mail in one.told)):
                if mail:
                    out(f"   {what}")
                    for line in mail.splitlines():
                        out(f"      | {line}")

    def judged(self, wrong: Sequence[str], seconds: float) -> None:
        """Whether it has ended as it must."""
        for one in wrong:
            self._out(self._paint(FAILED, f"   NOT AS IT MUST: {one}"))
        said = "not as expected" if wrong else "as expected"
        self._out(self._paint(FAILED if wrong else SUCCEEDED, f"   ended {said}, {seconds:.0f} s"))

    def _stop(self, one: Outcome) -> None:
        if one.status == SUCCEEDED:
            self._out(self._paint(SUCCEEDED, f"   {one.pipeline} went through to its end in {one.seconds:.0f} s"))
        elif one.at:
            self._out(self._paint(FAILED, f"   {one.pipeline} STOPPED at {one.at} after {one.seconds:.0f} s, because"))
            self._out(f"      {reason(one.why)}")
            for line in one.errors:
                if line not in one.why:
                    self._out(f"      {line}")
        else:
            self._out(self._paint(SUPERSEDED, f"   {one.pipeline}: {one.status} {one.why}".rstrip()))

    def _tools(self, seen: Seen) -> str:
        found: dict[str, list[str]] = {}
        for call in self._calls() if seen.provider == "CodeBuild" else ():
            if (call["execution"], call["stage"], call["action"]) == (seen.execution, seen.stage, seen.action):
                names = found.setdefault(call["kind"], [])
                if call["tool"] not in names:
                    names.append(call["tool"])
        return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in sorted(found.items()))

    def _line(self, name: str, text: str) -> None:
        self._out(f"{time.monotonic() - self._begun:6.1f}  {name:<18}{text}".rstrip())

    def _paint(self, kind: str, text: str) -> str:
        return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m" if self._colour and kind in _COLOURS else text


def differences(out: Callable[[str], None]) -> None:
    """What is not as on AWS, once for all scenarios."""
    out("What a build meets here and not on AWS:")
    for one in DIFFERENCES:
        out(f"  - {one}")


def reason(message: str) -> str:
    """A build's own last word on why, without what CodePipeline and CodeBuild say around it."""
    return message.rpartition("; error: ")[2] if "; error: " in message else message


def _verdict(verdict: Verdict) -> str:
    counts: Mapping[str, int] = verdict.counts
    return f"{verdict.verdict:<12} {', '.join(f'{count} {name}' for name, count in counts.items()) or 'no findings'}"


def _short(image: str) -> str:
    name, found, rest = image.partition("@sha256:")
    return f"{name.rpartition('/')[2]}@sha256:{rest[:12]}{rest[64:]}" if found else image


def _more(listed: Sequence[str], shown: int) -> str:
    return f"; {len(listed) - shown} more" if len(listed) > shown else ""
