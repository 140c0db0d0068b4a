"""Rules of the house, read from the source's syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([ROOT / "main.py", *(ROOT / "stacks").glob("*.py"), *(ROOT / "modules").glob("*.py")])


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_run_one_way(path: Path) -> None:
    forbidden = {
        "main": set(),
        "stacks": {"main", "tests", "lambdas"},
        "modules": {"main", "stacks", "tests", "lambdas"},
    }
    layer = path.parent.name if path.parent != ROOT else "main"
    for name in imports(path):
        top = name.split(".")[0]
        assert top not in forbidden[layer], f"{path.name} imports {name}"
        assert top not in {"boto3", "botocore"}, "boto3 belongs to functions, tests and tools, never to synthesis"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_the_settings_and_main_touch_the_environment(path: Path) -> None:
    if path.name in ("main.py", "settings.py", "bindings.py"):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
            raise AssertionError(f"{path.name}:{node.lineno} reads the environment")


# These arguments of the bindings are maps in Terraform itself: there a dict is right.
MAPS = {"variables", "configuration", "input_paths", "dimensions", "tags", "context", "environment", "destination"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_struct_classes_only_in_provider_calls(path: Path) -> None:
    """A dict inside a list of structs is accepted by jsii, and misspelt keys vanish without a word."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bindings = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("cdktf", "cdktf_cdktf_provider_aws"))
        for alias in node.names
    }
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if not (isinstance(call.func, ast.Name) and call.func.id in bindings):
            continue
        for keyword in call.keywords:
            if keyword.arg in MAPS:
                continue
            value = keyword.value
            items = value.elts if isinstance(value, ast.List) else [value]
            for item in items:
                assert not isinstance(item, (ast.Dict, ast.DictComp)), (
                    f"{path.name}:{item.lineno}: {call.func.id}({keyword.arg}=...) takes a struct class, not a dict"
                )
