"""Runs one build's script as its buildspec does (source.py check, then the script), with what a fault changes in it.

    fault_driver.py <folder of the scripts> <JSON: script, arguments, bin, patches, full_disk, address_space>

``patches``: named constants of the scripts ("grype.SECONDS": 1), since nobody waits half an hour for a scanner that hangs;
``zap.ZAP`` is ZAP's folder. ``full_disk``: names of files whose content does not fit any more. ``address_space``: bytes.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import pathlib
import resource
import sys
from typing import Any


def fill_the_disk(names: list[str]) -> None:
    write = pathlib.Path.write_text

    def write_text(self: pathlib.Path, data: str, *arguments: Any, **named: Any) -> int:
        if self.name in names:  # as on a real disk: what came first stands there, and the error names no file
            write(self, data[: len(data) // 2], *arguments, **named)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, data, *arguments, **named)

    pathlib.Path.write_text = write_text  # type: ignore[method-assign]


def start(folder: str, wanted: dict[str, Any]) -> None:
    if wanted["address_space"]:
        resource.setrlimit(resource.RLIMIT_AS, (wanted["address_space"],) * 2)
    sys.path.insert(0, folder)
    common = importlib.import_module("common")
    common.BIN = pathlib.Path(wanted["bin"])
    for name, value in wanted["patches"].items():
        module, _, constant = name.partition(".")
        part = importlib.import_module(module)
        old = getattr(part, constant)
        setattr(part, constant, tuple(value) if isinstance(old, tuple) else type(old)(value))
    if wanted["full_disk"]:
        fill_the_disk(wanted["full_disk"])
    try:
        importlib.import_module("source").check()
    except common.Failure as failure:
        sys.exit(f"error: {failure}")
    sys.argv[1:] = wanted["arguments"]
    common.main(importlib.import_module(wanted["script"])._script)


start(sys.argv[1], json.loads(sys.argv[2]))
