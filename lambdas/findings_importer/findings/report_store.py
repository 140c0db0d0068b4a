"""The reports bucket: the only module of this function that speaks to S3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from common.contract import Record


class S3(Protocol):
    """The two methods of boto3's client that are used here."""

    def head_object(self, *, Bucket: str, Key: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html"""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> object:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html"""


@dataclass(frozen=True)
class ReportStore:
    """Raw reports and records in one bucket."""

    s3: S3
    bucket: str

    def size(self, key: str) -> int | None:
        """Bytes of the object; None if S3 says that there is none. Any other error of S3 fails the call.

        S3 says 404 only to a role that may list the bucket, and 403 to others: see the API's page.
        """
        try:
            head = self.s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "404":  # a HEAD answer has no body that names NoSuchKey
                return None
            raise
        return int(head["ContentLength"])

    def write(self, record: Record) -> None:
        """Writes verdict.json; encryption is the bucket's default."""
        self.s3.put_object(
            Bucket=self.bucket, Key=record.key, Body=record.as_bytes(), ContentType="application/json; charset=utf-8"
        )
