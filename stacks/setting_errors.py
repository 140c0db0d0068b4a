"""pydantic's findings in the words of ``pipelines.yaml``: which line, which key, what is wrong, what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from stacks.setting_base import Alone
from stacks.setting_text import show
from stacks.yaml_source import Document, Odd, Path, Problem

# The keys whose value says which model stands there; pydantic puts that value into an error's location.
_TAGGED = {"backend": (1, "type"), "pipelines": (2, "kind")}
_TAGS = ("kind", "type")


def dotted(path: Path) -> str:
    """``pipelines.payments.scanners[0]``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{show(step)[1:-1]}" for step in path)
    return text.removeprefix(".")


def describe_all(errors: Sequence[ErrorDetails], document: Document, root: type[BaseModel]) -> Iterator[Problem]:
    """pydantic's errors as problems at their places in the file. That a key is missing goes without saying where an
    unknown key of the same mapping is told to be a misspelling of it."""
    meant: set[Path] = set()
    missing: list[Problem] = []
    for error in errors:
        path, kind = _place(error["loc"], document.data), error["type"]
        if kind in ("union_tag_invalid", "union_tag_not_found"):
            path = (*path, _TAGGED[str(path[0])][1])
        if kind == "extra_forbidden":
            near, wrong = _unknown(str(path[-1]), *_found(path[:-1], document.data, root))
            if near:
                meant.add((*path[:-1], near))
            yield Problem(document.line(path), path, wrong)
            continue
        problem = Problem(document.line(path), path, _wrong(kind, error, path, document, root))
        if kind == "missing":
            missing.append(problem)
        else:
            yield problem
    yield from (problem for problem in missing if problem.path not in meant)


def _unknown(key: str, models: list[type[BaseModel]], data: object) -> tuple[str | None, str]:
    """The key that was meant, if any is near, and what to say of one that the mapping does not take."""
    model = _choose(models, data)
    allowed = _known([model] if model else [])
    near = _near(key, allowed)
    others = [name for one in models if key in _fields(one) for name in _tag(one)]
    if model and others and not near:
        tag = next(name for name in _TAGS if name in model.model_fields)
        own, other = " and ".join(_tag(model)), " and ".join(others)
        return None, f"not a key of {tag} {own} but of {other}; {_hint(None, allowed)}"
    return near, f"unknown key, {_hint(near, allowed)}"


def _place(location: tuple[str | int, ...], data: object) -> Path:
    """The part of pydantic's location that is in the file; the last step may be the key that is missing."""
    steps = list(location)
    at, _ = _TAGGED.get(str(steps[0]), (0, "")) if steps else (0, "")
    if at and len(steps) > at and steps[at] != "[key]":
        del steps[at]
    path: Path = ()
    for step in steps:
        if isinstance(data, dict) and step != "[key]":
            path, data = (*path, step), data.get(step)
        elif isinstance(data, list) and isinstance(step, int):
            path, data = (*path, step), data[step]
        elif isinstance(data, list):
            continue  # the key whose value stands there alone: notify: [...] is notify: {emails: [...]}
        else:
            break
    return path


def _wrong(kind: str, error: ErrorDetails, path: Path, document: Document, root: type[BaseModel]) -> str:
    value, context = error["input"], error.get("ctx", {})
    field = _field(path, document.data, root)
    right = field.description if field and field.description else ""
    inside = _required(field)
    if inside and kind in ("missing", "model_type", "model_attributes_type"):
        right = f"{right}, with {', '.join(inside)}"
    if kind == "value_error":
        return str(context["error"])
    if kind in ("missing", "union_tag_not_found"):
        # Without its kind, nobody knows which model's description would do.
        return f"missing key; needed: {right or ('scan, delivery or review' if path[0] == 'pipelines' else 'local, s3 or http')}"
    if kind in ("literal_error", "union_tag_invalid"):
        allowed = re.findall(r"'([^']*)'", str(context.get("expected") or context.get("expected_tags")))
        # The tag in the error is always a text: only the mapping says what it was.
        found = value.get(path[-1]) if "tag" in context and isinstance(value, dict) else value
        return (
            f"unknown value {show(found)}, {_hint(_near(found, allowed), allowed)}"
            if isinstance(found, str)
            else _no_word(found, path, document, allowed, field)
        )
    if value is None and kind == "string_type" and not right:  # a name that the user chose, such as a tag's
        return 'no value; write one, "" for an empty one, or delete the line'
    if value is None and not right:  # a mapping under a name that the user chose
        models, _ = _found(path, document.data, root)
        tag = next((name for name in _TAGS if len(models) > 1 and name in models[0].model_fields), None)
        first = f"first {tag}: {models[0].model_fields[tag].description}" if tag else _hint(None, _known(models))
        return f"no value; write its keys below, {first}"
    if value is None:
        return f"no value; write one ({right}){_or_delete(field)}"
    if kind == "string_type":
        return _no_text(value, path, document)
    if kind == "bool_type":
        return f"{_written(value, path, document)} is not a truth value; write true or false, without quotes"
    if kind.startswith("int_"):
        return _no_count(value, path, document, right)
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return f"{value} is out of range, {bound} is allowed; {right}"
    if kind == "too_short":
        return f"empty; at least one is needed: {right}"
    if kind == "too_long":
        return f"{context['actual_length']} entries, at most {context['max_length']} are allowed"
    if kind == "list_type":
        example = f", such as [{_written(value, path, document)}]" if isinstance(value, (str, int, Odd)) else ""
        return f"{_shape(value)} stands here; a list is needed{example}"
    if kind in ("dict_type", "model_type", "model_attributes_type"):
        needed = f": {', '.join(inside)};" if inside else ","
        return (
            f"{_shape(value)} stands here; keys and values are needed{needed} each 'key: value' on its own line below"
        )
    return str(error["msg"])


def _near(found: str, allowed: list[str]) -> str | None:
    # Bounded: nobody means a key of a thousand letters, and comparing takes time.
    if len(found) >= 100:
        return None
    near = get_close_matches(found.replace("-", "_"), allowed, 1, 0.6) or get_close_matches(found, allowed, 1, 0.6)
    near = near or [one for one in allowed if one.startswith(f"{found}_")]
    return near[0] if near else None


def _hint(near: str | None, allowed: list[str]) -> str:
    return f"did you mean {near}?" if near else f"known here: {', '.join(allowed)}"


def _or_delete(field: FieldInfo | None) -> str:
    return "" if field is None or field.is_required() else " or delete the line"


def _no_word(value: object, path: Path, document: Document, allowed: list[str], field: FieldInfo | None) -> str:
    if value is None:
        return f"no value; write one of {', '.join(allowed)}{_or_delete(field)}"
    return f"{_written(value, path, document)} is none of {', '.join(allowed)}"


def _no_text(value: object, path: Path, document: Document) -> str:
    if isinstance(value, (bool, int, Odd)):
        kind = "true or false" if isinstance(value, bool) else "a number"
        written = _written(value, path, document)
        return f'{written} without quotes is read as {kind}; write it in quotes: "{written}"'
    return f"{_shape(value)} stands here; one text is needed"


def _no_count(value: object, path: Path, document: Document, right: str) -> str:
    written = _written(value, path, document)
    if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value):
        return f"{show(value)} is a text; write the number without quotes: {int(value)}"
    return f"{written} is not a plain whole number; write it in decimal digits without sign and leading zero ({right})"


def _written(value: object, path: Path, document: Document) -> str:
    """A scalar as the file has it, so that nobody has to guess what became of 0123."""
    if isinstance(value, (dict, list)):
        return _shape(value)
    return show(document.written.get(path) or value)[1:-1]


def _shape(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else "nothing" if value is None else "a single value"


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _known(models: list[type[BaseModel]]) -> list[str]:
    return [name for model in models for name in _fields(model)]


def _field(path: Path, data: object, root: type[BaseModel]) -> FieldInfo | None:
    while path and isinstance(path[-1], int):
        path = path[:-1]  # an entry is described by its list
    model = _model(path[:-1], data, root) if path else None
    return _fields(model).get(str(path[-1])) if model else None


def _model(path: Path, data: object, root: type[BaseModel]) -> type[BaseModel] | None:
    """The model of the mapping at ``path``."""
    return _choose(*_found(path, data, root))


def _found(path: Path, data: object, root: type[BaseModel]) -> tuple[list[type[BaseModel]], object]:
    """The models that the mapping at ``path`` may be of, and what stands there."""
    annotation: object = root
    for step in path:
        if get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        elif not isinstance(step, int):
            model = _choose(list(_models(annotation)), data)
            field = _fields(model).get(step) if model else None
            annotation = field.annotation if field else None
        data = data.get(step) if isinstance(data, dict) else data[int(step)] if isinstance(data, list) else None
    return ([] if get_origin(annotation) is dict else list(_models(annotation))), data


def _required(field: FieldInfo | None) -> list[str]:
    """The keys without which the mapping of a field is none. Nothing where one value may stand in the mapping's place."""
    if (
        field is None
        or get_origin(field.annotation) in (dict, list)
        or any(isinstance(m, Alone) for m in field.metadata)
    ):
        return []
    models = list(_models(field.annotation))
    return [name for name, info in _fields(models[0]).items() if info.is_required()] if len(models) == 1 else []


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _choose(models: list[type[BaseModel]], data: object) -> type[BaseModel] | None:
    """The one of several models that the data's kind or type names."""
    for model in models:
        for key in _TAGS:
            if len(models) > 1 and isinstance(data, dict) and data.get(key) in _tag(model, key):
                return model
    return models[0] if len(models) == 1 else None


def _tag(model: type[BaseModel], *keys: str) -> tuple[str, ...]:
    """The values of kind or type that name a model."""
    infos = (model.model_fields.get(key) for key in keys or _TAGS)
    return tuple(value for info in infos if info for value in get_args(info.annotation))
