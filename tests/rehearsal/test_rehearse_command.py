"""``make rehearse`` with what a person may give it by mistake: a sentence before anything is deployed, and exit code 2."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.rehearse import __main__ as command


@pytest.fixture(autouse=True)
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SCENARIO", "LIST", "MATRIX", "REPORTS", "REHEARSED_AT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REHEARSED_AT", str(tmp_path / "kept"))  # nothing is deployed
    monkeypatch.setattr("sys.argv", ["rehearse"])


def ended(capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = command.main()
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize("kept", [None, "", "[", "{}"])
def test_an_emulator_that_nobody_keeps(tmp_path: Path, capsys: pytest.CaptureFixture[str], kept: str | None) -> None:
    if kept is not None:
        (tmp_path / "kept").mkdir()
        (tmp_path / "kept" / "life.json").write_text(kept)
    code, _, error = ended(capsys)
    assert code == 2
    assert error.startswith(f"nobody keeps an emulator in {tmp_path / 'kept'}")


def test_reports_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv("REPORTS", str(place))
        code, out, error = ended(capsys)
        assert (code, out) == (2, "")
        assert error.startswith(f"REPORTS={place}: nothing can be written there: ")


@pytest.mark.parametrize(("word", "lists"), [("1", True), ("yes", True), ("0", False), ("no", False), ("", False)])
def test_a_list_is_shown_for_whoever_says_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str, lists: bool
) -> None:
    monkeypatch.setenv("LIST", word)
    code, out, _ = ended(capsys)
    assert (code == 0) is lists
    assert ("planted-key" in out) is lists


@pytest.mark.parametrize("name", ["nonsense", "planted key", "../x"])
def test_a_scenario_that_there_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv("SCENARIO", name)
    assert ended(capsys) == (2, "", f"no scenario {name}: LIST=1 shows them{os.linesep}")
