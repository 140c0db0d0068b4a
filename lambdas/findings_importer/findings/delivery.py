"""Sending many things in few requests to a service that throttles, and saying what could not be delivered. No AWS here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

# What another try cannot mend: https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchUpdateFindingsUnprocessedFinding.html,
# and InvalidInput of BatchImportFindings. Every other code of a single finding is tried again.
REFUSALS: Final = frozenset(
    {
        "InvalidInput",
        "InvalidInputException",
        "ParamValidationError",
        "FindingSizeExceeded",
        "DuplicatedFindingIdentifier",
    }
)
NO_TIME: Final = "NoTimeLeft"

ROUNDS: Final = 12
_FIRST_PAUSE: Final = 0.5  # seconds, doubled each time
_LONGEST_PAUSE: Final = 20.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one finding was not delivered: the service's code, and its own words in short."""

    code: str
    detail: str = ""

    @property
    def refused(self) -> bool:
        """The finding itself is wrong."""
        return self.code in REFUSALS


class BatchError(Exception):
    """A whole request failed. ``again``: another try may do; otherwise ``fatal`` says whether all others would fail as well."""

    def __init__(self, failure: Failure, *, again: bool = False, fatal: bool = False) -> None:
        super().__init__(failure.code)
        self.failure, self.again, self.fatal = failure, again, fatal


@dataclass(slots=True)
class Pace:
    """A token bucket: never faster than the service allows to one account."""

    rate: float  # requests a second
    burst: int
    clock: Callable[[], float]
    _tokens: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._tokens, self._at = float(self.burst), self.clock()

    def wait(self) -> float:
        """Seconds to wait before the next request, which is thereby taken."""
        now = self.clock()
        self._tokens = min(float(self.burst), self._tokens + (now - self._at) * self.rate) - 1
        self._at = now
        return max(0.0, -self._tokens / self.rate)


@dataclass(frozen=True, slots=True)
class Batches:
    """How much goes into one request. ``sizes``: bytes of each item, where that is limited."""

    most: int
    largest: int = 0
    sizes: Mapping[str, int] = field(default_factory=dict)

    def split(self, names: Iterable[str]) -> list[list[str]]:
        """The names in their order, in as few requests as will do."""
        batches: list[list[str]] = []
        filled = 0
        for name in names:
            size = self.sizes.get(name, 0)
            if not batches or len(batches[-1]) == self.most or (self.sizes and filled + size > self.largest):
                batches.append([])
                filled = 0
            batches[-1].append(name)
            filled += size
        return batches


@dataclass(frozen=True)
class Courier:
    """Delivers within the time left. All times in seconds; ``reserve`` is what the caller needs afterwards."""

    remaining: Callable[[], float]
    reserve: float
    sleep: Callable[[float], None]
    jitter: Callable[[], float]

    def deliver(
        self,
        names: Iterable[str],
        batches: Batches,
        pace: Pace,
        send: Callable[[Sequence[str]], Mapping[str, Failure]],
        tries: int = ROUNDS,
    ) -> dict[str, Failure]:
        """Sends all names; what failed in the end. ``tries``: of what the service names as failed in a request that did not fail.

        ``send`` takes one batch and gives back those of its names that failed, or raises ``BatchError``. A refused batch of more
        than one is halved until the culprits stand alone. All others get their first try before any gets its second.
        """
        waiting, failed = batches.split(names), dict[str, Failure]()
        again: dict[str, Failure] = {}  # what the last try said
        for number in range(ROUNDS):
            if number and not self._wait(self._pause(number)):
                break
            last, again = again, {}
            queue, throttled = waiting[::-1], 0
            while queue:
                batch = queue.pop()
                if not self._wait(pace.wait() + (self._pause(throttled) if throttled else 0)):
                    return failed | again | {one: last.get(one, Failure(NO_TIME)) for one in _left(batch, queue)}
                try:
                    result = send(batch)
                except BatchError as error:
                    if error.fatal:
                        return failed | again | dict.fromkeys(_left(batch, queue), error.failure)
                    if error.failure.refused and len(batch) > 1:
                        half = len(batch) // 2
                        queue += [batch[half:], batch[:half]]
                        continue
                    throttled += error.again
                    result, over = dict.fromkeys(batch, error.failure), False
                else:
                    throttled, over = 0, number + 1 >= tries
                for name, failure in result.items():
                    (failed if failure.refused or over else again)[name] = failure
            if not again:
                break
            waiting = batches.split(again)
        return failed | again

    def _pause(self, number: int) -> float:
        """Capped exponential backoff with full jitter, but never none at all."""
        return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (number - 1)) * (0.5 + self.jitter() / 2)

    def _wait(self, seconds: float) -> bool:
        """Waits, if the time left allows for it."""
        if self.remaining() - seconds <= self.reserve:
            return False
        if seconds > 0:
            self.sleep(seconds)
        return True


def _left(batch: Sequence[str], queue: Iterable[Sequence[str]]) -> list[str]:
    return [*batch, *(name for one in queue for name in one)]
