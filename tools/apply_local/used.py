"""Fill the buckets and the registry as a system would that has been used for some time: what a destroy meets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from modules.names import Names
from stacks.settings import DeliveryPipeline, Settings
from tools.emulator.process import ACCOUNT, Emulator

# More than one call of the documented commands takes: 1,000 versions, 100 images.
_REPORTS = 350
_IMAGES = 103


def fill(emulator: Emulator, settings: Settings) -> dict[str, int]:
    """Versions and delete markers in each bucket, images in each registry. Returns how many of each there are."""
    names = Names(settings.project)
    s3 = emulator.client("s3")
    filled: dict[str, int] = {}
    keys = {
        "artifacts": _artifacts(settings, names),
        "reports": _reports(settings),
        "access-logs": iter([f"reports/2026-01-{day:02}-00-00-00-0123456789ABCDEF" for day in range(1, 29)]),
    }
    for purpose, wanted in keys.items():
        bucket = names.bucket(purpose, ACCOUNT, settings.region)
        for key in wanted:
            for content in (b"first", b"second"):  # versioned: the first stays
                s3.put_object(Bucket=bucket, Key=key, Body=content)
            if key.endswith("raw.json"):
                s3.delete_object(Bucket=bucket, Key=key)
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
        filled[bucket] = sum(len(page.get("Versions", [])) + len(page.get("DeleteMarkers", [])) for page in pages)
    for name, pipeline in settings.pipelines.items():
        if isinstance(pipeline, DeliveryPipeline):
            filled[names.registry(name)] = _push(emulator, names.registry(name))
    return filled


def _artifacts(settings: Settings, names: Names) -> Iterator[str]:
    for name in settings.pipelines:
        yield from (f"{names.artifact_prefix(name)}/Source/{run:04}.zip" for run in range(20))
        yield f"releases/{name}/production/manifests.yaml"
        yield from (f"images/{name}/{run:04}/image.tar" for run in range(5))


def _reports(settings: Settings) -> Iterator[str]:
    for name in settings.pipelines:
        for run in range(_REPORTS // len(settings.pipelines)):
            folder = f"reports/{name}/{run:04}/grype-image"
            yield from (f"{folder}/{file}" for file in ("raw.json", "verdict.json", "findings.json", "index.html"))
        yield f"inventory/{name}/grype-image.json"


def _push(emulator: Emulator, repository: str) -> int:
    ecr = emulator.client("ecr")
    blob = b"{}"
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    upload = ecr.initiate_layer_upload(repositoryName=repository)["uploadId"]
    ecr.upload_layer_part(
        repositoryName=repository, uploadId=upload, partFirstByte=0, partLastByte=1, layerPartBlob=blob
    )
    ecr.complete_layer_upload(repositoryName=repository, uploadId=upload, layerDigests=[digest])
    descriptor = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": len(blob), "digest": digest}
    for number in range(_IMAGES):
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor,
            "layers": [descriptor],
            "annotations": {"number": str(number)},
        }
        ecr.put_image(
            repositoryName=repository,
            imageManifest=json.dumps(manifest),
            imageManifestMediaType=manifest["mediaType"],
            imageTag=f"c{number:039}-{number}",
        )
    return len(ecr.list_images(repositoryName=repository, maxResults=1000)["imageIds"])
