"""The one door to AWS. Every call is ``aws.call("service", "operation", ...)`` with literal names, so that a test can hold the
list of permissions (needs.py) to the calls in the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)

# Parameters and answers have the shapes of botocore's models, which check the former at run time.
Json: TypeAlias = Any

# An answer that says so means that the thing is not there; anything else unexpected means that we do not know.
_ABSENT = {
    "BranchDoesNotExistException",
    "ExecutorNotFoundException",
    "NoSuchBucket",
    "NoSuchBucketPolicy",
    "NoSuchEntity",
    "NotFound",
    "NotFoundException",
    "PipelineExecutionNotFoundException",
    "PipelineNotFoundException",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "RepositoryDoesNotExistException",
    "RepositoryNotFoundException",
    "ResourceNotFoundException",
}
_OLD_CREDENTIALS = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}

# Pages: where the next one is asked for and how. Operations without an entry answer in one page.
_LOWER = ("nextToken", "nextToken")
_MARKERS = {
    "iam": ("Marker", "Marker"),
    "accessanalyzer": _LOWER,
    "codepipeline": _LOWER,
    "eks": _LOWER,
    "logs": _LOWER,
}
_DEFAULT_MARKER = ("NextToken", "NextToken")


class UntriedError(Exception):
    """It could not be found out; the message says why."""


class CredentialsError(UntriedError):
    """No credentials, or none that AWS takes."""


class AbsentError(Exception):
    """What should be there is not."""


class Aws:
    """Calls AWS and sorts its refusals. ``client``: service name -> boto3 client."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._make = client
        self._clients: dict[str, Any] = {}

    def call(self, service: str, operation: str, **parameters: Json) -> Json:
        """One answer; CredentialsError, AbsentError or UntriedError instead of botocore's own.

        A parameter that botocore's model does not know is a mistake of ours and stays botocore's ParamValidationError.
        """
        try:
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return getattr(self._clients[service], operation)(**parameters)
        except ClientError as error:
            raise _sorted(service, operation, error) from None
        except (NoCredentialsError, PartialCredentialsError):
            raise CredentialsError("no AWS credentials: set AWS_PROFILE, or log in with the AWS CLI") from None
        except ParamValidationError:
            raise
        except BotoCoreError as error:
            raise UntriedError(f"{service} gives no answer here ({type(error).__name__}): {error}") from None

    def pages(self, service: str, operation: str, key: str, **parameters: Json) -> Iterator[Json]:
        """The elements of list ``key`` of all pages."""
        answer_key, ask_key = _MARKERS.get(service, _DEFAULT_MARKER)
        asked: dict[str, Any] = dict(parameters)
        while True:
            answer = self.call(service, operation, **asked)
            yield from answer.get(key, ())
            if not answer.get(answer_key):
                return
            asked[ask_key] = answer[answer_key]


def _sorted(service: str, operation: str, error: ClientError) -> Exception:
    code = str(error.response.get("Error", {}).get("Code", "?"))
    message = f"{service} {operation}: {code}: {error.response.get('Error', {}).get('Message', '')}"
    if code in _OLD_CREDENTIALS:
        return CredentialsError(f"AWS does not take these credentials: {message}")
    return AbsentError(message) if code in _ABSENT else UntriedError(message)


def connect(session: Json, region: str, pricing_region: str) -> Aws:
    """Clients of the settings' region; prices come from where the Price List Query API answers.

    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
    """
    config = Config(retries={"mode": "standard", "max_attempts": 8})

    def client(service: str) -> Json:
        return session.client(service, region_name=pricing_region if service == "pricing" else region, config=config)

    return Aws(client)
