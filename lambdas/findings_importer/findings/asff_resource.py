"""ASFF's ``Resources``: https://docs.aws.amazon.com/securityhub/latest/userguide/asff-resources-attributes.html"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from common.clip import clip, filled, one_line
from findings.model import Finding, Subject

ID_LIMIT: Final = 512
NAME_LIMIT: Final = 128  # of Container.ImageName
FIELD_LIMIT: Final = 1024  # of a value in Details.Other

_Resource = tuple[str, str, dict[str, object]]  # Type, Id, Details


def resource(finding: Finding, subject: Subject, repository: str) -> dict[str, object]:
    """The one thing that a finding is about. ``repository``: ARN of the CodeCommit repository."""
    kind, identifier, details = RESOURCES.get(subject.scope, _repository)(finding, subject, repository)
    return {"Type": kind, "Id": one_line(identifier, ID_LIMIT), "Details": details}


def _repository(finding: Finding, subject: Subject, repository: str) -> _Resource:
    """The CodeCommit repository. ASFF's CodeRepository is for "external" repositories connected to Inspector only."""
    return "Other", repository, _other(subject, Commit=subject.commit, File=finding.path or finding.location)


def _image(finding: Finding, subject: Subject, repository: str) -> _Resource:
    """The image that was built. Not AwsEcrContainerImage: before Publish no registry has it. Its id lasts from build to build."""
    name = subject.target or subject.repository
    digest = f"@{subject.digest}" if subject.digest else ""
    image = filled(
        Name=one_line(name, NAME_LIMIT),
        ImageId=one_line(subject.digest, NAME_LIMIT),
        ImageName=one_line(clip(name, NAME_LIMIT - len(digest)) + digest, NAME_LIMIT),
    )
    return "Container", f"image/{name}/{subject.branch}", {"Container": image, **_other(subject, Path=finding.location)}


def _site(finding: Finding, subject: Subject, repository: str) -> _Resource:
    """What answers at the address that was probed."""
    name = subject.target or subject.repository
    return "Other", f"staging/{name}/{subject.branch}", _other(subject, Url=finding.location or finding.url)


# By scope, since one scanner looks at several things; all scopes that are not here look at the repository.
RESOURCES: Final[Mapping[str, Callable[[Finding, Subject, str], _Resource]]] = MappingProxyType(
    {"image": _image, "staging": _site}
)


def _other(subject: Subject, **details: str) -> dict[str, object]:
    """``Details.Other``: texts that no typed field has a place for."""
    texts = {"Repository": subject.repository, "Branch": subject.branch, **details}
    return {"Other": {name: line for name, text in texts.items() if (line := one_line(text, FIELD_LIMIT))}}
