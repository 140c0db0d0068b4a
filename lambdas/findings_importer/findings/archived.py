"""How little of a finding's document an inventory keeps once the finding is archived: whole ones of 90 days fill the memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

# By these a finding that comes back is the same; everything else comes with its new document.
_STUB: Final = frozenset({"Id", "CreatedAt", "UpdatedAt", "RecordState", "FirstObservedAt"})
# What Security Hub requires (https://docs.aws.amazon.com/securityhub/latest/userguide/asff-required-attributes.html), and the
# workflow, which counts if it does not know the finding.
_REQUIRED: Final = frozenset(
    {
        *("SchemaVersion", "ProductArn", "GeneratorId", "AwsAccountId", "Title", "Description", "Types", "Severity"),
        *("FindingProviderFields", "Resources", "Workflow", "Note"),
    }
)
_RESOURCE: Final = frozenset({"Type", "Id", "Partition", "Region"})


def stub(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a document that was delivered."""
    return _only(_STUB, document)


def is_stub(document: Mapping[str, Any]) -> bool:
    """Whether this much cannot be sent."""
    return document.keys() <= _STUB


def slim(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a document that is still to be sent: enough for that."""
    if "Resources" not in document:
        return _only(_STUB | _REQUIRED, document)
    return {**_only(_STUB | _REQUIRED, document), "Resources": [_only(_RESOURCE, one) for one in document["Resources"]]}


def _only(names: frozenset[str], document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name in names}
