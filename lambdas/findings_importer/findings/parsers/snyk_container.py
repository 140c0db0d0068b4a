"""Snyk Container: `snyk container test --json`, of one image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from findings.model import ScanResult, UnreadableError
from findings.parsers import snyk_issues
from findings.parsers.reading import document, inner, listing, mapping, objects, word

# baseImageRemediation.code beside the advice "we currently do not have vulnerability information for ..., which we detected
# in your image". Where issues of that system are listed all the same, Snyk does have it.
_UNTRACKED: Final = "UNTRACKED_NEW_OS"
_UNTRACKED_ERROR: Final = "Snyk has no vulnerability information for the operating system in the image"


def parse(report: bytes) -> ScanResult:
    """The operating system's packages stand at the top level, those of the applications in the image in `applications`.

    With `--experimental` the CLI writes all of them as one list.
    """
    tops = snyk_issues.parts(document(report))
    for top in tops:
        if "error" not in top and "docker" not in top and not snyk_issues.is_container(top):
            raise UnreadableError("no report of `snyk container test`: nothing in it is about an image")
    projects = list(_projects(tops))
    tested = snyk_issues.read(projects)
    nothing = ""
    if not projects:
        nothing = "Snyk found nothing in the image"
    elif not tested.findings and not tested.dependencies and tested.failed < len(projects):
        nothing = "Snyk saw no package in the image"
    errors = dict.fromkeys([*tested.errors, *(_UNTRACKED_ERROR for top in tops if _untracked(top))])
    notes = dict.fromkeys(note for top in tops for note in _advice(top))
    return ScanResult(findings=tested.findings, errors=tuple(errors), nothing=nothing, notes=tuple(notes))


def _projects(tops: list[Mapping[str, object]]) -> Iterator[tuple[Mapping[str, object], str]]:
    """Each project with its manifest in the image. Neither it nor anything else may name the image, whose tag is new each time.

    The CLI names the file of `--file` where a project has no manifest of its own: the Dockerfile, at its path on the machine.
    """
    if tops:
        dockerfile = word(tops[0].get("targetFile"))
        yield tops[0], ""
        for one in (*tops[1:], *(part for top in tops for part in _applications(top))):
            target = word(one.get("targetFile")) or word(one.get("displayTargetFile"))
            yield one, "" if target == dockerfile else target


def _applications(top: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    for one in listing(top["applications"], "applications") if "applications" in top else ():
        yield mapping(one, "an application")


def _untracked(top: Mapping[str, object]) -> bool:
    return inner(top, "docker", "baseImageRemediation", "code") == _UNTRACKED and not top.get("vulnerabilities")


def _advice(top: Mapping[str, object]) -> Iterator[str]:
    """What Snyk says about the base image: parts of one text."""
    texts = [word(one.get("message")) for one in objects(inner(top, "docker", "baseImageRemediation", "advice"))]
    if advice := "\n".join(text for text in texts if text):
        base = word(inner(top, "docker", "baseImage"))
        yield f"Base image{f' {base}' if base else ''}: {advice}"
