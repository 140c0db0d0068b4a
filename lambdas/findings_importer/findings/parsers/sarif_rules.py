"""What a SARIF run says about its rules: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html, 3.18, 3.49."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeGuard

from findings.model import UnreadableError
from findings.parsers.reading import inner, listing, mapping, objects, word, words

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_DRIVER: Final = -1
# The tags of CodeQL (external/cwe/cwe-079) and those of others (CWE-79, "CWE-79: Cross-site scripting").
_CWE: Final = re.compile(r"(?:^|[/\s])cwe[-/:](\d{1,6})(?!\d)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule of a result. ``place``: component and index of its descriptor, None if the run describes no such rule.

    ``dangling``: the result points to a descriptor by its index, and there is none.
    """

    id: str
    given: Mapping[str, object]
    place: tuple[int, int] | None
    dangling: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of a run. Components are numbered as in SARIF: the extensions from 0, and the driver is -1."""

    components: Mapping[int, Sequence[Mapping[str, object]]]
    by_label: Mapping[str, int]  # names and GUIDs of components
    by_id: Mapping[tuple[int | None, str], tuple[int, int]]  # in a component, or in any

    @classmethod
    def read(cls, run: Mapping[str, object]) -> Rules:
        """The rules of `run.tool`; ``UnreadableError`` if it names no tool."""
        tool = mapping(run.get("tool"), "a run's tool")
        extensions = listing(tool["extensions"], "tool.extensions") if tool.get("extensions") is not None else []
        numbered = {_DRIVER: mapping(tool.get("driver"), "a run's tool.driver")}
        numbered |= {number: mapping(one, "an extension") for number, one in enumerate(extensions)}
        components: dict[int, Sequence[Mapping[str, object]]] = {}
        by_label: dict[str, int] = {}
        by_id: dict[tuple[int | None, str], tuple[int, int]] = {}
        for number, component in numbered.items():
            for label in (word(component.get("name")), word(component.get("guid")).lower()):
                by_label.setdefault(label, number)
            rules = listing(component["rules"], "a component's rules") if component.get("rules") is not None else []
            components[number] = [mapping(one, "a rule") for one in rules]
            for index, rule in enumerate(components[number]):
                for where in (number, None):
                    by_id.setdefault((where, word(rule.get("id"))), (number, index))
        return cls(components, by_label, by_id)

    def of(self, result: Mapping[str, object]) -> Rule:
        """The rule of a result (3.27.5 to 3.27.7); ``UnreadableError`` if it names none."""
        reference = result.get("rule")
        name = word(result.get("ruleId")) or word(inner(reference, "id"))
        indices = [one for one in (inner(reference, "index"), result.get("ruleIndex")) if _is_index(one)]
        index = indices[0] if indices else None
        place = self._find(inner(reference, "toolComponent"), name, index)
        given = self.components[place[0]][place[1]] if place else _NOTHING
        name = name or word(given.get("id"))
        if not name:
            raise UnreadableError("a result names no rule")
        return Rule(name, given, place, place is None and index is not None)

    def place(self, reference: object) -> tuple[int, int] | None:
        """Where the descriptor that a reference (3.52) means stands."""
        index = inner(reference, "index")
        return self._find(
            inner(reference, "toolComponent"), word(inner(reference, "id")), index if _is_index(index) else None
        )

    def _find(self, component: object, name: str, index: int | None) -> tuple[int, int] | None:
        """By index, if the rule there has that name; else by name, in its component first. A rule's id may be the beginning
        of a result's: `CA1000/1` is a case of `CA1000` (3.27.5)."""
        number = inner(component, "index")  # a toolComponentReference (3.54)
        if not _is_index(number) or number not in self.components:
            labels = (word(inner(component, "guid")).lower(), word(inner(component, "name")))
            number = next((self.by_label[one] for one in labels if one and one in self.by_label), _DRIVER)
        names = _and_parents(name)
        if index is not None and index < len(self.components[number]):
            known = word(self.components[number][index].get("id"))
            if not name or known in names:
                return number, index
        keys = ((where, part) for part in names for where in (number, None))
        return next((self.by_id[key] for key in keys if key in self.by_id), None)


def _is_index(value: object) -> TypeGuard[int]:
    return type(value) is int and value >= 0


def _and_parents(name: str) -> tuple[str, ...]:
    parts = name.split("/")
    # Few are real: a name of a thousand slashes must not cost a thousand look-ups.
    return tuple("/".join(parts[:end]) for end in range(len(parts), max(len(parts) - 4, 0), -1) if name)


def weaknesses(rule: Mapping[str, object], result: Mapping[str, object]) -> tuple[str, ...]:
    """CWE ids from tags, from Snyk Code's `properties.cwe`, and from taxa (3.27.8, 3.49.15) of the taxonomy CWE."""
    texts = [
        text for given in (rule, result) for key in ("tags", "cwe") for text in words(inner(given, "properties", key))
    ]
    references = [*objects(result.get("taxa")), *(inner(one, "target") for one in objects(rule.get("relationships")))]
    for one in references:
        if word(inner(one, "toolComponent", "name")).upper() == "CWE":
            texts.append(f"CWE-{word(inner(one, 'id')).upper().removeprefix('CWE-')}")
    return tuple(dict.fromkeys(f"CWE-{int(digits)}" for text in texts for digits in _CWE.findall(text)))
