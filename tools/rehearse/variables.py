"""``#{namespace.key}`` in an action's configuration.

https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html (resolution, rules),
https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html (sizes)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tools.rehearse.described import Pipeline

# "do not exceed the 1000-character limit for the configuration fields. A validation error is returned": of what is written.
FIELD = 1_000
RESOLVED = 100 * 1024  # bytes: "100 KB for the total resolved action configuration for a particular action"
OUTPUT = 122_880  # bytes: "for all output variables combined for a particular action"
RESERVED = ("codepipeline", "variables")
_REFERENCE = re.compile(r"#\{([A-Za-z0-9@_-]+)\.([A-Za-z0-9@_-]+)\}")
_KEY = re.compile(r"[A-Za-z0-9@_-]+")

Namespaces = Mapping[str, Mapping[str, str]]


class VariableError(ValueError):
    """A configuration that cannot be resolved, or output variables that CodePipeline does not take."""


def resolve(configuration: Mapping[str, str], known: Namespaces) -> dict[str, str]:
    """The configuration with every reference replaced, as text: inside of JSON, too, so that a value with a quote breaks it.

    ``known``: namespace -> key -> value. Raises VariableError. What becomes of an action with a reference to what nothing
    has produced, no page says; here it fails before it begins.
    """
    for name, text in configuration.items():
        if len(text) > FIELD:
            raise VariableError(f"{name} has {len(text)} characters, CodePipeline takes {FIELD}")
    resolved = {name: _replace(name, text, known) for name, text in configuration.items()}
    size = sum(len(text.encode()) for text in resolved.values())
    if size > RESOLVED:
        raise VariableError(f"the resolved configuration has {size} bytes, CodePipeline takes {RESOLVED}")
    return resolved


def output(variables: Mapping[str, str]) -> dict[str, str]:
    """An action's output variables, if CodePipeline takes them. Raises VariableError."""
    wrong = [name for name in variables if not _KEY.fullmatch(name)]
    if wrong:
        raise VariableError(f"no name of an output variable: {wrong[0]!r}")
    size = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    if size > OUTPUT:
        raise VariableError(f"the output variables have {size} bytes, CodePipeline takes {OUTPUT}")
    return dict(variables)


def mistakes(pipeline: Pipeline) -> Iterator[str]:
    """What CodePipeline refuses in a declaration, or can never resolve: a namespace that is used twice or is a reserved one, and
    a reference to what is not guaranteed to have run before ("in a later stage than the action producing the variables, or
    in the same stage but at a higher run order")."""
    known = dict.fromkeys(RESERVED, (-1, 0))
    actions = [(number, stage, action) for number, stage in enumerate(pipeline.stages) for action in stage.actions]
    for number, stage, action in actions:
        if action.namespace in known:
            yield f"{stage.name}/{action.name}: the namespace {action.namespace} is used twice"
        if action.namespace:
            known[action.namespace] = (number, action.run_order)
    for number, stage, action in actions:
        here = (number, action.run_order)
        for namespace, key in _REFERENCE.findall(" ".join(action.configuration.values())):
            if known.get(namespace, here) >= here:
                yield f"{stage.name}/{action.name}: #{{{namespace}.{key}}} is not produced before"


def conflicts(pipeline: Pipeline) -> list[str]:
    """Namespaces named as an artifact. The page: they "cannot conflict with any artifact names"; it does not say what CodePipeline
    does about one, so this is to be shown, not to stop at."""
    actions = [action for stage in pipeline.stages for action in stage.actions]
    artifacts = {name for action in actions for name in action.outputs}
    return sorted({action.namespace for action in actions} & artifacts)


def _replace(name: str, text: str, known: Namespaces) -> str:
    def value(found: re.Match[str]) -> str:
        namespace, key = found.groups()
        if key not in known.get(namespace, {}):
            raise VariableError(f"{name}: {found.group()} cannot be resolved")
        return known[namespace][key]

    return _REFERENCE.sub(value, text)
