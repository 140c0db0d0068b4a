"""The reports bucket: raw reports in; records, findings, pages and inventories out. Encryption is the bucket's default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from findings.projection import ConflictError

# A report is read whole, and as Python objects it is several times as large: the function has 2,048 MB.
RAW_LIMIT: Final = 64 * 1024 * 1024
JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
_GZIP: Final = "application/gzip"
# Somebody else has written the object since it was read, or deleted it (NoSuchKey).
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_CONFLICTS: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})


class TooLargeError(Exception):
    """The raw report is larger than this function can read."""


class S3(Protocol):
    """The methods of boto3's client that are used here."""

    def get_object(self, *, Bucket: str, Key: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"""

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, ContentType: str, IfMatch: str = ..., IfNoneMatch: str = ...
    ) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html"""

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = ...) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""


@dataclass(frozen=True)
class ReportStore:
    """Everything about reports in one bucket."""

    s3: S3
    bucket: str

    def raw(self, key: str) -> bytes | None:
        """The raw report; None if S3 says that there is none or it is empty. ``TooLargeError`` before it is read."""
        answer = self._get(key)
        if answer is None or int(answer["ContentLength"]) == 0:
            return None
        if int(answer["ContentLength"]) > RAW_LIMIT:
            raise TooLargeError(
                f"{key} has {answer['ContentLength']} bytes; at most {RAW_LIMIT // 1024 // 1024} MiB are read"
            )
        content: bytes = answer["Body"].read()
        return content

    def write(self, key: str, body: bytes, content_type: str, etag: str | None = None) -> str:
        """Puts the object in place of an earlier one; its ETag. With ``etag``: only of that one, else ``ConflictError``."""
        return self._put(key, body, content_type, {} if etag is None else {"IfMatch": etag})

    def load(self, key: str) -> tuple[bytes | None, str | None]:
        """An inventory and its ETag; two times None if there is none yet."""
        answer = self._get(key)
        return (None, None) if answer is None else (answer["Body"].read(), str(answer["ETag"]))

    def save(self, key: str, data: bytes, etag: str | None) -> str:
        """Writes an inventory if it is still as it was read; its new ETag. ``ConflictError`` if it is not."""
        return self._put(key, data, _GZIP, {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag})

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin with ``prefix``."""
        found: list[str] = []
        more: dict[str, str] = {}
        while True:
            page = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix, **more)
            found += [str(one["Key"]) for one in page.get("Contents", [])]
            if not page.get("IsTruncated"):
                return found
            more = {"ContinuationToken": str(page["NextContinuationToken"])}

    def _put(self, key: str, body: bytes, content_type: str, condition: Mapping[str, str]) -> str:
        try:
            answer = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type, **condition)
        except ClientError as error:
            if condition and error.response.get("Error", {}).get("Code") in _CONFLICTS:
                raise ConflictError(f"{key} has been written by another call") from error
            raise
        return str(answer["ETag"])

    def _get(self, key: str) -> Mapping[str, Any] | None:
        """S3 says that a key does not exist only to a role that may list the bucket, and 403 to others."""
        try:
            return self.s3.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                return None
            raise
