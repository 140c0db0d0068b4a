"""Objects of S3 that more than one call may write at once: looked up, and put on a condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

# 412: the object is there, or another than expected. 409: somebody writes it right now. NoSuchKey: it is gone (If-Match).
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_CONFLICTS: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})
ABSENT: Final[Mapping[str, str]] = {"IfNoneMatch": "*"}


class Reads(Protocol):
    """The method of boto3's client by which an object is looked up."""

    def get_object(self, *, Bucket: str, Key: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"""


class Writes(Protocol):
    """The method of boto3's client by which an object is put."""

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, ContentType: str, IfMatch: str = ..., IfNoneMatch: str = ...
    ) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html"""


def unchanged(etag: str | None) -> Mapping[str, str]:
    """The condition that an object is still as it was read: with that ETag, or (None) not there."""
    return ABSENT if etag is None else {"IfMatch": etag}


def look_up(s3: Reads, bucket: str, key: str) -> Mapping[str, Any] | None:
    """S3's answer; None if there is no such object. S3 says so only to a role that may list the bucket, and 403 to others."""
    try:
        return s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "NoSuchKey":
            return None
        raise


def put(
    s3: Writes, bucket: str, key: str, body: bytes, content_type: str, condition: Mapping[str, str]
) -> str | None:  # fmt: skip
    """The new ETag; None if the condition does not hold."""
    try:
        answer = s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, **condition)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _CONFLICTS:
            return None
        raise
    return str(answer["ETag"])
