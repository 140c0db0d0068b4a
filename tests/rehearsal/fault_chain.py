"""One scan from end to end: stand-in scanner -> the build's real script -> real importer -> real guard."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import json
import shutil
import ssl
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import fault_functions
import fault_scanners
import fault_tools
from fault_functions import PIPELINE, ROOT, Functions
from fault_scanners import Scanner
from fault_tools import ORGANIZATION, TOKEN, Said

DRIVER = Path(__file__).with_name("fault_driver.py")
BUCKET, ARTIFACTS, ACCOUNT = "acme-reports", "acme-artifacts", "arn:aws:lambda:eu-central-1:123456789012:function"
COMMANDS = ("git", "sh", "bash", "env")
BUILD_SECONDS = 60  # no build of a cell takes longer than a few seconds
DENIED = "upload failed: An error occurred (AccessDenied) when calling the PutObject operation: Access Denied"
PARAMETERS = {"/acme/snyk/token": TOKEN, "/acme/snyk/organization": ORGANIZATION}


@dataclass
class Workshop:
    """What all cells share: a folder, the scripts (compiled once), the functions' modules, and the staging site."""

    folder: Path
    modules: SimpleNamespace
    scripts: Path
    site: str
    certificate: Path
    cells: int = 0


@dataclass(frozen=True)
class Built:
    """One build: exit code (None if it did not end in time) and its log."""

    code: int | None
    log: str


@dataclass
class Chain:
    """One execution's scan by one scanner. A fault changes it before it runs.

    ``answers``: what each kind of call says. ``hooks``: asked before a call of the AWS CLI is answered; None goes on.
    ``invoked``: how often one call of the build reaches the function. ``invoking``: what stands for the function, if not it.
    """

    workshop: Workshop
    scanner: Scanner
    answers: dict[str, Said] = field(default_factory=dict)
    patches: dict[str, object] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    full_disk: list[str] = field(default_factory=list)
    address_space: int = 0
    scripts: Path | None = None
    hooks: list[Callable[[list[str]], Said | None]] = field(default_factory=list)
    invoking: Callable[[str, str], tuple[Said, str]] | None = None
    wrong: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.workshop.cells += 1
        self.folder = self.workshop.folder / f"cell-{self.workshop.cells}"
        self.bin = self.folder / "bin"
        for one in (self.folder, self.bin, self.folder / "zap"):
            one.mkdir()
        fault_scanners.commit_files(self.folder / "source")
        resolved = self.folder / "resolved"
        resolved.mkdir()
        (resolved / "resolution.json").write_text('{"schema": 1, "manifests": []}', encoding="utf-8")
        self.archive, self.sha256, self.digest = archive()
        self.functions = Functions(
            self.workshop.modules, self.scanner.name, self.scanner.scopes, self.digest, self.scanner.fail_on
        )
        self.answers = fault_scanners.clean(self.scanner, self.digest)
        self.patches = dict(self.scanner.patches)
        self.path = fault_tools.commands(self.folder, COMMANDS)
        for tool in self.scanner.tools:
            fault_tools.install(self.folder, tool, self.place(tool))

    def place(self, tool: str) -> Path:
        """Where the build looks for a scanner."""
        return (self.folder / "zap" if tool.startswith("zap") else self.bin) / tool

    def say(self, said: Said) -> None:
        """Let the scanner say this of every scope."""
        self.answers |= dict.fromkeys(self.scanner.kinds.values(), said)

    @contextmanager
    def open(self) -> Iterator[None]:
        """With ``aws`` there to be called."""
        with fault_tools.cli(self.path / "aws", self._aws):
            yield

    def build(self, number: int = 1) -> Built:
        """Run the script as the build ``number`` of this execution."""
        for kind, said in self.answers.items():
            if tool := self.scanner.tool(kind):
                fault_tools.plan(self.folder, tool, kind, said)
        for tool in self.missing:
            (self.path / tool if tool == "aws" else self.place(tool)).unlink(missing_ok=True)
        wanted = {
            "script": self.scanner.script,
            "arguments": self.scanner.arguments,
            "bin": str(self.bin),
            "patches": {"zap.ZAP": str(self._zap(number)), **self.patches}
            if self.scanner.name == "zap"
            else self.patches,
            "full_disk": self.full_disk,
            "address_space": self.address_space,
        }
        temporary = self.folder / f"tmp-{number}"
        temporary.mkdir(exist_ok=True)
        command = [str(Path(sys.executable).resolve()), "-I", "-S", str(DRIVER)]
        try:
            done = subprocess.run(
                [*command, str(self.scripts or self.workshop.scripts), json.dumps(wanted)],
                cwd=self.folder / "source", env=self._environment(temporary, number), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=BUILD_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            return Built(None, (late.stdout or b"").decode() if isinstance(late.stdout, bytes) else "")
        wrong = self.folder / "wrong"
        self.wrong += wrong.read_text(encoding="utf-8").splitlines() if wrong.exists() else []
        self.logs.append(done.stdout)
        return Built(done.returncode, done.stdout)

    def _zap(self, number: int) -> Path:
        """ZAP's folder: each build has an image of its own."""
        folder = self.folder / f"zap-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        return Path(shutil.copytree(self.folder / "zap", folder))

    def _environment(self, temporary: Path, number: int) -> dict[str, str]:
        commit = self.functions.commit
        return {
            "PATH": str(self.path), "HOME": str(self.folder), "TMPDIR": str(temporary), "LANG": "C.UTF-8",
            "CODEBUILD_SRC_DIR": str(self.folder / "source"), "CODEBUILD_RESOLVED_SOURCE_VERSION": commit, "COMMIT": commit,
            "CODEBUILD_SRC_DIR_Resolved": str(self.folder / "resolved"),
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/of-this-build",
            "PIPELINE": PIPELINE, "EXECUTION": self.functions.execution, "ACTION": f"Verify/{self.scanner.name}",
            "REPORTS_BUCKET": BUCKET, "ARTIFACTS_BUCKET": ARTIFACTS, "SUMMARY_FILE": str(self.folder / f"summary-{number}"),
            "FINDINGS_IMPORTER": f"{ACCOUNT}:acme-findings-importer:{PIPELINE}_{self.scanner.name}",
            "REPOSITORY": "payments", "REPOSITORY_URL": "https://git-codecommit.eu-central-1.amazonaws.com/v1/repos/payments",
            "BRANCH": "main", "DOCKERFILE": "Dockerfile", "SCAN_HISTORY": "false", "REGISTRY_NAME": "acme/payments",
            "SNYK_TOKEN_PARAMETER": "/acme/snyk/token", "SNYK_ORG_PARAMETER": "/acme/snyk/organization",
            "IMAGE_SHA256": self.sha256, "IMAGE_DIGEST": self.digest, "ECR_SCAN_TIMEOUT": "2",
            "ZAP_TARGET": self.workshop.site, "ZAP_SCAN": "baseline", "ZAP_MINUTES": "1",
            "SSL_CERT_FILE": str(self.workshop.certificate), **self.variables,
        }  # fmt: skip

    def _aws(self, arguments: list[str], attempts: str) -> Said:
        try:
            said = next((said for hook in self.hooks if (said := hook(arguments))), None)
            said = said or self._service(arguments, attempts)
        except Exception as error:  # a thread's exception would end nowhere
            said = None
            self.wrong.append(f"aws {arguments}: {type(error).__name__}: {error}")
        if said is None:
            self.wrong.append(f"aws: unexpected call {arguments}")
        return said or Said(code=252, err="stand-in aws: unexpected call")

    def _service(self, arguments: list[str], attempts: str) -> Said | None:
        match arguments:
            case ["s3", "cp", file, target, "--only-show-errors"] if target.startswith(f"s3://{BUCKET}/"):
                self._upload(target.removeprefix(f"s3://{BUCKET}/"), Path(file))
                return Said()
            case ["s3", "cp", source, file, "--only-show-errors"] if source == (
                f"s3://{ARTIFACTS}/images/{PIPELINE}/{self.functions.execution}/image.tar"
            ):
                Path(file).write_bytes(self.archive)
                return Said()
            case ["ssm", "get-parameter", "--with-decryption", "--name", name, *rest] if rest == [
                *("--query", "Parameter.Value", "--output", "text")
            ]:
                return Said(PARAMETERS[name] + "\n")
            case ["ecr", "describe-image-scan-findings", *rest] if rest == [
                *("--repository-name", "acme/payments", "--image-id", f"imageDigest={self.digest}"),
                *("--max-results", "1000", "--output", "json"),
            ]:
                said = self.answers["ecr"]
                time.sleep(said.seconds)
                return said
            case ["lambda", "invoke", "--function-name", function, *rest, payload, file] if rest == [
                *("--cli-read-timeout", "0", "--payload"),
            ]:
                if attempts != "1" or not payload.startswith("fileb://"):
                    return None
                invoke = self.invoking or self.functions.invoke
                said, text = invoke(function, Path(payload.removeprefix("fileb://")).read_text(encoding="utf-8"))
                if text:
                    self.answered.append(text)
                    with contextlib.suppress(FileNotFoundError):  # whoever asked may be gone
                        Path(file).write_text(text, encoding="utf-8")
                return said
        return None

    def _upload(self, key: str, file: Path) -> None:
        size = file.stat().st_size
        if size < 1 << 26:
            self.functions.s3.upload(key, file.read_bytes())
        else:  # a sparse one, as large as no memory is: its content is never looked at
            self.functions.s3.huge[key] = size
            self.functions.s3.upload(key, b"0")


def archive() -> tuple[bytes, str, str]:
    """A small OCI archive, its sha256 and its manifest's digest."""

    def name(data: bytes) -> str:
        return hashlib.sha256(data).hexdigest()

    kind = "application/vnd.oci.image.manifest.v1+json"
    config = {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": f"sha256:{name(b'{}')}",
        "size": 2,
    }
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []}).encode()
    digest = f"sha256:{name(manifest)}"
    listed = [{"mediaType": kind, "digest": digest, "size": len(manifest)}]
    files = {f"blobs/sha256/{name(data)}": data for data in (b"{}", manifest)}
    files |= {"index.json": json.dumps({"schemaVersion": 2, "manifests": listed}).encode()}
    files |= {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return whole.getvalue(), name(whole.getvalue()), digest


class _Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the output quiet."""


@contextmanager
def workshop(folder: Path) -> Iterator[Workshop]:
    """Everything that cells need, in ``folder``: a site on loopback with a certificate of its own, the functions' modules."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request, *names], check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    scripts = copy_scripts(folder / "scripts")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            with fault_functions.functions() as modules:
                yield Workshop(folder, modules, scripts, f"https://localhost:{server.server_port}/", certificate)
        finally:
            server.shutdown()
            thread.join(10)


def copy_scripts(folder: Path) -> Path:
    """The builds' scripts, in a folder of their own."""
    folder.mkdir()
    for file in sorted((ROOT / "buildspecs" / "scripts").glob("*.py")):
        (folder / file.name).write_bytes(file.read_bytes())
    return folder
