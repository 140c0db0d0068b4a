"""The reports bucket: what others have recorded is read, what was told is written. Encryption is the bucket's default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from common.objects import ABSENT, Reads, Writes, look_up, put, unchanged
from common.strict import MalformedError

KEY_LIMIT: Final = 200  # pushes of one commit; more are not looked at one by one
_JSON: Final = "application/json; charset=utf-8"


class S3(Reads, Writes, Protocol):
    """The methods of boto3's client that are used here."""

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
        answer = look_up(self.s3, self.bucket, key)
        if answer is None:
            return None
        if int(answer["ContentLength"]) > limit:
            raise MalformedError(f"{key} has {answer['ContentLength']} bytes, at most {limit} are read")
        return Stored(answer["Body"].read(), str(answer["ETag"]), answer["LastModified"])

    def create(self, key: str, body: bytes) -> str | None:
        """Writes an object that must not be there yet; its ETag, or None if it is there or being written."""
        return put(self.s3, self.bucket, key, body, _JSON, ABSENT)

    def replace(self, key: str, body: bytes, etag: str) -> str | None:
        """Writes the object in place of the one with ``etag``; its ETag, or None if that one is gone."""
        return put(self.s3, self.bucket, key, body, _JSON, unchanged(etag))

    def keys(self, prefix: str) -> list[str]:
        """The first ``KEY_LIMIT`` keys that begin with ``prefix``."""
        page = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix, MaxKeys=KEY_LIMIT)
        return [str(one["Key"]) for one in page.get("Contents", [])]
