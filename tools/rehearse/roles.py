"""Who calls AWS: every call is made under the role that AWS would use, and the emulator asks that role's policies."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from ssl import create_default_context
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tools.emulator.process import Emulator
from tools.rehearse.described import Pipeline, Project

_MAKING = threading.Lock()  # boto3's default session, in which clients are made, is not for several threads at once


class DeniedError(RuntimeError):
    """The service refused a call; the message is its code and what it said."""


def client(who: Emulator, service: str) -> Any:
    """boto3's client, made in any thread."""
    with _MAKING:
        return who.client(service)


def of_pipeline(emulator: Emulator, pipeline: Pipeline) -> Emulator:
    """CodePipeline acting for a pipeline. No page says that it names the pipeline when it assumes the role, so it does not.
    Raises ClientError (AccessDenied)."""
    with _MAKING:
        return emulator.as_role(pipeline.role, "codepipeline", session="codepipeline")


def of_project(emulator: Emulator, project: Project) -> Emulator:
    """CodeBuild acting for a project. Raises ClientError (AccessDenied).

    https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html (aws:SourceArn: the project)
    """
    with _MAKING:
        return emulator.as_role(project.role, "codebuild", project.arn, session="codebuild")


def call(who: Emulator, service: str, target: str, content: Mapping[str, Any]) -> Any:
    """One operation of JSON 1.1 that boto3 does not know (AWS's own services use it on a role's behalf), signed as that role.
    Raises DeniedError."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
    request = AWSRequest("POST", f"{who.url}/", data=json.dumps(content).encode(), headers=headers)
    environment = who.environment
    credentials = Credentials(
        environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], environment.get("AWS_SESSION_TOKEN")
    )
    SigV4Auth(credentials, service, who.region).add_auth(request)
    sent = urllib.request.Request(f"{who.url}/", data=request.data, headers=dict(request.headers.items()))  # noqa: S310 - loopback
    trust = create_default_context(cafile=str(who.certificate))
    try:
        with urllib.request.urlopen(sent, timeout=60, context=trust) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise DeniedError(f"{target}: {error.read().decode(errors='replace')[:500]}") from error
