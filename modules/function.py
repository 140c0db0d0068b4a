"""Lambda functions: one role, one log group, one deterministic package each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdktf import AssetType, TerraformAsset, TerraformStack
from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from cdktf_cdktf_provider_aws.lambda_alias import LambdaAlias
from cdktf_cdktf_provider_aws.lambda_function import (
    LambdaFunction,
    LambdaFunctionEnvironment,
    LambdaFunctionLoggingConfig,
    LambdaFunctionTracingConfig,
)
from cdktf_cdktf_provider_aws.lambda_function_event_invoke_config import (
    LambdaFunctionEventInvokeConfig,
    LambdaFunctionEventInvokeConfigDestinationConfig,
    LambdaFunctionEventInvokeConfigDestinationConfigOnFailure,
)
from cdktf_cdktf_provider_aws.lambda_permission import LambdaPermission

from modules.account import Account
from modules.encryption import Key
from modules.events import DeadLetters
from modules.iam import Role, Statement, allow
from modules.packaging import sha256_base64, sha256_hex

RUNTIME = "python3.13"
LOG_DAYS = 365


@dataclass(frozen=True)
class FunctionReference:
    """A function as its callers see it, by name."""

    name: str
    arn: str

    @classmethod
    def named(cls, account: Account, purpose: str) -> FunctionReference:
        """The project's function for ``purpose``."""
        name = account.names.function(purpose)
        return cls(name, account.arn("lambda", f"function:{name}"))

    def alias(self, name: str) -> FunctionReference:
        """The function under one of its aliases; a caller that may call only that is known by it."""
        return FunctionReference(f"{self.name}:{name}", f"{self.arn}:{name}")

    def allow_invoke(self, sid: str = "Invoke") -> Statement:
        """Call it."""
        return allow(sid, ["lambda:InvokeFunction"], [self.arn])


def asset(scope: TerraformStack, id_: str, content: bytes, name: str, scratch: Path) -> str:
    """Put ``content`` beside the stack as ``assets/<id>/<hash>/<name>``; returns that path, relative to the stack.

    cdktf copies files from the disk, so ``scratch`` is a folder that lives until the synthesis ends; nothing of its path
    is in the output.
    """
    digest = sha256_hex(content)
    path = scratch / digest / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(TerraformAsset(scope, id_, path=str(path), type=AssetType.FILE, asset_hash=digest).path)


class Function:
    """A Python function on arm64 that runs in no VPC: it talks to AWS's own services only."""

    def __init__(
        self,
        scope: TerraformStack,
        id_: str,
        *,
        account: Account,
        key: Key,
        scratch: Path,
        purpose: str,
        description: str,
        package: bytes,
        environment: Mapping[str, str],
        statements: Sequence[Statement],
        timeout_seconds: int,
        memory_mb: int = 256,
        dead_letters: DeadLetters | None = None,
    ) -> None:
        reference = FunctionReference.named(account, purpose)
        self.name = reference.name
        self.arn = f"${{aws_lambda_function.{id_}.arn}}"
        log_group = f"/aws/lambda/{self.name}"
        logs = CloudwatchLogGroup(scope, f"{id_}_logs", name=log_group, retention_in_days=LOG_DAYS, kms_key_id=key.arn)
        role = Role(
            scope,
            id_,
            account=account,
            name=account.names.role(purpose),
            service="lambda",
            description=description,
            statements=[
                allow(
                    "OwnLog",
                    ["logs:CreateLogStream", "logs:PutLogEvents"],
                    [f"{account.arn('logs', f'log-group:{log_group}')}:*"],
                ),
                *statements,
                *(dead_letters.allow_send() if dead_letters else ()),
            ],
        )
        LambdaFunction(
            scope,
            id_,
            function_name=self.name,
            description=description,
            role=role.arn,
            runtime=RUNTIME,
            architectures=["arm64"],
            handler="handler.handler",
            filename=asset(scope, f"{id_}_package", package, "package.zip", scratch),
            source_code_hash=sha256_base64(package),
            timeout=timeout_seconds,
            memory_size=memory_mb,
            environment=LambdaFunctionEnvironment(variables=dict(environment)) if environment else None,
            logging_config=LambdaFunctionLoggingConfig(log_format="JSON", log_group=log_group),
            tracing_config=LambdaFunctionTracingConfig(mode="PassThrough"),
            depends_on=[role.policy, logs],
        )
        if dead_letters:
            LambdaFunctionEventInvokeConfig(
                scope,
                f"{id_}_retries",
                function_name=f"${{aws_lambda_function.{id_}.function_name}}",
                maximum_retry_attempts=2,
                maximum_event_age_in_seconds=21_600,
                destination_config=LambdaFunctionEventInvokeConfigDestinationConfig(
                    on_failure=LambdaFunctionEventInvokeConfigDestinationConfigOnFailure(destination=dead_letters.arn)
                ),
                depends_on=[dead_letters.policy],
            )
        self._scope, self._id = scope, id_

    def add_alias(self, name: str) -> None:
        """An alias of the code as it is (no versions): not for releases, but to tell callers apart."""
        LambdaAlias(
            self._scope,
            f"{self._id}_{name}",
            name=name,
            function_name=f"${{aws_lambda_function.{self._id}.function_name}}",
            function_version="$LATEST",
        )

    def allow_rule(self, rule_id: str, rule_arn: str) -> None:
        """Let one event rule of this account call the function.

        The rule's ARN names the account. No ``source_account`` beside it: AWS's page has the ARN alone, and a key that is not
        sent would refuse every event. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
        """
        LambdaPermission(
            self._scope,
            f"{self._id}_from_{rule_id}",
            statement_id=rule_id,
            action="lambda:InvokeFunction",
            function_name=f"${{aws_lambda_function.{self._id}.function_name}}",
            principal="events.amazonaws.com",
            source_arn=rule_arn,
        )
