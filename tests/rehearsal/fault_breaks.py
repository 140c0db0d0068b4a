"""What each fault breaks in a chain before it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from fault_chain import DENIED, Chain
from fault_functions import Killed
from fault_scanners import OLD, OTHER_DIGEST, blocking, ecr, grype, nothing_scanned, plant, zap
from fault_tools import Said

HUGE = 3 << 30  # of address space the script gets a third
BUSY = "An error occurred (TooManyRequestsException) when calling the Invoke operation: Rate Exceeded."
ABSENT = "An error occurred (ResourceNotFoundException) when calling the Invoke operation: Function not found"


def nothing(chain: Chain) -> None:
    """Healthy."""


def crash(chain: Chain) -> None:
    chain.say(Said(code=134, err="Aborted (core dumped)"))


def half(chain: Chain) -> None:
    if chain.scanner.name == "git-secrets":  # its output is a list of places: cut off before the line that ends it
        chain.say(Said(f"{chain.folder}/tmp-1/source/app.py:1:", 0))
    for kind in set(chain.scanner.kinds.values()) if chain.scanner.name != "git-secrets" else ():
        whole = chain.answers[kind].out
        chain.answers[kind] = Said(whole[: len(whole) // 2])


def old(chain: Chain) -> None:
    if chain.scanner.name == "zap":
        chain.say(Said(zap(made=OLD)))
    else:
        for kind in ("dependencies", "image"):
            chain.answers[kind] = Said(grype(kind, chain.digest, OLD))


def another(chain: Chain) -> None:
    name = chain.scanner.name
    if name == "git-secrets":  # the script writes the commit that the build was told; CodePipeline knows another
        chain.functions.world.codepipeline.commits[chain.functions.execution] = (
            chain.workshop.modules.fakes.OTHER_COMMIT
        )
    elif name == "snyk-container":
        chain.archive += b"\0" * 512
    elif name == "grype":
        for kind in ("dependencies", "image"):
            chain.answers[kind] = Said(grype("image", OTHER_DIGEST))
    else:
        chain.say(Said(ecr(OTHER_DIGEST) if name == "ecr" else zap("www.example.com")))


def another_source(chain: Chain) -> None:
    chain.variables["CODEBUILD_RESOLVED_SOURCE_VERSION"] = chain.workshop.modules.fakes.OTHER_COMMIT


def retried(chain: Chain) -> None:
    first = chain.build(0)
    passed = {chain.functions.verdict(scope) for scope in chain.scanner.scopes} == {"pass"}
    if first.code != 0 or not passed or not chain.functions.clear()[0]:
        chain.wrong.append(f"the first attempt should have passed: {first.log}")
    crash(chain)


def silent(chain: Chain) -> None:
    chain.say(Said())
    if chain.scanner.name == "git-secrets":
        (chain.folder / "mute.sh").write_text("exit 0\n", encoding="utf-8")


def unscanned(chain: Chain) -> None:
    if chain.scanner.name == "git-secrets":
        for file in (chain.folder / "source").iterdir():
            file.unlink()
    else:
        chain.say(nothing_scanned(chain.scanner, chain.digest))


def missing(chain: Chain) -> None:
    chain.missing += list(chain.scanner.tools) or ["aws"]


def hang(chain: Chain) -> None:
    chain.say(Said(seconds=4 if chain.scanner.name == "ecr" else 120))
    chain.patches[chain.scanner.seconds] = -58 if chain.scanner.name == "zap" else 2  # zap.py adds a minute to it


def importer(said: Said) -> Callable[[Chain], None]:
    def break_(chain: Chain) -> None:
        chain.patches["gate.THROTTLE_PAUSES"] = [0.01] * 4
        chain.hooks.append(lambda arguments: said if arguments[:2] == ["lambda", "invoke"] else None)

    return break_


def s3(operation: str, file: str, error: Callable[[Chain], BaseException], spare: int = 0) -> Callable[[Chain], None]:
    """What the importer gets from S3 for this file, after ``spare`` requests of each key that went well."""

    def break_(chain: Chain) -> None:
        seen: dict[str, int] = {}

        def before(asked: str, key: str) -> None:
            if asked == operation and key.rpartition("/")[2].startswith(file):
                seen[key] = seen.get(key, 0) + 1
                if seen[key] > spare:
                    raise error(chain)

        chain.functions.s3.before = before

    return break_


def refused(operation: str) -> Callable[[Chain], BaseException]:
    return lambda chain: chain.workshop.modules.s3.s3_error("AccessDenied", operation)  # type: ignore[no-any-return]


def too_slow(chain: Chain) -> BaseException:
    return Killed()


def no_answer(chain: Chain) -> None:
    def wait(_: Chain) -> BaseException:
        time.sleep(3)
        return Killed()

    chain.patches["gate.ANSWER_SECONDS"] = 2
    s3("PutObject", "findings.json", wait)(chain)


def throws(chain: Chain) -> None:
    def describe(**_: Any) -> None:
        raise RuntimeError("as planned")

    chain.functions.world.codepipeline.get_pipeline_execution = describe


def upload(chain: Chain) -> None:
    chain.hooks.append(lambda arguments: Said(code=1, err=DENIED) if arguments[3:4] and arguments[:2] == ["s3", "cp"]
                       and arguments[3].startswith("s3://acme-reports/") else None)  # fmt: skip


def ecr_says(status: str, finished: bool) -> Callable[[Chain], None]:
    return lambda chain: chain.say(Said(ecr(chain.digest, status, finished)))


def larger_than_memory(chain: Chain) -> None:
    chain.say(Said(size=HUGE))
    chain.address_space = HUGE // 3


def larger_than_importers(chain: Chain) -> None:
    chain.functions.s3.huge |= {chain.functions.key(scope): (64 << 20) + 1 for scope in chain.scanner.scopes}


def full(chain: Chain) -> None:
    chain.full_disk = list(chain.scanner.reports)
    if chain.scanner.name == "zap":  # writes its report itself, as far as it goes
        chain.say(Said(zap()[:60], 3, "OSError: [Errno 28] No space left on device"))


def with_findings(break_: Callable[[Chain], None]) -> Callable[[Chain], None]:
    """On a commit that the scanner rightly blocks."""

    def both(chain: Chain) -> None:
        plant(chain.folder / "source")
        chain.answers = blocking(chain.scanner, chain.digest)
        break_(chain)

    return both


def twice(chain: Chain) -> None:
    """Lambda runs the function twice for one call of the build."""

    def invoke(function: str, payload: str) -> tuple[Said, str]:
        first, second = (chain.functions.invoke(function, payload) for _ in range(2))
        chain.answered.append(first[1])
        return second

    chain.invoking = invoke


def at_once(chain: Chain) -> None:
    """Both calls have begun before either of them ends."""
    begun: dict[str, threading.Barrier] = {}
    seen: dict[str, int] = {}
    lock = threading.Lock()

    def before(operation: str, key: str) -> None:
        if operation == "GetObject" and key.rpartition("/")[2].startswith("raw."):
            with lock:
                seen[key] = seen.get(key, 0) + 1
                barrier = begun.setdefault(key, threading.Barrier(2))
            if seen[key] <= 2:
                barrier.wait(30)

    chain.functions.s3.before = before
