"""Reads records from the reports bucket: the only module of this function that speaks to S3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

RECORD_LIMIT = 64 * 1024  # a record is about 1 KB; what is cut here no longer parses, so it is refused as unreadable


class S3(Protocol):
    """The one method of boto3's client that is used here."""

    def get_object(self, *, Bucket: str, Key: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"""


@dataclass(frozen=True)
class VerdictStore:
    """Records in one bucket."""

    s3: S3
    bucket: str

    def read(self, key: str) -> bytes | None:
        """Content of the object; None if S3 says that there is none (404 needs the permission to list the bucket)."""
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                return None
            raise
        content: bytes = answer["Body"].read(RECORD_LIMIT)
        return content
