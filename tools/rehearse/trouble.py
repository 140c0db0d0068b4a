"""What goes wrong in a scenario beside its commits, and how it is mended afterwards."""

from __future__ import annotations

import io
import ssl
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from tools.emulator.process import Emulator
from tools.rehearse import plans, roles
from tools.rehearse.builds import FAILED, SUCCEEDED, BuildFacts, BuildResult, BuildRunner, Source
from tools.rehearse.described import Described, Project, Variable

Say = Callable[[str], None]
TOKEN = "/acme/snyk/token"  # noqa: S105 - a parameter's name
IMPORTER = "acme-findings-importer"
THROWS = 'def handler(event, context):\n    raise RuntimeError("broken for the rehearsal")\n'


@contextmanager
def made(kind: str, emulator: Emulator, described: Described, builds: BuildRunner, say: Say) -> Iterator[BuildRunner]:
    """Make the trouble, and yield who runs builds in it. Raises ValueError for a kind that nobody knows."""
    if kind == "":
        yield builds
    elif kind == "lying-build":
        yield Liar(builds, emulator, f"{next(iter(described.pipelines)).partition('-')[0]}-shop-grype", say)
    elif kind == "no-token":
        emulator.client("ssm").delete_parameter(Name=TOKEN)
        say(f"  trouble: there is no parameter {TOKEN}")
        yield builds
    elif kind == "importer-throws":
        with _broken(emulator, say):
            yield builds
    else:
        raise ValueError(f"no trouble {kind}")


@contextmanager
def _broken(emulator: Emulator, say: Say) -> Iterator[None]:
    """The importer raises, under every alias; afterwards it is what it was."""
    functions = emulator.client("lambda")
    place = urlsplit(functions.get_function(FunctionName=IMPORTER)["Code"]["Location"])
    trust = ssl.create_default_context(cafile=str(emulator.certificate))
    url = f"{emulator.url}{place.path}?{place.query}"  # the emulator says http
    with urllib.request.urlopen(url, timeout=30, context=trust) as answer:  # noqa: S310 - loopback
        right = answer.read()
    with io.BytesIO() as content:
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("handler.py", THROWS)
        functions.update_function_code(FunctionName=IMPORTER, ZipFile=content.getvalue())
    say(f"  trouble: {IMPORTER} raises an error whenever it is called")
    try:
        yield
    finally:
        functions.update_function_code(FunctionName=IMPORTER, ZipFile=right)


@dataclass
class Liar:
    """Runs builds, and reports success of one project's that failed, after it has put a clean report over its own."""

    builds: BuildRunner
    emulator: Emulator
    project: str
    say: Say

    def run(
        self,
        project: Project,
        *,
        overrides: Mapping[str, Variable],
        sources: Mapping[str, Source],
        primary: str,
        outputs: tuple[str, ...],
        facts: BuildFacts,
    ) -> BuildResult:
        """See builds.BuildRunner."""
        result = self.builds.run(
            project, overrides=overrides, sources=sources, primary=primary, outputs=outputs, facts=facts
        )
        if project.name != self.project or result.status != FAILED:
            return result
        bucket = project.environment["REPORTS_BUCKET"].value
        folder = f"reports/shop/{facts.execution}/grype-dependencies"
        s3 = roles.client(roles.of_project(self.emulator, project), "s3")
        s3.put_object(Bucket=bucket, Key=f"{folder}/raw.json", Body=plans.forged())
        try:
            s3.put_object(Bucket=bucket, Key=f"{folder}/verdict.json", Body=b'{"verdict": "pass"}')
        except ClientError as error:
            refused = error.response["Error"]["Code"]
        else:
            raise RuntimeError(f"{self.project} could write a verdict: nothing after it can be trusted")
        if refused != "AccessDenied":
            raise RuntimeError(f"{self.project} was not denied a verdict, but told {refused}")
        where = f"{facts.stage}/{facts.action}"
        self.say(
            f"  trouble: {where} has put a clean report over its own, was denied a verdict of its own, and exits 0"
        )
        return replace(result, status=SUCCEEDED, phase="COMPLETED", message="")
