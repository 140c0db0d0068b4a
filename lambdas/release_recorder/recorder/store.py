"""The reports bucket: evidence in, records out. The only module of this function that speaks to S3."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from common.objects import Reads, Writes, look_up, put, unchanged
from common.report_store import ReportStore
from recorder.model import Sbom

JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
HASHED: Final = 256 * 1024 * 1024  # bytes; an SBOM has some 100 KB, and a build may write what it likes
_CHUNK: Final = 1024 * 1024


class ConflictError(Exception):
    """The record has been written since it was read."""


class S3(Reads, Writes, Protocol):
    """The methods of boto3's client that are used here."""

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
        answer = look_up(self.s3, self.bucket, key)
        if answer is not None:
            yield from answer["Body"].iter_lines(_CHUNK)

    def sbom(self, key: str) -> Sbom | None:
        """Its hash and size; None if there is none."""
        answer = look_up(self.s3, self.bucket, key)
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
        answer = look_up(self.s3, self.bucket, key)
        return (None, None) if answer is None else (answer["Body"].read(), str(answer["ETag"]))

    def save(self, key: str, body: bytes, etag: str | None) -> str:
        """Writes a record if it is still as it was read; its new ETag. ``ConflictError`` if it is not."""
        saved = put(self.s3, self.bucket, key, body, JSON, unchanged(etag))
        if saved is None:
            raise ConflictError(f"{key} has been written by another call")
        return saved

    def write_page(self, key: str, body: bytes) -> None:
        """Puts the page in place of an earlier one."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=HTML)
