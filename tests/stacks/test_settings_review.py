"""``kind: review`` in pipelines.yaml: what is read, and each mistake with its sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.settings import ReviewPipeline, SettingsError, load

ROOT = Path(__file__).parents[2]

GOOD = """\
project: acme
region: eu-central-1
notify: [ops@example.com]
terraform: ">= 1.11.0"
backend: {type: s3, bucket: acme-state}
pipelines:
  libs:
    kind: scan
    repository: libs
    branches: [main]
  own:
    kind: review
    repository: infrastructure
"""


def messages(text: str, folder: Path) -> list[str]:
    file = folder / "p.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load({"PIPELINES": str(file)}, ROOT)
    return [message.replace(f"{folder}/", "") for message in caught.value.messages]


def read(text: str, folder: Path) -> ReviewPipeline:
    file = folder / "p.yaml"
    file.write_text(text, encoding="utf-8")
    settings = load({"PIPELINES": str(file)}, ROOT)
    assert list(settings.pipelines) == ["libs"]
    assert settings.stack_names() == ["foundation", "findings", "governance", "libs", "own"]
    return settings.reviews["own"]


def test_what_is_not_written_has_a_default(tmp_path: Path) -> None:
    review = read(GOOD, tmp_path)
    assert review.repository.name == "infrastructure"
    assert review.destinations() == ["refs/heads/main"]
    assert (review.settings, review.checks, review.timeout) == ("pipelines.yaml", ["check"], 60)


def test_branches_and_no_checks(tmp_path: Path) -> None:
    review = read(GOOD + "    branches: [main, release-*, team/]\n    checks: []\n", tmp_path)
    assert review.destinations() == [
        "refs/heads/main", {"prefix": "refs/heads/release-"}, {"prefix": "refs/heads/team/"}
    ]  # fmt: skip
    assert review.checks == []
    assert read(GOOD + '    branches: ["*"]\n', tmp_path).destinations() is None


S3 = "backend: {type: s3, bucket: acme-state}"
OWN = "repository: infrastructure"
SCAN = "    kind: scan\n    repository: libs\n    branches: [main]\n"
TARGET = "is not a target of the Makefile"
# (what to replace, by what, line, key below pipelines, words of the message)
BAD = [
    ("local", f"{S3}\n", "", 11, "own.kind", "a file on somebody's machine; write backend: {type: s3"),
    ("local path", S3, "backend: {type: local, path: state}", 12, "own.kind", "a file on somebody's machine"),
    ("http", S3, "backend: {type: http, address: https://x.example.com/s}", 12, "own.kind", "any branch's code could read"),
    ("alone", f"  libs:\n{SCAN}", "", 8, "own.kind", "nothing to review; write a pipeline of kind scan or delivery, too"),
    ("gate", OWN, f"{OWN}\n    gate: {{fail_on: low}}", 14, "own.gate", "known here: kind, repository, branches, settings"),
    ("near", OWN, f"{OWN}\n    setings: a.yaml", 14, "own.setings", "did you mean settings?"),
    ("no repository", f"    {OWN}\n", "", 11, "own.repository", "needed: name or ARN of the CodeCommit repository that holds"),
    ("region", OWN, "repository: arn:aws:codecommit:us-east-1:123456789012:x", 13, "own.repository", "is in us-east-1"),
    ("no branch", OWN, f"{OWN}\n    branches: []", 14, "own.branches", "empty; at least one is needed"),
    ("branch", OWN, f"{OWN}\n    branches: [a/*/x]", 14, "own.branches[0]", "a * can only be last"),
    ("prefix", OWN, f"{OWN}\n    branches: [refs/heads/main]", 14, "own.branches[0]", "write main"),
    ("twice", OWN, f"{OWN}\n    branches: [main, main]", 14, "own.branches", "main"),
    ("outside", OWN, f"{OWN}\n    settings: ../other.yaml", 14, "own.settings", "leaves the folder with '..'"),
    ("absolute", OWN, f"{OWN}\n    settings: /etc/x.yaml", 14, "own.settings", "'/etc/x.yaml' is not"),
    ("shell", OWN, f"{OWN}\n    checks: ['check; curl x']", 14, "own.checks[0]", TARGET),
    ("variable", OWN, f"{OWN}\n    checks: [A=b]", 14, "own.checks[0]", TARGET),
    ("option", OWN, f"{OWN}\n    checks: ['-k']", 14, "own.checks[0]", TARGET),
    ("one check", OWN, f"{OWN}\n    checks: check", 14, "own.checks", "a list is needed, such as [check]"),
    ("too long", OWN, f"{OWN}\n    timeout: 3000", 14, "own.timeout", "at most 2160"),
    ("collision", "  own:", f"  libs-plan:\n{SCAN}  own:", 11, "libs-plan", "collides with the names of libs's action plan"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "key", "words"), [one[1:] for one in BAD], ids=[one[0] for one in BAD])
def test_refused(tmp_path: Path, old: str, new: str, line: int, key: str, words: str) -> None:
    assert GOOD.count(old) == 1
    found = messages(GOOD.replace(old, new), tmp_path)
    assert len(found) == 1, found
    assert found[0].startswith(f"p.yaml:{line}: pipelines.{key}: "), found
    assert words in found[0], found


def test_a_review_has_no_artifacts_whose_names_could_collide(tmp_path: Path) -> None:
    """CodePipeline's first 20 characters are no business of a review's."""
    long = GOOD.replace("  libs:", "  a-very-long-name-of-libraries:").replace(
        "  own:", "  a-very-long-name-of-its-own:"
    )
    file = tmp_path / "p.yaml"
    file.write_text(long)
    assert list(load({"PIPELINES": str(file)}, ROOT).reviews) == ["a-very-long-name-of-its-own"]
