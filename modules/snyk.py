"""Snyk's token and organization: names of parameters, never values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modules.account import Account
from modules.iam import Statement, allow, when


@dataclass(frozen=True)
class SnykParameters:
    """Two SecureString parameters, and the ARN of the KMS key they are encrypted with (None: the account's aws/ssm key,
    which SSM may use for every principal of the account that may read the parameter)."""

    token: str
    organization: str
    kms_key_arn: str | None = None

    def environment(self) -> Mapping[str, str]:
        """What the Snyk builds need to find the parameters."""
        return {"SNYK_TOKEN_PARAMETER": self.token, "SNYK_ORG_PARAMETER": self.organization}

    def allow_read(self, account: Account) -> list[Statement]:
        """Read exactly these two.

        A parameter named ``/a/b`` has the ARN ``...:parameter/a/b``, one named ``a`` has ``...:parameter/a``:
        https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
        """
        arns = [account.arn("ssm", f"parameter/{name.lstrip('/')}") for name in (self.token, self.organization)]
        statements = [allow("SnykParameters", ["ssm:GetParameter"], arns)]
        if self.kms_key_arn:
            # https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
            statements.append(
                allow(
                    "SnykParametersKey",
                    ["kms:Decrypt"],
                    [self.kms_key_arn],
                    when("StringEquals", "kms:ViaService", account.via("ssm")),
                    when("StringEquals", "kms:EncryptionContext:PARAMETER_ARN", *arns),
                )
            )
        return statements
