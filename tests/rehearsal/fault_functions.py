"""The real importer and guard over their fakes, in this process and apart from whatever else was imported under their names."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from fault_tools import Said

ROOT = Path(__file__).resolve().parents[2]
FAKES = ROOT / "tests" / "lambdas"
LAMBDAS = ROOT / "lambdas"
ROOTS = [str(one) for one in (FAKES, LAMBDAS, LAMBDAS / "findings_importer", LAMBDAS / "release_guard")]
OWN = (f"{FAKES}{os.sep}", f"{LAMBDAS}{os.sep}", f"{ROOT / 'buildspecs' / 'scripts'}{os.sep}")
PIPELINE = "payments"
ENDED = Said('{"StatusCode": 200, "ExecutedVersion": "1"}')
# https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html: 200 and FunctionError, also where the function ran too long.
FAILED = Said('{"StatusCode": 200, "FunctionError": "Unhandled", "ExecutedVersion": "1"}')


class Killed(BaseException):
    """Lambda has ended the function, which ran longer than it may: nothing can catch that."""


@contextmanager
def functions() -> Iterator[SimpleNamespace]:
    """The functions' modules and their fakes. Scripts, functions and other tests have modules of the same names: those are
    put aside meanwhile."""
    names = [name for name, module in sys.modules.items() if (getattr(module, "__file__", None) or "").startswith(OWN)]
    aside = {name: sys.modules.pop(name) for name in names if not name.startswith("tests.")}
    sys.path[:0] = ROOTS
    try:
        yield SimpleNamespace(
            world=importlib.import_module("importer_world"),
            guard_world=importlib.import_module("guard_world"),
            fakes=importlib.import_module("lambda_fakes"),
            s3=importlib.import_module("s3_fake"),
            contract=importlib.import_module("common.contract"),
            policy=importlib.import_module("common.policy"),
            guard=importlib.import_module("guard.service"),
            reports=importlib.import_module("common.report_store"),
            executions=importlib.import_module("common.executions"),
            compliance=importlib.import_module("guard.compliance"),
            judging=importlib.import_module("findings.gate"),
            inventory_file=importlib.import_module("findings.inventory_file"),
            desk=importlib.import_module("findings.cli"),
            importer_handler=_handler("findings_importer"),
            guard_handler=_handler("release_guard"),
        )
    finally:
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(OWN) and not name.startswith("tests."):
                del sys.modules[name]
        sys.path[:] = [one for one in sys.path if one not in ROOTS]
        sys.modules.update(aside)


def _handler(function: str) -> ModuleType:
    file = LAMBDAS / function / "handler.py"
    spec = importlib.util.spec_from_file_location(f"{function}_handler", file)
    if spec is None or spec.loader is None:
        raise ImportError(str(file))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bucket(modules: SimpleNamespace) -> Any:
    """The reports bucket: several threads may use it, and a fault may break in before each request."""

    class Bucket(modules.s3.MemoryS3):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.RLock()
            self.before: Callable[[str, str], None] = lambda operation, key: None
            self.huge: dict[str, int] = {}

        def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
            self.before("GetObject", Key)
            with self.lock:
                answer: dict[str, Any] = super().get_object(Bucket=Bucket, Key=Key)
                if Key in self.huge:  # as large as it says, and nowhere in memory
                    answer |= {"ContentLength": self.huge[Key], "Body": SimpleNamespace(read=_too_large)}
                return answer

        def put_object(self, **request: Any) -> dict[str, Any]:
            self.before("PutObject", request["Key"])
            with self.lock:
                answer: dict[str, Any] = super().put_object(**request)
                return answer

        def upload(self, key: str, body: bytes) -> None:
            with self.lock:
                self.objects[key] = body

    return Bucket()


def _too_large(*_: object) -> bytes:
    raise MemoryError("the function has read a report that is larger than its memory")


class Functions:
    """Importer and guard of one account. ``policy``: one delivery whose gate needs the given scans, and no others."""

    def __init__(
        self, modules: SimpleNamespace, scanner: str, scopes: tuple[str, ...], digest: str, fail_on: str = "high"
    ) -> None:
        self.modules, self.scanner, self.scopes, self.digest = modules, scanner, scopes, digest
        self.s3 = bucket(modules)
        document = modules.fakes.policy_document()
        rule = {"fail_on": fail_on, "report_only": False, "only_fixable": False, "ungraded": "block"}
        needed = [{"scanner": scanner, "scope": scope} for scope in scopes]
        document["pipelines"][PIPELINE] |= {
            "host": "localhost",
            "gate": {scanner: rule},
            "required": {"Publish": needed, "Production": needed},
        }
        self.world = modules.world.World(document=document, s3=self.s3)
        self.execution: str = modules.fakes.EXECUTION
        self.commit: str = modules.fakes.COMMIT
        self.world.codepipeline.digests[self.execution] = digest
        self.s3.objects[modules.guard_world.push_file()] = json.dumps(modules.guard_world.push()).encode()
        modules.importer_handler.root = lambda account: (self.world.importer(), None)
        self.lock = threading.Lock()

    def key(self, scope: str, file: str = "") -> str:
        """Where a scan's file stands; the raw report's without ``file``."""
        contract = self.modules.contract
        if not file:
            return str(contract.raw_key(PIPELINE, self.execution, self.scanner, scope))
        return f"{contract.folder(PIPELINE, self.execution, self.scanner, scope)}/{file}"

    def invoke(self, function: str, payload: str) -> tuple[Said, str]:
        """Lambda: what the CLI prints, and the answer's text."""
        context = replace(self.modules.fakes.Context(), invoked_function_arn=function)
        try:
            return ENDED, json.dumps(self.modules.importer_handler.handler(json.loads(payload), context))
        except Killed:
            return FAILED, json.dumps({"errorMessage": "RequestId: 1 Error: Task timed out after 900.00 seconds"})
        except Exception as error:
            return FAILED, json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})

    def verdict(self, scope: str) -> str:
        """What is on record of a scan; empty for nothing."""
        data = self.s3.objects.get(self.key(scope, "verdict.json"))
        return str(self.modules.contract.Record.parse(data).answer.verdict.value) if data else ""

    def known(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[Any]]:
        """Every finding in Security Hub, in the findings.json of the scans, and (entries) in the inventory."""
        written = [json.loads(self.s3.objects.get(self.key(scope, "findings.json"), b"{}")) for scope in self.scopes]
        kept = [
            entry
            for key, data in self.s3.objects.items()
            if key.startswith("inventory/")
            for entry in self.modules.inventory_file.load(data).entries.values()
        ]
        return list(self.world.hub.findings.values()), [o for one in written for o in one.get("findings", ())], kept

    def clear(self) -> tuple[bool, str]:
        """The guard before Production, with everything but the verdicts in its place: whether it lets go, and its sentence."""
        modules = self.modules
        release = modules.guard_world.World()
        release.call |= {"digest": self.digest}
        release.run("Build", "seal")["output"]["outputVariables"]["DIGEST"] = self.digest
        asked = release.approve["input"]["resolvedConfiguration"]
        asked["CustomData"] = asked["CustomData"].replace(modules.guard_world.DIGEST, self.digest)
        answers: list[tuple[bool, str]] = []
        jobs = SimpleNamespace(
            put_job_success_result=lambda *, jobId: answers.append((True, "cleared")),
            put_job_failure_result=lambda *, jobId, failureDetails: answers.append((False, failureDetails["message"])),
        )
        guard = modules.guard.Guard(
            modules.policy.Policy.parse(json.dumps(self.world.document).encode()),
            modules.reports.ReportStore(self.s3, "reports"),
            modules.executions.PipelineExecutions(release),
            modules.compliance.ConfigRules(release),
            lambda: modules.guard_world.TODAY,
        )
        modules.guard_handler.jobs, modules.guard_handler.guard = lambda: jobs, lambda: guard
        configuration: Mapping[str, Any] = {"configuration": {"UserParameters": release.parameters}}
        job = {"CodePipeline.job": {"id": "job", "data": {"actionConfiguration": configuration}}}
        modules.guard_handler.handler(job, modules.fakes.Context())
        (answer,) = answers
        return answer
