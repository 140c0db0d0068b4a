"""The reports bucket: what others have recorded is read, what was told is written. Encryption is the bucket's default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from common.strict import MalformedError

KEY_LIMIT: Final = 200  # pushes of one commit; more are not looked at one by one
# 412: the object is there, or another than expected. 409: somebody writes it right now. NoSuchKey: it is gone (If-Match).
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_CONFLICTS: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})


class S3(Protocol):
    """The methods of boto3's client that are used here."""

    def get_object(self, *, Bucket: str, Key: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"""

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, ContentType: str, IfMatch: str = ..., IfNoneMatch: str = ...
    ) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html"""

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""


@dataclass(frozen=True)
class Stored:
    """An object as it was read."""

    data: bytes
    etag: str
    modified: datetime


@dataclass(frozen=True)
class Store:
    """Objects of one bucket."""

    s3: S3
    bucket: str

    def read(self, key: str, limit: int) -> Stored | None:
        """The object; None if there is none. ``MalformedError`` before more than ``limit`` bytes are read."""
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                return None
            raise
        if int(answer["ContentLength"]) > limit:
            raise MalformedError(f"{key} has {answer['ContentLength']} bytes, at most {limit} are read")
        return Stored(answer["Body"].read(), str(answer["ETag"]), answer["LastModified"])

    def create(self, key: str, body: bytes) -> str | None:
        """Writes an object that must not be there yet; its ETag, or None if it is there or being written."""
        return self._put(key, body, {"IfNoneMatch": "*"})

    def replace(self, key: str, body: bytes, etag: str) -> str | None:
        """Writes the object in place of the one with ``etag``; its ETag, or None if that one is gone."""
        return self._put(key, body, {"IfMatch": etag})

    def keys(self, prefix: str) -> list[str]:
        """The first ``KEY_LIMIT`` keys that begin with ``prefix``."""
        page = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix, MaxKeys=KEY_LIMIT)
        return [str(one["Key"]) for one in page.get("Contents", [])]

    def _put(self, key: str, body: bytes, condition: Mapping[str, str]) -> str | None:
        try:
            answer = self.s3.put_object(
                Bucket=self.bucket, Key=key, Body=body, ContentType="application/json; charset=utf-8", **condition
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _CONFLICTS:
                return None
            raise
        return str(answer["ETag"])
