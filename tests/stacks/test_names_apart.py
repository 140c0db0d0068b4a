"""No two resources of one kind have one physical name, whatever pipelines are called: every name that is emitted is looked at,
so that what is added later is looked at, too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from modules.audit_pattern import Filter
from stacks.settings import SettingsError, load

ROOT = Path(__file__).parents[2]
PROBE = "pay"
PIPELINE = {
    "scan": "kind: scan, repository: {name}, branches: [main]",
    "review": "kind: review, repository: {name}",
    "delivery": (
        "kind: delivery, repository: {name}, image: {name}, scanners: [grype], zap: {{target: https://example.com}},"
        " staging: {{cluster: a, namespace: {name}, manifests: k}},"
        " production: {{cluster: b, namespace: {name}, manifests: k}}, approval: {{emails: [a@example.com]}}"
    ),
}


class Form(NamedTuple):
    """How a resource of a pipeline is called: ``before``, the pipeline, ``after``. ``of``: the pipeline's kind."""

    kind: str
    before: str
    after: str
    of: str


def named(emitted: Any) -> Iterator[tuple[str, str, str]]:
    """(stack, kind and attribute, name) of everything that is called after the project, which is acme. A text with spaces is no
    name, one with a reference (a bucket's, an ARN) holds an account, which no pipeline's name does."""
    project = emitted.settings.project
    for stack, content in emitted.stacks.items():
        for kind, group in content["resource"].items():
            for resource in group.values():
                for attribute, value in resource.items():
                    if isinstance(value, str) and re.fullmatch(rf"(?:[^\s$]*[^\w\s$])?{project}-[^\s$]+", value):
                        yield stack, f"{kind}.{attribute}", value.replace(f"{project}-", "acme-", 1)


def sorted_out(emitted: Any) -> tuple[set[tuple[str, str]], set[Form]]:
    """The project's own names by kind, and the forms of its pipelines' names."""
    kinds = {name: one.kind for name, one in (emitted.settings.pipelines | emitted.settings.reviews).items()}
    own: set[tuple[str, str]] = set()
    forms: set[Form] = set()
    for stack, kind, name in named(emitted):
        owner = [pipeline for pipeline in kinds if re.search(rf"-{pipeline}(?![a-z0-9])", name)]
        assert len(owner) < 2, f"{name}: of {owner}?"
        assert owner == [stack] or stack not in kinds, f"{stack}: {name} does not say whose it is"
        if owner:
            before, _, after = name.partition(f"-{owner[0]}")
            forms.add(Form(kind, f"{before}-", after, kinds[owner[0]]))
        else:
            own.add((kind, name))
    return own, forms


def between(name: str, form: Form) -> str | None:
    """What a pipeline would be called whose resource of this form has that name."""
    fits = name.startswith(form.before) and name.endswith(form.after)
    return name[len(form.before) : len(name) - len(form.after)] if fits else None


def told(pipelines: dict[str, str], folder: Path) -> str:
    """What is said about pipelines of these names and kinds."""
    lines = [f"  {name}: {{{PIPELINE[kind].format(name=name)}}}\n" for name, kind in pipelines.items()]
    file = folder / "p.yaml"
    file.write_text(
        "project: acme\nregion: eu-central-1\nnotify: [ops@example.com]\n"
        "terraform: '>= 1.11.0'\nbackend: {type: s3, bucket: state}\npipelines:\n"
        + "".join(lines)
        + f"  other: {{{PIPELINE['scan'].format(name='other')}}}\n"
    )
    try:
        load({"PIPELINES": str(file)}, ROOT)
    except SettingsError as error:
        return " ".join(error.messages)
    return ""


@pytest.fixture(scope="session")
def apart(emit_once: Any) -> tuple[set[tuple[str, str]], set[Form]]:
    """Of every kind of pipeline, of what is managed and of what stands there already."""
    own: set[tuple[str, str]] = set()
    forms: set[Form] = set()
    for file in ("tests/settings/full.yaml", "tests/settings/existing.yaml", "tests/settings/snyk.yaml"):
        more, others = sorted_out(emit_once(ROOT / file))
        own |= more
        forms |= others
    return own, forms


def test_no_pipeline_can_be_called_like_something_of_the_project(apart: Any, tmp_path: Path) -> None:
    own, forms = apart
    clashes = {
        (name, form.of) for form in forms for kind, taken in own if kind == form.kind and (name := between(taken, form))
    }
    assert {
        ("notifier", "scan"),
        ("image-sealer", "delivery"),
        ("release-guard", "scan"),
        ("trail", "delivery"),
    } <= clashes
    wrong = [(name, kind) for name, kind in sorted(clashes) if f"acme-{name}" not in told({name: kind}, tmp_path)]
    assert not wrong, f"accepted, and two stacks would own one name: {wrong}"


def test_no_two_pipelines_can_own_one_name(apart: Any, tmp_path: Path) -> None:
    _, forms = apart
    pairs = set()
    for one in forms:
        for other in forms:
            if one.kind != other.kind:
                continue
            before, after = max(one.before, other.before, key=len), max(one.after, other.after, key=len)
            # With something between what stands before and after, and with the hyphen of both as one.
            for name in (f"{before}{PROBE}{after}", f"{before.removesuffix('-')}{after}"):
                first, second = between(name, one), between(name, other)
                if first and second and first != second:
                    pairs.add(tuple(sorted([(first, one.of), (second, other.of)])))
    assert (("pay", "delivery"), ("pay-snyk", "scan")) in pairs
    wrong = [pair for pair in sorted(pairs) if "collides" not in told(dict(pair), tmp_path)]
    assert not wrong, f"accepted, and both stacks would own one name: {wrong}"


def test_the_metrics_of_two_filters_are_two() -> None:
    names = (
        "pushed-pay-1",
        "pushed-pay1",
        "pushed-pay--1",
        "pushed-pay-a",
        "pushed-paya",
        "pushed-pay--a",
        "pushed-pa-ya",
    )
    assert len({Filter(name, "", "", "").metric for name in names}) == len(names)
    assert Filter("pipeline-changed", "", "", "").metric == "PipelineChanged"


def test_what_is_like_a_taken_name_is_free(tmp_path: Path) -> None:
    """Nothing more is refused than what would collide."""
    for name in ("notifiers", "my-notifier", "audit-service", "audit", "trails", "image"):
        assert told({name: "scan"}, tmp_path) == "", name
