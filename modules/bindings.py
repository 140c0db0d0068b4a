"""Fast start for the generated AWS bindings; the output is the same bytes with or without it.

Importing any class of ``cdktf_cdktf_provider_aws`` plainly costs 10 s and more: its ``__init__`` imports 2,213 submodules
and Node loads as many files. What avoids it:

* Python: the package is put into ``sys.modules`` unexecuted; submodules load when named, public import paths stay.
* Node: the package ships ``lib/lazy-index.js``; ``lazy_provider.cjs`` is preloaded and redirects ``lib/index.js`` to it.

* jsii's generated classes evaluate the same annotations at every construction; they are evaluated once.

One more cost is paid once: jsii parses a 130 MB description of all types until a worker of its own has written an index
beside it, and a process that ends sooner never gets there. ``python -m modules.bindings`` (part of ``make setup``) waits
for that worker.

Nothing here changes what is emitted, and whatever is missing falls back silently to the plain import.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import shutil
import sys
import time
import typing
from collections.abc import Mapping, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

PACKAGE = "cdktf_cdktf_provider_aws"
_PRELOAD = Path(__file__).with_name("lazy_provider.cjs")
_INDEX_WAIT_SECONDS = 120


def node_missing(environ: Mapping[str, str]) -> str | None:
    """What to tell whoever has no Node where jsii looks for it; None if it is there."""
    named = environ.get("JSII_NODE")
    program = "node" if named is None else named
    if shutil.which(program, path=environ.get("PATH")):
        return None
    where = "on PATH" if named is None else "(JSII_NODE)"
    return f"Node >= 20 is needed (22 advised): there is no program '{program}' {where}; install it, or name it in JSII_NODE"


def start(environ: MutableMapping[str, str]) -> Future[ModuleType]:
    """Prepare the bindings and start Node in the background; ask for the result before the first import of them.

    Node takes 0.3 s to be there, about as long as reading and checking the settings: the two go on side by side.
    ``SYNTH_PLAIN=1`` in ``environ`` leaves everything as the packages have it.
    """
    environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")  # the README says which Node is advised
    if environ.get("SYNTH_PLAIN") != "1":
        install(environ)
    # No generation of the collector finds anything to free in a process that only builds up and ends.
    gc.disable()
    # First what leads to Node's start, then what is read while it starts; and no waiting for one's turn meanwhile.
    importlib.import_module("jsii")
    sys.setswitchinterval(0.0002)
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="start-node")
    future = executor.submit(importlib.import_module, f"{PACKAGE}.provider")
    executor.shutdown(wait=False)
    return future


def install(environ: MutableMapping[str, str]) -> None:
    """Prepare this process and the Node child that jsii will start; call it before the first import of the bindings."""
    _lazy_python()
    _hints_once()
    # NODE_OPTIONS takes quoted values; a quote or backslash inside is escaped.
    # https://nodejs.org/api/cli.html#node_optionsoptions
    path = str(_PRELOAD).replace("\\", "\\\\").replace('"', '\\"')
    environ["NODE_OPTIONS"] = f'{environ.get("NODE_OPTIONS", "")} --require "{path}"'.strip()


def _hints_once() -> None:
    """jsii evaluates the annotations of one and the same function at every construction; once is enough."""
    evaluate = typing.get_type_hints
    known: dict[FunctionType, dict[str, Any]] = {}

    def get_type_hints(obj: object, *arguments: Any, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - as typing has it
        if arguments or options or not isinstance(obj, FunctionType):
            return evaluate(obj, *arguments, **options)
        if obj not in known:
            known[obj] = evaluate(obj)
        return known[obj]

    typing.get_type_hints = get_type_hints


def _lazy_python() -> None:
    if PACKAGE in sys.modules:
        return
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        return
    module = importlib.util.module_from_spec(spec)

    def load_submodule(name: str) -> ModuleType:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return importlib.import_module(f"{PACKAGE}.{name}")
        except ModuleNotFoundError as error:
            raise AttributeError(f"module {PACKAGE!r} has no attribute {name!r}") from error

    module.__getattr__ = load_submodule  # type: ignore[method-assign]  # PEP 562
    sys.modules[PACKAGE] = module


def _index_exists() -> bool:
    root = os.environ.get("JSII_RUNTIME_PACKAGE_CACHE_ROOT") or Path.home() / ".cache/aws/jsii/package-cache"
    entry = Path(root) / "@cdktf/provider-aws" / version("cdktf-cdktf-provider-aws")
    return any(entry.glob("*/.jsii.runtime.v*.json"))


def warm() -> bool:
    """Start jsii once and stay until its index of the provider is written; True if it is there (a later start then is fast)."""
    start(os.environ).result()
    importlib.import_module(f"{PACKAGE}.provider")
    deadline = time.monotonic() + _INDEX_WAIT_SECONDS
    while not _index_exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    return _index_exists()


if __name__ == "__main__":
    if not warm():
        print("jsii wrote no index of the AWS provider: synthesis works, but starts slower.", file=sys.stderr)
