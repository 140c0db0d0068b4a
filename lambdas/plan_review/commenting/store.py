"""The reports bucket: plans that builds left, reviews that only this function writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote

from botocore.exceptions import ClientError

from common.strict import MalformedError

# Bytes. As Python objects a plan is several times as large, and all of one build's are judged together.
LARGEST_PLAN: Final = 32 * 1024 * 1024
LARGEST_TOGETHER: Final = 64 * 1024 * 1024


class S3(Protocol):
    """What is used of boto3's client."""

    def get_object(self, *, Bucket: str, Key: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html"""


@dataclass(frozen=True)
class Store:
    """One bucket; ``console``: the console's address, ``region``: the bucket's."""

    client: S3
    bucket: str
    console: str
    region: str

    def read(self, key: str, largest: int) -> bytes | None:
        """An object's bytes; None if it is not there. MalformedError if it is larger than ``largest`` bytes."""
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        with answer["Body"] as body:
            data: bytes = body.read(largest + 1)
        if len(data) > largest:
            raise MalformedError(f"more than {largest:,} bytes, which is the most that is read")
        return data

    def write_page(self, key: str, page: str) -> str:
        """Put an HTML page; returns where people read it. A presigned link would let in whoever reads the comment."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=page.encode(), ContentType="text/html; charset=utf-8")
        return f"{self.console}/s3/object/{self.bucket}?region={self.region}&prefix={quote(key, safe='')}"
