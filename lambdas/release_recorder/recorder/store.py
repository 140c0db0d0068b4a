"""The reports bucket: evidence in, records out. The only module of this function that speaks to S3."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from common.report_store import ReportStore
from recorder.model import Sbom

JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
HASHED: Final = 256 * 1024 * 1024  # bytes; an SBOM has some 100 KB, and a build may write what it likes
_CHUNK: Final = 1024 * 1024
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_CONFLICTS: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})


class ConflictError(Exception):
    """The record has been written since it was read."""


class S3(Protocol):
    """The methods of boto3's client that are used here."""

    def get_object(self, *, Bucket: str, Key: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"""

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, ContentType: str, IfMatch: str = ..., IfNoneMatch: str = ...
    ) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html"""

    def list_objects_v2(self, **request: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""


@dataclass(frozen=True)
class Store:
    """Everything about releases in one bucket."""

    s3: S3
    bucket: str

    def read(self, key: str) -> bytes | None:
        """A verdict or a push; None if there is none."""
        return ReportStore(self.s3, self.bucket).read(key)

    def keys(self, folder: str) -> list[str]:
        """All keys that begin with ``folder``."""
        return ReportStore(self.s3, self.bucket).keys(folder)

    def lines(self, key: str) -> Iterator[bytes]:
        """The object's lines, one after the other; none if it is not there."""
        answer = self._get(key)
        if answer is not None:
            yield from answer["Body"].iter_lines(_CHUNK)

    def sbom(self, key: str) -> Sbom | None:
        """Its hash and size; None if there is none."""
        answer = self._get(key)
        if answer is None:
            return None
        size, digest = int(answer["ContentLength"]), hashlib.sha256()
        if size > HASHED:
            return Sbom(key, "", size)
        for chunk in answer["Body"].iter_chunks(_CHUNK):
            digest.update(chunk)
        return Sbom(key, digest.hexdigest(), size)

    def load(self, key: str) -> tuple[bytes | None, str | None]:
        """A record and its ETag; two times None if there is none yet."""
        answer = self._get(key)
        return (None, None) if answer is None else (answer["Body"].read(), str(answer["ETag"]))

    def save(self, key: str, body: bytes, etag: str | None) -> str:
        """Writes a record if it is still as it was read; its new ETag. ``ConflictError`` if it is not."""
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            answer = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=JSON, **condition)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _CONFLICTS:
                raise ConflictError(f"{key} has been written by another call") from error
            raise
        return str(answer["ETag"])

    def write_page(self, key: str, body: bytes) -> None:
        """Puts the page in place of an earlier one."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=HTML)

    def _get(self, key: str) -> Mapping[str, Any] | None:
        """S3 says that a key does not exist only to a role that may list the bucket, and 403 to others."""
        try:
            return self.s3.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                return None
            raise
