"""Reads what the importer has recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from common.objects import Reads, look_up
from common.strict import MalformedError

RECORD_LIMIT = 64 * 1024  # a record is about 1 KB; what is cut here no longer parses, so it is refused as unreadable
KEY_LIMIT = 500  # pushes of one commit; each is one more read within the function's time


class S3(Reads, Protocol):
    """The methods of boto3's client that are used here."""

    def list_objects_v2(self, **request: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""


@dataclass(frozen=True)
class ReportStore:
    """Records in one bucket."""

    s3: S3
    bucket: str

    def read(self, key: str) -> bytes | None:
        """Content of the object; None if S3 says that there is none (404 needs the permission to list the bucket)."""
        answer = look_up(self.s3, self.bucket, key)
        if answer is None:
            return None
        content: bytes = answer["Body"].read(RECORD_LIMIT)
        return content

    def keys(self, folder: str) -> list[str]:
        """All keys that begin with ``folder``, page by page. More than ``KEY_LIMIT`` are an error, never a part of them."""
        request = {"Bucket": self.bucket, "Prefix": folder}
        found: list[str] = []
        for _ in range(KEY_LIMIT):  # S3 may cut a page short as it likes, but one for each key is no listing any more
            page = self.s3.list_objects_v2(**request)
            found += [entry["Key"] for entry in page.get("Contents", [])]
            if not page["IsTruncated"]:
                break
            request["ContinuationToken"] = page["NextContinuationToken"]
        else:
            raise MalformedError(f"{folder}: S3's listing does not end")
        if len(found) > KEY_LIMIT:
            raise MalformedError(f"{folder}: more than {KEY_LIMIT} objects, which is more than can be read in time")
        return found
