"""Run Snyk and put its report before the gate: `snyk.py snyk | snyk-code | snyk-container`.

The token is read here, lives in this process's memory, and goes only into the environment of the Snyk CLI. So nothing
of the repository or of its dependencies may run here:

- Snyk's Python plugin runs a Python interpreter and asks its packages' metadata. It gets a fresh virtual environment
  into which only metadata files of the artifact `Resolved` were copied, no code
  (tests/buildspecs/test_snyk_python_plugin.py runs the real plugin and gets the graph of a full installation).
- Snyk runs Maven, Gradle, Go ... for other manifests, also wrapper scripts that are part of the repository. Those
  manifests are refused before Snyk starts, and its PATH holds nothing but Python.

Snyk works on a copy of the commit's files without those by which a commit could excuse itself (`.snyk`, `.dcignore`,
`.gitignore`): what may be ignored is said in pipelines.yaml's waivers or on Snyk's console, not in the commit.
"""

from __future__ import annotations

import codecs
import email.parser
import importlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from email.message import Message
from pathlib import Path

import gate
import image
import source
from common import BIN, Failure, aws, main, printable, run, scrub, setting, source_dir
from resolve import METADATA, METADATA_LIMIT, needs_lock

SCOPES = {"snyk": "dependencies", "snyk-code": "code", "snyk-container": "image"}
SECONDS = 1800
LEFT_OUT = (".snyk", ".dcignore", ".gitignore", "gradlew", "gradlew.bat", "mvnw", "mvnw.cmd")

# Manifests for which the CLI starts a build tool (its package-managers and plugins, 1.1307.4); uv.lock is read only by
# organisations that have a feature flag, and otherwise passed over without a word.
NEEDS_TOOL = {
    "pom.xml": "Maven", "build.gradle": "Gradle", "build.gradle.kts": "Gradle", "build.sbt": "sbt", "go.mod": "Go",
    "Gopkg.lock": "Go", "Pipfile": "pipenv", "mix.exs": "Elixir", "Package.swift": "Swift", "uv.lock": "uv",
}  # fmt: skip
# Manifests that say nothing about transitive dependencies unless one of these files stands beside them.
NEEDS_FILE = {
    "Gemfile": ("Gemfile.lock",), "Podfile": ("Podfile.lock",), "composer.json": ("composer.lock",),
    "paket.dependencies": ("paket.lock",), "setup.py": ("requirements.txt", "poetry.lock"),
    "pyproject.toml": ("requirements.txt", "poetry.lock"),
}  # fmt: skip
DOTNET_PROJECTS = (".csproj", ".fsproj", ".vbproj")
DOTNET_FILES = ("obj/project.assets.json", "project.assets.json", "packages.config")
# What the artifact `Resolved` may add to the commit's files: forms that Snyk reads without a tool.
STATIC_FORMS = (
    "requirements.txt", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "poetry.lock", "Gemfile.lock",
    "Podfile.lock", "composer.lock", "paket.lock", "packages.config", "project.assets.json",
)  # fmt: skip


class NotScanned(Failure):
    """Snyk was not asked, because its answer could not have covered everything: the verdict is `no-evidence`."""


class Cli:
    """The Snyk CLI with the token, and nothing else, in its environment."""

    def __init__(self, folder: Path) -> None:
        self.secrets = [_parameter("SNYK_TOKEN_PARAMETER"), _parameter("SNYK_ORG_PARAMETER")]
        tools, home = folder / "tools", folder / "home"
        for path in (tools, home):
            path.mkdir()
        for name in ("python", "python3"):
            (tools / name).symlink_to(sys.executable)
        self.env = {
            "PATH": str(tools), "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", "CI": "true",
            "SNYK_DISABLE_ANALYTICS": "1", "SNYK_TOKEN": self.secrets[0], "SNYK_CFG_ORG": self.secrets[1],
        }  # fmt: skip

    def test(self, arguments: list[str], cwd: Path) -> tuple[int, object]:
        """Snyk's exit code, 2 for everything that is no result, and the JSON that it printed (None if it is none)."""
        result = run([str(BIN / "snyk"), *arguments, "--json"], timeout=SECONDS, env=self.env, cwd=cwd)
        said = scrub(result.err, self.secrets).strip()
        if said:
            print(said)
        code = 2 if result.code is None else result.code
        report: object = None
        try:
            # The token has no business in a report; the organisation's id has, but not in ours.
            report = _without_org(json.loads(scrub(result.out, self.secrets[:1])), self.secrets[1])
        except ValueError:
            print(f"snyk printed no JSON: {printable(scrub(result.out, self.secrets), 300)!r}")
            code = 2
        if code in (0, 1) and any("error" in part for part in _parts(report)):
            code = 2  # the CLI ends with 1 on some failures too, "vulnerabilities found" in its documentation
        name = " ".join(part for part in arguments if not part.startswith("-"))
        option = next((part for part in arguments if part.startswith("--file=")), "")
        ended = "ended at its time limit" if result.code is None else f"exit code {result.code}"
        print(f"snyk {name} {option}: {ended}{'' if code == result.code else f', which counts as {code}'}")
        return code, report

    def monitor(self, arguments: list[str], cwd: Path) -> None:
        """Put a project on Snyk's console. That this fails is said, and is not the verdict."""
        where = ["--remote-repo-url=" + setting("REPOSITORY_URL"), "--target-reference=" + setting("BRANCH")]
        result = run([str(BIN / "snyk"), "monitor", *arguments, *where], timeout=SECONDS, env=self.env, cwd=cwd)
        text = scrub(result.out + result.err, self.secrets).strip()
        if result.code == 0:
            print(text)
        else:
            why = "it ended at its time limit" if result.code is None else f"exit code {result.code}"
            print(f"Snyk console not updated: {why}: {printable(text, 400)}")


def _parameter(variable: str) -> str:
    """The value of the SSM parameter whose name `variable` holds."""
    name = setting(variable)
    value = aws(
        "ssm", "get-parameter", "--with-decryption", "--name", name, "--query", "Parameter.Value", "--output", "text",
        timeout=60,
    ).strip()  # fmt: skip
    if not re.fullmatch(r"[\x21-\x7e]{2,}", value) or value == "None":
        raise Failure(f"Parameter Store's parameter {name} is empty or not one word; the README shows how to set it")
    return value


def _parts(report: object) -> list[Mapping[str, object]]:
    """The objects of a report, which is one object or a list of them."""
    return [part for part in (report if isinstance(report, list) else [report]) if isinstance(part, dict)]


def _without_org(report: object, org: str) -> object:
    for part in _parts(report):
        if isinstance(part, dict) and "org" in part:
            part["org"] = "[redacted]"
    # Elsewhere only an id can be told from an ordinary word: an organisation may be called "django".
    if re.fullmatch(r"[0-9a-f-]{36}", org):
        return json.loads(json.dumps(report).replace(org, "[redacted]"))
    return report


def dependencies(folder: Path) -> tuple[int, object]:
    """`snyk test` of everything that the commit depends on, then `snyk monitor`."""
    repository = setting("REPOSITORY", r"\w[\w.-]*")
    work = folder / "work" / repository  # Snyk names projects after this folder
    source.copy(source_dir(), work, LEFT_OUT)
    resolved = Path(setting("CODEBUILD_SRC_DIR_Resolved")).resolve()
    records = read_resolution(resolved)
    add_resolved(resolved / "source", work, replacements(work, records))
    problems = unresolved(work, {entry["manifest"]: entry for entry in records})
    if problems:
        raise NotScanned("Snyk was not started, it could not have seen all dependencies:\n  " + "\n  ".join(problems))
    levels = depth(work)
    pythons: dict[str, Path] = {}
    for path in source.manifests(work, "requirements.txt"):  # all are compared before the first one is completed
        infos = resolved / "python" / path
        pythons[path] = metadata_environment(folder / f"venv{len(pythons)}", infos)  # which also checks them
        compare(work, path, pythons[path])
    for path in pythons:
        complete(work / path, resolved / "python" / path)
    cli = Cli(folder)  # which reads the token: only when nothing is left that could refuse the artifact
    calls: list[tuple[list[str], int, object]] = []  # options that also `snyk monitor` takes, exit code, report
    for path in pythons:
        one = [f"--file={path}", "--package-manager=pip", f"--command={pythons[path]}"]
        calls.append(([*one, f"--project-name={repository}:{path}"], *cli.test(["test", *one], work)))
    # --fail-fast: without it Snyk passes over a manifest that it cannot read, and says nothing in its JSON.
    every = ["--all-projects", "--fail-fast", "--exclude=requirements.txt", f"--detection-depth={levels}"]
    exit_code, report = cli.test(["test", *every], work)
    if exit_code == 3 and calls:
        print("snyk: no manifests besides requirements.txt")
    else:
        calls.append((every, exit_code, report))
    for arguments, exit_code, _ in calls:
        if exit_code in (0, 1):
            cli.monitor(arguments, work)
    if any(report is None for _, _, report in calls):
        return 2, None
    return merged([exit_code for _, exit_code, _ in calls]), [part for _, _, report in calls for part in _parts(report)]


def merged(codes: list[int]) -> int:
    """One exit code for several calls of Snyk."""
    if any(code not in (0, 1, 3) for code in codes):
        return 2
    if all(code == 3 for code in codes):
        return 3
    return 1 if 1 in codes else 0


def code(folder: Path) -> tuple[int, object]:
    """`snyk code test`: static, on the commit's files alone."""
    work = folder / "source"
    source.copy(source_dir(), work, LEFT_OUT)
    return Cli(folder).test(["code", "test"], work)


def container(folder: Path) -> tuple[int, object]:
    """`snyk container test` of this execution's image; the Dockerfile only helps with advice on the base image."""
    image.fetch(folder / "image.tar")
    arguments = ["container", "test", "oci-archive:image.tar"]
    name = setting("DOCKERFILE")
    dockerfile = _inside(source_dir(), name)
    if dockerfile.is_file():
        arguments.append(f"--file={dockerfile}")
    else:
        print(f"{name}: not in the repository; Snyk cannot advise on the base image")
    return Cli(folder).test(arguments, folder)


def _inside(root: Path, path: str) -> Path:
    """`root/path`, which must not lead out of `root`."""
    full = (root / path).resolve()
    if Path(path).is_absolute() or not full.is_relative_to(root.resolve()):
        raise Failure(f"{printable(path, 200)}: leads out of the folder that it must be in")
    return full


def read_resolution(resolved: Path) -> list[dict[str, str]]:
    """What resolve.py wrote down, checked: foreign code ran beside it."""
    file = resolved / "resolution.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["schema"] != 1:
            raise ValueError("another schema")
        fields = ("manifest", "status", "reason", "instead")
        return [{field: str(entry[field]) for field in fields} for entry in content["manifests"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(f"the artifact Resolved has no usable resolution.json of schema 1: {error!r}") from error


def depth(work: Path) -> int:
    """How many levels Snyk must look at to see every file (its default is 4); Failure for folders that it passes over."""
    deepest = 1
    for path in work.rglob("*"):
        deepest = max(deepest, len(path.relative_to(work).parts))
        name = path.name
        passed_over = name == "requirements.txt" or (name.endswith("node_modules") and name != "node_modules")
        if passed_over and path.is_dir():
            raise Failure(f"{path.relative_to(work)}: Snyk passes over a folder of this name: rename it")
    return deepest


def replacements(work: Path, records: list[dict[str, str]]) -> dict[str, str]:
    """What the artifact wants to take out of the copy: manifest -> the file in the artifact that stands for it.

    Only the user's own buildspec may do that, and only with a manifest that Snyk could not read anyway: everything in
    the artifact may have been written by a foreign package's setup.py.
    """
    wanted = {entry["manifest"]: entry["instead"] for entry in records if entry["instead"]}
    present = {path.relative_to(work).as_posix(): path for path in source.walk(work)}
    for manifest, instead in wanted.items():
        says = f"the artifact Resolved says that {printable(instead, 200)} stands for {printable(manifest, 200)}"
        if os.environ.get("OWN_BUILDSPEC") != "true":
            raise Failure(f"{says}: only a pipeline with its own `buildspec:` may do that")
        if manifest not in present or not obstacle(present[manifest]):
            raise Failure(f"{says}: right is a manifest of the commit that Snyk cannot read unaided")
        if Path(instead).name not in STATIC_FORMS:
            raise Failure(f"{says}: right is one of {', '.join(STATIC_FORMS)}")
    return wanted


def add_resolved(extra: Path, work: Path, replaced: Mapping[str, str]) -> None:
    """Add the artifact's lock files to the copy, and exchange the manifests in `replaced`.

    Nothing that is in the commit is overwritten, and only what was expected is taken: a package-lock.json for a
    package.json that has no lock file, and what stands for a manifest in `replaced`.
    """
    bare = [path for path in source.manifests(work, "package.json") if needs_lock(work, path)]
    expected = {Path(path).with_name("package-lock.json").as_posix() for path in bare} | set(replaced.values())
    added = set()
    for path in sorted(extra.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(extra).as_posix()
        target = _inside(work, name)
        if path.is_symlink() or not path.is_file() or name not in expected or os.path.lexists(work / name):
            raise Failure(f"the artifact Resolved holds source/{printable(name, 200)}, which it may not bring")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        added.add(name)
    for manifest, instead in replaced.items():
        if instead not in added:
            raise Failure(f"{printable(instead, 200)}, which stands for {manifest}, is not in the artifact Resolved")
        (work / manifest).unlink()  # a link itself, not what it leads to


def obstacle(file: Path) -> str:
    """Why Snyk cannot read a manifest unaided, and what to do; empty if it can, or if it is no manifest."""
    name = file.name
    if name in NEEDS_TOOL:
        return (
            f"Snyk runs {NEEDS_TOOL[name]} to read it, and no build tool may run where the token is: scan it with grype"
        )
    beside = DOTNET_FILES if file.suffix in DOTNET_PROJECTS else NEEDS_FILE.get(name, ())
    if name == "pyproject.toml" and not re.search(
        r"^\s*\[\s*(project|tool\.poetry)\s*[\].]", file.read_text("utf-8", "replace"), re.MULTILINE
    ):
        beside = ()  # only settings of tools
    if beside and not any((file.parent / other).is_file() for other in beside):
        return f"has no {' or '.join(beside)} beside it: commit one"
    return ""


def unresolved(work: Path, records: Mapping[str, Mapping[str, str]]) -> list[str]:
    """One sentence for each manifest whose dependencies Snyk would not see, or only by running a tool."""
    problems = []
    own = "or resolve it in the pipeline's own `buildspec:` with `resolve.py --instead {}=<a file Snyk reads unaided>`"
    for file in source.walk(work):
        path, name, why = file.relative_to(work).as_posix(), file.name, obstacle(file)
        if why:
            problems.append(f"{path}: {why}, {own.format(path)}")
        elif name == "requirements.txt" or (name == "package.json" and needs_lock(work, path)):
            entry = records.get(path, {"status": "failed", "reason": "the build `resolve` did not look at it"})
            if entry["status"] != "resolved":
                problems.append(f"{path}: could not be resolved: {printable(entry['reason'], 300)}")
            elif name == "package.json":
                problems.append(f"{path}: was resolved, but its package-lock.json is not in the artifact Resolved")
        if name == "requirements.txt":
            problems += [f"{path}: {line}" for line in unreadable(file)]
    return problems


def unreadable(file: Path) -> list[str]:
    """Lines on which Snyk's parser gives up: a bare path of a local package."""
    return [
        f"line {number} is a bare path, which Snyk cannot read: write `-e <path>`"
        for number, line in enumerate(_text(file).splitlines(), start=1)
        if re.match(r"\s*(/|\.{1,2}(/|\[|\s|$))", line)
    ]


def metadata(info: Path) -> Message:
    """The head of a package's METADATA.

    Readers disagree on what ends a line. All of them are taken here, so that a second `Version:` cannot hide in one.
    """
    file = info / "METADATA"
    head = email.parser.HeaderParser().parsestr("\n".join(_text(file).splitlines()) if file.is_file() else "")
    names, versions = head.get_all("Name", []), head.get_all("Version", [])
    pin = f"{'|'.join(map(str, names))}=={'|'.join(map(str, versions))}"
    if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+", pin):
        raise Failure(f"the artifact Resolved holds {info.name}, which has no usable name and version")
    return head


def compare(work: Path, manifest: str, python: Path) -> None:
    """Fail unless the packages' metadata agrees with itself and with what the commit asks for.

    Foreign code ran where it was written: a setup.py can make an old version look like one without vulnerabilities.
    """
    (site,) = python.parent.parent.glob("lib/python3*/site-packages")
    try:  # the standard library cannot read requirements; this interpreter's pip can
        packaging = importlib.import_module("pip._vendor.packaging.requirements")
        parse = importlib.import_module("pip._vendor.packaging.version").Version
    except ImportError as error:
        raise Failure(f"{sys.executable} has no usable pip, which CodeBuild's images have: {error}") from error
    installed = {}
    for info in sorted(site.glob("*.dist-info")):
        head = metadata(info)
        name, version = str(head["Name"]), str(head["Version"])
        folder = info.name[: -len(".dist-info")].split("-")
        try:
            installed[_normal(name)] = parse(version)
            # A folder's name has "_" for "-".
            same = _normal(folder[0]) == _normal(name) and parse(folder[1].replace("_", "-")) == parse(version)
        except ValueError:
            same = False
        if not same:
            raise Failure(f"the artifact Resolved holds {info.name}, whose METADATA says {name} {version}")
    for line, needed in asked_for(work, manifest):
        says = f"{manifest} asks for {printable(scrub(line), 200)!r}"
        try:
            wanted = packaging.Requirement(line)
        except ValueError as error:
            raise Failure(f"{says}, which is no requirement that can be compared: write `name==version`") from error
        if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
            continue
        found = installed.get(_normal(wanted.name))
        if needed and found is None:
            raise Failure(f"{says}, and the artifact Resolved does not hold it: it was not installed, or was hidden")
        if found is not None and not wanted.specifier.contains(found, prereleases=True):
            raise Failure(f"{says}, and the artifact Resolved holds {found}: the metadata was changed")


def asked_for(work: Path, manifest: str) -> list[tuple[str, bool]]:
    """The requirements in a file and in the files that it includes; False with those that only constrain.

    Editable and bare URL requirements have no name to compare, and files at a URL are no part of the commit.
    """
    requirements = []
    todo, seen = [(manifest, True)], set()
    while todo:
        path, needed = todo.pop()
        file = _inside(work, path)
        if not file.is_file():
            raise Failure(f"{manifest} includes {printable(path, 200)}, which is no file in the repository")
        if (file, needed) in seen:
            continue
        seen.add((file, needed))
        for part in re.sub(r"\\\r?\n", "", _text(file)).splitlines():
            line = re.split(r"(?:^|\s)(?:#|--(?:hash|config-settings?|global-option)\b)", part)[0].strip()
            include = re.match(r"(-r|--requirement|-c|--constraint)\s*=?\s*['\"]?([^'\"]+)", line)
            if include and "://" not in include[2]:
                inside = needed and include[1] in ("-r", "--requirement")
                todo.append((Path(os.path.normpath(Path(path).parent / include[2])).as_posix(), inside))
            elif line and not re.match(r"-|[\w+.-]+:", line):
                requirements.append((line, needed))
    return requirements


def complete(file: Path, infos: Path) -> None:
    """Add to a requirements.txt what was installed for it and Snyk's plugin would not reach from its lines.

    Snyk passes over editable and bare URL requirements, and over everything that comes in by an extra
    (`requests[socks]`), without a word.
    """
    packages: dict[str, str] = {}
    needs: dict[str, set[str]] = {}
    for info in sorted(infos.glob("*.dist-info")):
        head = metadata(info)
        name = _normal(str(head["Name"]))
        packages[name] = f"{head['Name']}=={head['Version']}"
        lines = [str(line) for line in head.get_all("Requires-Dist", [])]
        needs[name] = {
            _normal(re.split(r"[^A-Za-z0-9._-]", line)[0]) for line in lines if not re.search("extra *==", line)
        }
    needed = set().union(*needs.values())
    reached: set[str] = set()
    pins = []
    for name in sorted(packages, key=lambda name: name in needed):  # first those that nothing needs
        if name not in reached:
            pins.append(packages[name])
        todo = {name}
        while todo:
            reached |= todo
            todo = {other for one in todo for other in needs.get(one, ())} - reached
    text = _text(file)
    if pins:
        text += "\n# installed for the lines above\n" + "\n".join(pins) + "\n"
    file.unlink()  # it may be a link to a file that others are linked to
    file.write_text(text, encoding="utf-8")


def _text(file: Path) -> str:
    """A text file, as pip reads it: UTF-8, or what its byte order mark says."""
    data = file.read_bytes()
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if wide else "utf-8-sig", "replace")


def metadata_environment(venv: Path, infos: Path) -> Path:
    """The interpreter of a fresh virtual environment that knows the resolved packages' metadata, not their code."""
    # -I: with -m alone Python imports from the current folder first, which is the repository's. Snyk's plugin needs no pip.
    made = run([sys.executable, "-I", "-m", "venv", "--without-pip", str(venv)], timeout=300)
    if made.code != 0:
        raise Failure(f"python3 -m venv failed: {printable(made.err + made.out, 300)}")
    site = next(venv.glob("lib/python3*/site-packages"))
    names: set[str] = set()
    for info in sorted(infos.iterdir()) if infos.is_dir() else []:
        match = re.fullmatch(r"([A-Za-z0-9._]+)-[A-Za-z0-9._+!]+\.dist-info", info.name)
        files = sorted(info.iterdir()) if info.is_dir() and not info.is_symlink() else []
        plain = all(
            file.name in METADATA and not file.is_symlink() and file.is_file() and file.stat().st_size <= METADATA_LIMIT
            for file in files
        )
        if not match or not files or not plain:
            raise Failure(f"the artifact Resolved holds {printable(info.name, 200)}, which is no plain metadata")
        if _normal(match[1]) in names:
            raise Failure(f"the artifact Resolved holds {info.name} and another version of the same package")
        names.add(_normal(match[1]))
        (site / info.name).mkdir()
        for file in files:
            shutil.copyfile(file, site / info.name / file.name)
    return venv / "bin" / "python"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _script(arguments: list[str]) -> None:
    if len(arguments) != 1 or arguments[0] not in SCOPES:
        raise Failure("usage: snyk.py snyk | snyk-code | snyk-container")
    scanner = arguments[0]
    scans = {"snyk": dependencies, "snyk-code": code, "snyk-container": container}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        file = folder / "raw.json"
        broken: Failure | None = None
        exit_code, report = 2, None
        try:
            exit_code, report = scans[scanner](folder)
        except NotScanned as failure:
            exit_code, broken = 3, failure
        except Failure as failure:
            broken = failure
        if broken:
            print(f"error: {broken}", file=sys.stderr, flush=True)
        if report is not None:
            file.write_text(json.dumps(report), encoding="utf-8")
        gate.judge(scanner, SCOPES[scanner], file, exit_code)
    if broken:
        raise Failure("nothing was scanned, see above")  # whatever the gate says of a report that was never written


if __name__ == "__main__":
    main(_script)
