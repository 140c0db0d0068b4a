"""snyk.py: what Snyk is asked, what it may see, and what reaches the gate. The CLI is a stand-in that records all of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TOKEN = "5e5a3e00-7ea5-4c0d-b0ba-5e5a3e007ea5"
ORG = "0a11b22c-33d4-4e55-8f66-0a11b22c33d4"
EXECUTION = "0f8fad5b-d9cb-469f-a165-70867728950e"
URL = "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/payments-api"
CLEAN = {"ok": True, "vulnerabilities": [], "dependencyCount": 3, "org": ORG}
VULNERABLE = {"ok": False, "vulnerabilities": [{"id": "SNYK-PYTHON-FLASK-1", "severity": "high"}], "org": ORG}
NOTHING = {"ok": False, "error": "Could not detect supported target files", "path": "."}
ALL = ["test", "--all-projects", "--fail-fast", "--exclude=requirements.txt", "--detection-depth=1", "--json"]

# Answers in order; records arguments, environment, files around it, and what its --command could import.
SNYK = """#!{python}
import json, os, pathlib, sys, time
folder = pathlib.Path({folder!r})
plan = json.loads((folder / "snyk-plan.json").read_text())
answer = plan.pop(0) if plan else {{"code": 9, "out": "no call expected"}}
(folder / "snyk-plan.json").write_text(json.dumps(plan))
command = next((a[10:] for a in sys.argv if a.startswith("--command=")), None)
site = next(pathlib.Path(command).parent.parent.glob("lib/python3*/site-packages")) if command else None
with open(folder / "snyk-calls.jsonl", "a") as log:
    log.write(json.dumps({{
        "arguments": sys.argv[1:], "environment": dict(os.environ), "cwd": os.getcwd(),
        "files": {{str(p): p.read_text(errors="replace")[:2000] for p in pathlib.Path(".").rglob("*") if p.is_file()}},
        "site": sorted(p.name for p in site.iterdir()) if site else None,
        "path": sorted(os.listdir(os.environ["PATH"]))}}) + "\\n")
time.sleep(answer.get("seconds", 0))
sys.stderr.write(answer.get("err", ""))
out = answer.get("out", "")
sys.stdout.write(out if isinstance(out, str) else json.dumps(out))
sys.exit(answer["code"])
"""


class Bench:
    """One pipeline build: its source, its artifact Resolved, its tools."""

    def __init__(self, folder: Path, stand_ins: Any, scripts: Path) -> None:
        self.folder, self.aws = folder, stand_ins
        self.source, self.resolved, self.pipeline = folder / "source", folder / "resolved", folder / "pipeline"
        self.source.mkdir()
        self.resolved.mkdir()
        shutil.copytree(scripts, self.pipeline, ignore=shutil.ignore_patterns("bin", "__pycache__"))
        (self.pipeline / "bin").mkdir()
        tool = self.pipeline / "bin/snyk"
        tool.write_text(SNYK.format(python=sys.executable, folder=str(folder)))
        tool.chmod(0o755)
        self.plan()
        self.resolution()

    def plan(self, *answers: dict[str, object]) -> None:
        (self.folder / "snyk-plan.json").write_text(json.dumps(answers))

    def resolution(self, *records: dict[str, str]) -> None:
        full = [{"reason": "", "instead": "", "status": "resolved", **record} for record in records]
        (self.resolved / "resolution.json").write_text(json.dumps({"schema": 1, "manifests": full}))

    def file(self, path: str, content: str = "", where: str = "source") -> Path:
        file = self.folder / where / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        return file

    def python_package(self, manifest: str = "requirements.txt", name: str = "flask", version: str = "3.0") -> None:
        base = f"python/{manifest}/{name}-{version}.dist-info"
        self.file(f"{base}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "resolved")

    def parameters(self, token: str = TOKEN, org: str = ORG) -> None:
        for name, value in (("token", token), ("organization", org)):
            self.aws.expect(
                "aws", "ssm", "get-parameter", "--with-decryption", "--name", f"/acme/snyk/{name}",
                "--query", "Parameter.Value", "--output", "text", stdout=value + "\n",
            )  # fmt: skip

    def gate(self, exit_code: int, report: bool = True, name: str = "snyk-dependencies", verdict: str = "pass") -> None:
        self.exit_code = exit_code
        target = f"s3://acme-reports/reports/payments/{EXECUTION}/{name}/raw.json"
        keeps = {2: self.folder / ("raw.json" if report else "empty.json")}
        self.aws.expect("aws", "s3", "cp", "*", target, "--only-show-errors", keeps=keeps)
        self.aws.expect_verdict(f'*"exit_code": {exit_code}}}', verdict)

    def run(self, scanner: str = "snyk", **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": self.aws.path, "CODEBUILD_SRC_DIR": str(self.source), "CODEBUILD_SRC_DIR_Resolved": str(self.resolved),
            "PIPELINE": "payments", "EXECUTION": EXECUTION, "ACTION": f"Verify/{scanner}", "BRANCH": "feature/x y",
            "REPORTS_BUCKET": "acme-reports", "FINDINGS_IMPORTER": "acme-importer", "ARTIFACTS_BUCKET": "acme-artifacts",
            "SNYK_TOKEN_PARAMETER": "/acme/snyk/token", "SNYK_ORG_PARAMETER": "/acme/snyk/organization",
            "REPOSITORY": "payments-api", "REPOSITORY_URL": URL, "DOCKERFILE": "Dockerfile",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/of-this-build",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, str(self.pipeline / "snyk.py"), scanner], cwd=self.source, env={**environment, **variables},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        assert not (self.folder / "empty.json").exists() or not (self.folder / "empty.json").read_text()
        for secret in (TOKEN, ORG):
            assert secret not in done.stdout + done.stderr
            assert not [call for call in self.aws.calls() + self.calls() if secret in str(_arguments(call))]
            for file in self.folder.rglob("*"):
                if file.is_file() and "stand-ins" not in file.parts and not file.name.startswith("snyk-"):
                    assert secret not in file.read_text(errors="replace"), file
        return done

    def calls(self) -> list[dict[str, Any]]:
        log = self.folder / "snyk-calls.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def report(self) -> Any:
        return json.loads((self.folder / "raw.json").read_text())


def _arguments(call: Any) -> list[str]:
    return list(call["arguments"] if isinstance(call, dict) else call.arguments)


@pytest.fixture
def bench(tmp_path: Path, stand_ins: Any, scripts: Path) -> Bench:
    return Bench(tmp_path, stand_ins, scripts)


@pytest.fixture
def app(bench: Bench) -> Bench:
    """A repository with one requirements.txt, resolved."""
    bench.file("requirements.txt", "flask==3.0\n")
    bench.python_package()
    bench.resolution({"manifest": "requirements.txt"})
    return bench


def test_requirements_are_tested_and_monitored_before_the_gate(app: Bench) -> None:
    app.plan(
        {"code": 1, "out": VULNERABLE},
        {"code": 3, "out": NOTHING},
        {"code": 0, "out": f"Monitoring https://x/org/{ORG}"},
    )
    app.parameters()
    app.gate(1)
    done = app.run()
    assert (done.returncode, done.stderr) == (0, "")
    test, everything, monitor = app.calls()
    command = test["arguments"][3]
    assert test["arguments"] == ["test", "--file=requirements.txt", "--package-manager=pip", command, "--json"]
    assert command.startswith("--command=/")
    assert everything["arguments"] == ALL
    assert monitor["arguments"] == [
        "monitor", "--file=requirements.txt", "--package-manager=pip", command,
        "--project-name=payments-api:requirements.txt", f"--remote-repo-url={URL}", "--target-reference=feature/x y",
    ]  # fmt: skip
    assert app.report() == [{**VULNERABLE, "org": "[redacted]"}]
    order = [call.arguments[:2] for call in app.aws.calls("aws")]
    assert order == [["ssm", "get-parameter"]] * 2 + [["s3", "cp"], ["lambda", "invoke"]]


def test_snyk_gets_the_token_and_nothing_to_run(app: Bench) -> None:
    app.plan({"code": 0, "out": CLEAN}, {"code": 3, "out": NOTHING}, {"code": 0})
    app.parameters()
    app.gate(0)
    assert app.run().returncode == 0
    for call in app.calls():
        environment = call["environment"]
        assert environment.pop("LC_CTYPE", None) in (None, "C.UTF-8")  # the stand-in's own interpreter sets it
        assert set(environment) == {
            "PATH", "HOME", "TMPDIR", "LANG", "CI", "SNYK_DISABLE_ANALYTICS", "SNYK_TOKEN", "SNYK_CFG_ORG",
        }  # fmt: skip
        assert (environment["SNYK_TOKEN"], environment["SNYK_CFG_ORG"]) == (TOKEN, ORG)
        assert call["path"] == ["python", "python3"]
        assert Path(call["cwd"]).name == "payments-api"
        assert not Path(call["cwd"]).is_relative_to(app.source)
    site = app.calls()[0]["site"]
    assert "flask-3.0.dist-info" in site
    assert {name.split("-")[0] for name in site} == {"flask"}
    for call in app.aws.calls("aws"):
        assert "SNYK_TOKEN" not in call.environment


def test_a_commit_cannot_excuse_itself_or_bring_wrappers(app: Bench) -> None:
    for name in (".snyk", "sub/.snyk", ".dcignore", ".gitignore", "gradlew", "mvnw"):
        app.file(name, "x")
    app.file("sub/code.py", "x")
    app.plan({"code": 0, "out": CLEAN}, {"code": 3, "out": NOTHING}, {"code": 0})
    app.parameters()
    app.gate(0)
    assert app.run().returncode == 0
    assert set(app.calls()[0]["files"]) == {"requirements.txt", "sub/code.py"}


def test_what_snyk_would_pass_over_is_added(app: Bench) -> None:
    app.file("requirements.txt", "-e .\n")
    app.plan({"code": 0, "out": CLEAN}, {"code": 3, "out": NOTHING}, {"code": 0})
    app.parameters()
    app.gate(0)
    assert app.run().returncode == 0
    assert app.calls()[0]["files"]["requirements.txt"] == "-e .\n\n# installed for the lines above\nflask==3.0\n"


@pytest.mark.parametrize(
    ("metadata", "pins"),
    [
        ({"a": ["b>=1", "c ; extra == 'x'"], "b": [], "c": []}, ["a", "c"]),
        ({"a": [], "b": ["C_c"], "c-c": ["b"]}, ["a", "b"]),  # two that need each other and that nothing else needs
        ({}, []),
    ],
)
def test_every_installed_package_is_reached(
    load: Callable[[str], Any], tmp_path: Path, metadata: dict[str, list[str]], pins: list[str]
) -> None:
    for name, needs in metadata.items():
        info = tmp_path / f"infos/{name.replace('-', '_')}-1.dist-info"
        info.mkdir(parents=True)
        lines = [f"Name: {name}", "Version: 1", *(f"Requires-Dist: {need}" for need in needs)]
        (info / "METADATA").write_text("\n".join(lines) + "\n\nRequires-Dist: in the text\n")
    (tmp_path / "requirements.txt").write_bytes("\ufeffx\n".encode("utf-16"))
    load("python_metadata").complete(tmp_path / "requirements.txt", tmp_path / "infos")
    lines = (tmp_path / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line.partition("==")[0] for line in lines if "==" in line] == pins


def test_other_manifests_are_tested_together_fail_fast(bench: Bench) -> None:
    bench.file("package.json", "{}")
    bench.file("source/package-lock.json", "{}", "resolved")
    bench.resolution({"manifest": "package.json"})
    bench.plan({"code": 1, "out": [VULNERABLE, CLEAN]}, {"code": 0, "out": "monitored"})
    bench.parameters()
    bench.gate(1)
    assert bench.run().returncode == 0
    test, monitor = bench.calls()
    assert test["arguments"] == ALL
    assert "package-lock.json" in test["files"]
    assert monitor["arguments"][:4] == ["monitor", "--all-projects", "--fail-fast", "--exclude=requirements.txt"]
    assert [part["ok"] for part in bench.report()] == [False, True]


def test_two_requirements_files_each_get_their_own_packages(app: Bench) -> None:
    app.file("api/requirements.txt", "django==4.0\n")
    app.python_package("api/requirements.txt", "django", "4.0")
    app.resolution({"manifest": "requirements.txt"}, {"manifest": "api/requirements.txt"})
    app.plan(
        {"code": 0, "out": CLEAN}, {"code": 1, "out": VULNERABLE}, {"code": 3, "out": NOTHING}, {"code": 0}, {"code": 0}
    )
    app.parameters()
    app.gate(1)
    assert app.run().returncode == 0
    first, second = app.calls()[:2]
    assert ("flask-3.0.dist-info" in first["site"], "django-4.0.dist-info" in first["site"]) == (True, False)
    assert ("flask-3.0.dist-info" in second["site"], "django-4.0.dist-info" in second["site"]) == (False, True)
    assert len(app.report()) == 2


def test_nothing_that_snyk_knows_is_its_own_exit_code_and_report(bench: Bench) -> None:
    bench.plan({"code": 3, "out": NOTHING})
    bench.parameters()
    bench.gate(3, verdict="no-evidence")
    done = bench.run()
    assert done.returncode == 1
    assert bench.report() == [NOTHING]


@pytest.mark.parametrize(
    ("codes", "one"),
    [
        ([0], 0),
        ([0, 1], 1),
        ([3, 3], 3),
        ([0, 3], 0),
        ([1, 3], 1),
        ([1, 2], 2),
        ([0, -9], 2),
        ([0, 127], 2),
        ([3, 2], 2),
    ],
)
def test_exit_codes_become_one(load: Callable[[str], Any], codes: list[int], one: int) -> None:
    assert load("snyk_cli").merged(codes) == one


BROKEN = {
    "half a report": ({"code": 1, "out": json.dumps(VULNERABLE)[:-9]}, 2, False),
    "exit 0 and no report": ({"code": 0, "out": ""}, 2, False),
    "a crash": ({"code": 139, "out": "", "err": f"panic: token {TOKEN}"}, 2, False),
    "an error object with exit 2": ({"code": 2, "out": {"ok": False, "error": f"401 {TOKEN}"}}, 2, True),
    "an error object with exit 1": ({"code": 1, "out": {"ok": False, "error": "Authentication failed"}}, 2, True),
    "an unknown exit code": ({"code": 17, "out": CLEAN}, 2, True),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_scan_that_broke_reaches_the_gate_as_2(app: Bench, name: str) -> None:
    answer, code, report = BROKEN[name]
    app.plan(answer, {"code": 3, "out": NOTHING})
    app.parameters()
    app.gate(code, report, verdict="tool-error")
    done = app.run()
    assert done.returncode == 1
    assert f"snyk test --file=requirements.txt: exit code {answer['code']}" in done.stdout
    assert (name in ("a crash", "exit 0 and no report")) <= (", which counts as 2\n" in done.stdout)
    assert not [call for call in app.calls() if call["arguments"][0] == "monitor"]


def test_a_scan_that_hangs_is_ended(load: Callable[[str], Any], bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    snyk = load("snyk_cli")
    monkeypatch.setattr(snyk, "SECONDS", 1)
    monkeypatch.setattr(snyk, "BIN", bench.pipeline / "bin")
    monkeypatch.setenv("PATH", bench.aws.path)
    monkeypatch.setenv("SNYK_TOKEN_PARAMETER", "/acme/snyk/token")
    monkeypatch.setenv("SNYK_ORG_PARAMETER", "/acme/snyk/organization")
    bench.parameters()
    bench.plan({"code": 0, "out": CLEAN, "seconds": 60})
    (bench.folder / "cli").mkdir()
    assert snyk.Cli(bench.folder / "cli").test(["test"], bench.source) == (2, None)


def test_a_missing_cli_is_said(app: Bench) -> None:
    (app.pipeline / "bin/snyk").unlink()
    app.parameters()
    app.gate(2, False, verdict="no-evidence")
    assert "snyk cannot be run: No such file or directory" in app.run().stderr


@pytest.mark.parametrize("token", ["", "None", "two words"])
def test_no_token_tells_the_gate_and_fails_even_if_it_passes(app: Bench, token: str) -> None:
    app.aws.expect("aws", *["*"] * 9, stdout=token + "\n")
    app.gate(2, False, verdict="pass")
    done = app.run()
    assert done.returncode == 1
    assert "Parameter Store's parameter /acme/snyk/token is empty or not one word" in done.stderr
    assert app.calls() == []


def test_a_parameter_that_may_not_be_read_is_said(app: Bench) -> None:
    app.aws.expect("aws", *["*"] * 9, code=254, stderr="An error occurred (AccessDeniedException)")
    app.gate(2, False, verdict="tool-error")
    assert "aws ssm get-parameter exited with 254: An error occurred (AccessDeniedException)" in app.run().stderr


def test_the_console_that_cannot_be_updated_is_not_the_verdict(app: Bench) -> None:
    app.plan(
        {"code": 0, "out": CLEAN}, {"code": 3, "out": NOTHING}, {"code": 2, "err": f"403 for {ORG} with {TOKEN}\n"}
    )
    app.parameters()
    app.gate(0)
    done = app.run()
    assert done.returncode == 0
    assert "Snyk console not updated: exit code 2: 403 for [redacted] with [redacted]" in done.stdout


def test_an_organisation_with_an_ordinary_name_does_not_change_the_report(app: Bench) -> None:
    app.plan(
        {"code": 0, "out": {**CLEAN, "org": "flask", "packageManager": "flask"}},
        {"code": 3, "out": NOTHING},
        {"code": 0},
    )
    app.parameters(org="flask")
    app.gate(0)
    assert app.run().returncode == 0
    assert app.report() == [{**CLEAN, "org": "[redacted]", "packageManager": "flask"}]


UNRESOLVED = {
    "pom.xml": ({"pom.xml": ""}, "pom.xml: Snyk runs Maven to read it"),
    "gradle, nested": ({"a/b/build.gradle.kts": ""}, "a/b/build.gradle.kts: Snyk runs Gradle to read it"),
    "go": ({"go.mod": ""}, "go.mod: Snyk runs Go to read it"),
    "pipenv": ({"Pipfile": "", "Pipfile.lock": ""}, "Pipfile: Snyk runs pipenv to read it"),
    "uv": ({"uv.lock": ""}, "uv.lock: Snyk runs uv to read it"),
    "ruby": ({"Gemfile": ""}, "Gemfile: has no Gemfile.lock beside it"),
    ".NET": ({"x/App.csproj": ""}, "x/App.csproj: has no obj/project.assets.json or"),
    "setup.py": ({"setup.py": ""}, "setup.py: has no requirements.txt or poetry.lock beside it"),
    "pyproject": ({"pyproject.toml": "[project]\nname = 'x'"}, "pyproject.toml: has no requirements.txt"),
    "poetry": ({"pyproject.toml": "[tool.poetry.dependencies]"}, "pyproject.toml: has no requirements.txt"),
    "npm": ({"package.json": "{}"}, "package.json: could not be resolved: the build `resolve` did not look at it"),
    "pip": (
        {"requirements.txt": ""},
        "requirements.txt: could not be resolved: the build `resolve` did not look at it",
    ),
}


@pytest.mark.parametrize("name", UNRESOLVED)
def test_what_cannot_be_seen_without_running_code_is_no_evidence(bench: Bench, name: str) -> None:
    files, sentence = UNRESOLVED[name]
    for path, content in files.items():
        bench.file(path, content)
    bench.gate(3, False, verdict="no-evidence")
    done = bench.run()
    assert done.returncode == 1
    assert sentence in done.stderr
    assert bench.calls() == []  # and no parameter was read: the plan of `aws` has none


def test_a_package_that_could_not_be_resolved_is_no_evidence(app: Bench) -> None:
    app.resolution(
        {"manifest": "requirements.txt", "status": "failed", "reason": "No matching distribution found for x"}
    )
    app.gate(3, False, verdict="no-evidence")
    done = app.run()
    assert "requirements.txt: could not be resolved: No matching distribution found for x" in done.stderr
    assert done.returncode == 1


def test_manifests_that_read_by_themselves_are_let_through(load: Callable[[str], Any], tmp_path: Path) -> None:
    for name in (
        "Gemfile",
        "Gemfile.lock",
        "x/App.csproj",
        "x/obj/project.assets.json",
        "y/A.fsproj",
        "y/packages.config",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\nline-length = 120\n")
    assert load("snyk_manifests").unresolved(tmp_path, {}) == []


def test_the_users_own_resolved_form_replaces_a_manifest(bench: Bench) -> None:
    bench.file("Pipfile", "[packages]")
    bench.file("source/requirements.txt", "flask==3.0\n", "resolved")
    bench.python_package()
    bench.resolution({"manifest": "Pipfile", "instead": "requirements.txt"}, {"manifest": "requirements.txt"})
    bench.plan({"code": 0, "out": CLEAN}, {"code": 3, "out": NOTHING}, {"code": 0})
    bench.parameters()
    bench.gate(0)
    assert bench.run(OWN_BUILDSPEC="true").returncode == 0
    assert set(bench.calls()[0]["files"]) == {"requirements.txt"}


@pytest.mark.parametrize("own", ["", "false", "1", "True"])
def test_a_package_cannot_take_a_manifest_out(app: Bench, own: str) -> None:
    """What a setup.py can write into the artifact in a pipeline without a buildspec of its user's."""
    app.file("README.md", "x")
    app.file("source/clean/requirements.txt", "flask==3.0\n", "resolved")
    app.python_package("clean/requirements.txt")
    app.resolution(
        {"manifest": "requirements.txt", "instead": "README.md"}, {"manifest": "clean/requirements.txt"}
    )  # fmt: skip
    app.gate(2, False, verdict="tool-error")
    done = app.run(**({"OWN_BUILDSPEC": own} if own else {}))
    assert done.returncode == 1
    assert (
        "says that README.md stands for requirements.txt: only a pipeline with its own `buildspec:` may do that"
        in done.stderr
    )
    assert app.calls() == []


NOT_REPLACED = {
    "requirements": ("requirements.txt", "new/requirements.txt", "right is a manifest of the commit that Snyk cannot"),
    "the same, spelled otherwise": ("a/../requirements.txt", "new/requirements.txt", "right is a manifest of the"),
    "package.json": ("web/package.json", "new/requirements.txt", "right is a manifest of the commit that Snyk cannot"),
    "a lock file": ("web/package-lock.json", "new/requirements.txt", "right is a manifest of the commit that Snyk"),
    "what has its lock file": ("Gemfile", "new/requirements.txt", "right is a manifest of the commit that Snyk cannot"),
    "what is not there": ("pom.xml", "new/requirements.txt", "right is a manifest of the commit that Snyk cannot"),
    "by a file of the commit": ("Pipfile", "requirements.txt", "is not in the artifact Resolved"),
    "by no form that Snyk reads": ("Pipfile", "README.md", "right is one of requirements.txt, package-lock.json"),
    "by a file that is not there": ("Pipfile", "poetry.lock", "is not in the artifact Resolved"),
    "by a file elsewhere": ("Pipfile", "../requirements.txt", "is not in the artifact Resolved"),
}


@pytest.mark.parametrize("name", NOT_REPLACED)
def test_the_users_own_buildspec_replaces_only_what_needs_a_tool(app: Bench, name: str) -> None:
    manifest, instead, sentence = NOT_REPLACED[name]
    for path in ("README.md", "Pipfile", "web/package.json", "web/package-lock.json", "Gemfile", "Gemfile.lock"):
        app.file(path, "{}")
    if instead == "new/requirements.txt":
        app.file(f"source/{instead}", "", "resolved")
    app.resolution({"manifest": manifest, "instead": instead}, {"manifest": "requirements.txt"})
    app.gate(2, False, verdict="tool-error")
    done = app.run(OWN_BUILDSPEC="true")
    assert done.returncode == 1
    assert sentence in done.stderr
    assert app.calls() == []


def test_a_manifest_that_is_a_link_is_replaced_without_what_it_leads_to(bench: Bench) -> None:
    bench.file("requirements.txt", "flask==3.0\n")
    (bench.source / "Pipfile").symlink_to("requirements.txt")
    bench.file("source/new/requirements.txt", "", "resolved")
    bench.python_package()
    bench.resolution(
        {"manifest": "Pipfile", "instead": "new/requirements.txt"},
        {"manifest": "requirements.txt"},
        {"manifest": "new/requirements.txt"},
    )
    bench.plan(
        {"code": 0, "out": CLEAN}, {"code": 0, "out": CLEAN}, {"code": 3, "out": NOTHING}, {"code": 0}, {"code": 0}
    )
    bench.parameters()
    bench.gate(0)
    assert bench.run(OWN_BUILDSPEC="true").returncode == 0
    assert set(bench.calls()[0]["files"]) == {"requirements.txt", "new/requirements.txt"}


FORGED = {
    "another version": ("jinja2==2.7.2\n", "artifact Resolved holds 3.1.6: the metadata was changed"),
    "an upper bound": ("Jinja2 >=2, <3\n", "artifact Resolved holds 3.1.6: the metadata was changed"),
    "with extra, hash and marker": (
        'JINJA2[i18n] == 2.7.2 ; python_version > "3" \\\n  --hash=sha256:00  # why\n',
        "artifact Resolved holds 3.1.6: the metadata was changed",
    ),
    "hidden": ("jinja2==3.1.6\nmarkup.safe==1.0\n", "the artifact Resolved does not hold it"),
    "hidden behind a marker that holds": ('x==1; python_version >= "3"\n', "the artifact Resolved does not hold it"),
    "in an included file": ("-r more/base.txt\n", "'jinja2==2.7.2', and the artifact Resolved holds 3.1.6"),
    "in a constraint": ("jinja2\n-c 'more/base.txt'\n", "'jinja2==2.7.2', and the artifact Resolved holds 3.1.6"),
    "in no form that can be compared": ("jinja2==3.1.6\njinja2 3\n", "no requirement that can be compared"),
    "an included file that is not there": ("-r gone.txt\n", "includes gone.txt, which is no file in the repository"),
    "an included file elsewhere": ("-r ../../x.txt\n", "leads out of the folder"),
}


@pytest.mark.parametrize("name", FORGED)
def test_versions_that_are_not_what_the_commit_asks_for_are_an_error(bench: Bench, name: str) -> None:
    content, sentence = FORGED[name]
    bench.file("requirements.txt", content)
    bench.file("more/base.txt", "-r ../requirements.txt\njinja2==2.7.2\n")
    bench.python_package(name="jinja2", version="3.1.6")
    bench.resolution({"manifest": "requirements.txt"})
    bench.gate(2, False, verdict="tool-error")
    done = bench.run()
    assert done.returncode == 1
    assert sentence in done.stderr
    assert bench.calls() == []


AGREE = {
    "spelled otherwise": ("Zope_Interface==5.0\n", "zope.interface", "5.0.0"),
    "a local version": ("torch==2.0.1\n", "torch", "2.0.1+cpu"),
    "a folder in another spelling": ("x==2013.1\n", "x", "2013.01"),
    "a marker that excludes it": ('flask\nx==1; python_version < "3"\n', "flask", "3.0"),
    "a constraint that is not needed": ("flask\n-c limits.txt\n", "flask", "3.0"),
    "no requirement": (
        "flask\n-e .\n--no-binary :all:\nhttps://x.example/a.whl\n-r https://x.example/r\n",
        "flask",
        "3.0",
    ),
    "the environment's own": ("pip\n", "pip", "99.0"),
}


@pytest.mark.parametrize("name", AGREE)
def test_versions_that_agree_are_let_through(app: Bench, name: str) -> None:
    content, package, version = AGREE[name]
    app.file("requirements.txt", content)
    app.file("limits.txt", "x==1\n")
    app.python_package(name=package, version=version)
    app.plan({"code": 0, "out": CLEAN}, {"code": 3, "out": NOTHING}, {"code": 0})
    app.parameters()
    app.gate(0)
    done = app.run()
    assert (done.returncode, done.stderr) == (0, "")


def test_what_one_file_is_completed_with_is_not_asked_of_another(app: Bench) -> None:
    app.python_package(name="werkzeug", version="3.0")
    app.file("web/requirements.txt", "-r ../requirements.txt\n")
    app.python_package("web/requirements.txt")
    app.resolution({"manifest": "requirements.txt"}, {"manifest": "web/requirements.txt"})
    app.plan(
        {"code": 0, "out": CLEAN}, {"code": 0, "out": CLEAN}, {"code": 3, "out": NOTHING}, {"code": 0}, {"code": 0}
    )
    app.parameters()
    app.gate(0)
    assert app.run().returncode == 0


@pytest.mark.parametrize(("folders", "levels"), [(0, 1), (4, 5), (9, 10)])
def test_snyk_looks_as_deep_as_the_tree_is(bench: Bench, folders: int, levels: int) -> None:
    """Snyk's default is 4 (find-files.ts: a file with n parts in its path is found from a depth of n on)."""
    for name in ("package.json", "package-lock.json"):
        bench.file("a/" * folders + name, "{}")
    bench.plan({"code": 0, "out": CLEAN}, {"code": 0})
    bench.parameters()
    bench.gate(0)
    assert bench.run().returncode == 0
    for call in bench.calls():
        assert f"--detection-depth={levels}" in call["arguments"]


@pytest.mark.parametrize("name", ["requirements.txt", "old_node_modules"])
def test_a_folder_that_snyk_would_pass_over_is_an_error(bench: Bench, name: str) -> None:
    for file in ("package.json", "package-lock.json"):
        bench.file(f"web/{name}/{file}", "{}")
    bench.gate(2, False, verdict="tool-error")
    assert f"web/{name}: Snyk passes over a folder of this name: rename it" in bench.run().stderr
    assert bench.calls() == []


FOREIGN = {
    "code": ("python/requirements.txt/flask-3.0.dist-info/flask.py", "x"),
    "a .pth file": ("python/requirements.txt/evil.pth", "import os"),
    "a package": ("python/requirements.txt/flask/__init__.py", "x"),
    "entry points": ("python/requirements.txt/flask-3.0.dist-info/entry_points.txt", "x"),
    "odd name": ("python/requirements.txt/fl ask-3.0.dist-info/METADATA", "x"),
    "oversized": ("python/requirements.txt/flask-3.0.dist-info/WHEEL", "x" * 4_000_001),
    "another lock than the commit's": ("source/package-lock.json", "{}"),
    "a policy": ("source/.snyk", "x"),
    "a script": ("source/gradlew", "x"),
    "no name": ("python/requirements.txt/x-1.dist-info/METADATA", "Version: 1\n"),
    "no METADATA": ("python/requirements.txt/x-1.dist-info/WHEEL", "Version: 1\n"),
    "a second version behind a line end of its own": (
        "python/requirements.txt/x-1.dist-info/METADATA",
        "Name: x\nSummary: s\x0bVersion: 2\nVersion: 1\n",
    ),
    "another version than its folder's": ("python/requirements.txt/x-1.dist-info/METADATA", "Name: x\nVersion: 2\n"),
    "another name than its folder's": ("python/requirements.txt/x-1.dist-info/METADATA", "Name: y\nVersion: 1\n"),
    "a version that is none": ("python/requirements.txt/x-new.dist-info/METADATA", "Name: x\nVersion: new\n"),
    "a package twice": ("python/requirements.txt/Flask-4.0.dist-info/METADATA", "Name: flask\nVersion: 4.0\n"),
    "requirements that the commit does not have": ("source/clean/requirements.txt", "flask==3.0\n"),
    "a lock file of another kind": ("source/web/yarn.lock", ""),
    "a lock file where no package.json is": ("source/elsewhere/package-lock.json", "{}"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_an_artifact_that_brings_more_than_it_may_is_refused(app: Bench, name: str) -> None:
    app.file("package.json", "{}")
    app.file("package-lock.json", '{"lockfileVersion": 3}')
    app.file("web/package.json", "{}")
    app.resolution({"manifest": "requirements.txt"}, {"manifest": "web/package.json"})
    app.file("source/web/package-lock.json", "{}", "resolved")  # this one it may bring
    path, content = FOREIGN[name]
    app.file(path, content, "resolved")
    app.gate(2, False, verdict="tool-error")
    done = app.run()
    assert done.returncode == 1
    assert "the artifact Resolved holds" in done.stderr
    assert app.calls() == []


def test_links_in_the_artifact_are_refused(app: Bench) -> None:
    (app.resolved / "python/requirements.txt/flask-3.0.dist-info/WHEEL").symlink_to("/proc/self/environ")
    app.gate(2, False, verdict="tool-error")
    assert "which is no plain metadata" in app.run().stderr


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema": 2, "manifests": []}', '{"schema": 1, "manifests": [{}]}', None]
)
def test_an_unusable_resolution_is_an_error(app: Bench, content: str | None) -> None:
    if content is None:
        (app.resolved / "resolution.json").unlink()
    else:
        (app.resolved / "resolution.json").write_text(content)
    app.gate(2, False, verdict="tool-error")
    assert "no usable resolution.json of schema 1" in app.run().stderr


def test_modules_of_the_repository_are_not_imported(app: Bench) -> None:
    for name in ("venv", "json", "shutil", "ensurepip", "common"):
        app.file(f"{name}.py", "raise SystemExit('module of the repository')\n")
    app.plan({"code": 0, "out": CLEAN}, {"code": 3, "out": NOTHING}, {"code": 0})
    app.parameters()
    app.gate(0)
    assert app.run().returncode == 0


def test_code_is_tested_statically_and_its_sarif_kept(bench: Bench) -> None:
    sarif = {"version": "2.1.0", "runs": [{"results": []}]}
    bench.file("app.py", "x")
    bench.file("pom.xml", "x")  # no matter here
    bench.file(".dcignore", "*")
    bench.plan({"code": 0, "out": sarif})
    bench.parameters()
    bench.gate(0, name="snyk-code-code")
    assert bench.run("snyk-code").returncode == 0
    (call,) = bench.calls()
    assert call["arguments"] == ["code", "test", "--json"]
    assert set(call["files"]) == {"app.py", "pom.xml"}
    assert bench.report() == sarif


@pytest.mark.parametrize("dockerfile", [True, False])
def test_the_image_is_fetched_verified_and_tested(
    bench: Bench, dockerfile: bool, need_archive: tuple[Path, str, str]
) -> None:
    archive, sha256, digest = need_archive
    if dockerfile:
        bench.file("Dockerfile", "FROM scratch\n")
    bench.parameters()
    uri = f"s3://acme-artifacts/images/payments/{EXECUTION}/image.tar"
    bench.aws.expect("aws", "s3", "cp", uri, "*", "--only-show-errors", brings={3: archive})
    plan = json.loads((bench.aws.folder / "aws.plan").read_text())
    (bench.aws.folder / "aws.plan").write_text(json.dumps([plan[2], *plan[:2]]))  # the image first, then the token
    bench.plan({"code": 1, "out": {"ok": False, "vulnerabilities": [], "applications": []}})
    bench.gate(1, name="snyk-container-image")
    done = bench.run("snyk-container", IMAGE_SHA256=sha256, IMAGE_DIGEST=digest)
    assert done.returncode == 0, done.stderr
    (call,) = bench.calls()
    option = [f"--file={bench.source}/Dockerfile"] if dockerfile else []
    assert call["arguments"] == ["container", "test", "oci-archive:image.tar", *option, "--json"]
    assert "image.tar" in call["files"]


@pytest.fixture
def need_archive(tmp_path: Path) -> tuple[Path, str, str]:
    """A small OCI archive with its sha256 and digest, made without any tool."""
    import hashlib
    import io
    import tarfile

    manifest = b'{"schemaVersion": 2}'
    name = hashlib.sha256(manifest).hexdigest()
    listed = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": f"sha256:{name}",
        "size": len(manifest),
    }
    content = {
        f"blobs/sha256/{name}": manifest,
        "index.json": json.dumps({"schemaVersion": 2, "manifests": [listed]}).encode(),
        "oci-layout": b"{}",
    }
    file = tmp_path / "built.tar"
    with tarfile.open(file, "w") as archive:
        for path, data in content.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file, hashlib.sha256(file.read_bytes()).hexdigest(), f"sha256:{name}"


def test_an_image_that_was_exchanged_is_not_scanned(bench: Bench, need_archive: tuple[Path, str, str]) -> None:
    archive, _, digest = need_archive
    bench.aws.expect("aws", "s3", "cp", "*", "*", "--only-show-errors", brings={3: archive})
    bench.gate(2, False, "snyk-container-image", "tool-error")
    done = bench.run("snyk-container", IMAGE_SHA256="0" * 64, IMAGE_DIGEST=digest)
    assert "it was changed or cut off since" in done.stderr
    assert bench.calls() == []


@pytest.mark.parametrize("path", ["../Dockerfile", "/etc/passwd"])
def test_a_dockerfile_elsewhere_is_refused(bench: Bench, need_archive: tuple[Path, str, str], path: str) -> None:
    archive, sha256, digest = need_archive
    bench.aws.expect("aws", "s3", "cp", "*", "*", "--only-show-errors", brings={3: archive})
    bench.gate(2, False, "snyk-container-image", "tool-error")
    done = bench.run("snyk-container", IMAGE_SHA256=sha256, IMAGE_DIGEST=digest, DOCKERFILE=path)
    assert "leads out of the folder" in done.stderr
