"""What the plan of ``findings`` shows of the gates is what is in their packages, and nothing reads it."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from modules.packaging import code_sha256, zip_bytes


def packages(emitted: Any) -> dict[str, dict[str, bytes]]:
    """Function's name -> files of its package, as it is written beside the stack."""
    found = {}
    for function in emitted.stacks["findings"]["resource"]["aws_lambda_function"].values():
        archive = (emitted.folder / "stacks" / "findings" / function["filename"]).read_bytes()
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            found[function["function_name"]] = {name: opened.read(name) for name in opened.namelist()}
    return found


def test_the_policy_that_is_shown_is_the_one_in_every_package(emitted: Any) -> None:
    shown = emitted.stacks["findings"]["output"]["policy"]["value"].replace("$${", "${").replace("%%{", "%{")
    inside = [files["policy.json"] for files in packages(emitted).values() if "policy.json" in files]
    assert inside
    assert all(shown.encode() == content for content in inside)
    assert {"pipelines", "waivers"} <= json.loads(shown).keys()


def test_the_code_that_is_shown_is_each_gates_without_the_policy(emitted: Any) -> None:
    shown = emitted.stacks["findings"]["output"]["gate_code"]["value"]
    files = packages(emitted)
    assert shown.keys() <= files.keys()
    for name, digest in shown.items():
        assert digest == code_sha256(
            zip_bytes({path: data for path, data in files[name].items() if path != "policy.json"})
        )


def test_a_policy_changes_no_codes_hash() -> None:
    one, two = (zip_bytes({"handler.py": b"x", "policy.json": policy}) for policy in (b"1", b"2"))
    assert code_sha256(one, "policy.json") == code_sha256(two, "policy.json")
    assert code_sha256(one) != code_sha256(two)
    assert code_sha256(one, "policy.json") != code_sha256(
        zip_bytes({"handler.py": b"y", "policy.json": b"1"}), "policy.json"
    )
