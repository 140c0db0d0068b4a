"""One image at exactly one digest in the manifests, and no other image that nobody named."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from common import Failure, printable
from delivery import IMAGE
from manifests import WORKLOADS, Manifests, rolled_out

# Mappings of texts whose keys are anybody's: `image` among them means nothing.
TEXTS = ("annotations", "data", "labels", "matchLabels", "nodeSelector", "selector")


def pin(manifests: Manifests, name: str, pinned: str, others: Sequence[str] = ()) -> None:
    """Give the one container that has the image this exact digest; no other image may stand there but `others`."""
    found = [(item, box) for item in manifests for box in containers(item)]
    matching = [(item, box) for item, box in found if image_name(box["image"]) == name]
    if len(matching) != 1:
        images = printable(", ".join(sorted(box["image"] for _, box in found)) or "none", 600)
        raise Failure(
            f"exactly one container must have the image {name!r}, but {len(matching)} have it; images: {images}"
        )
    ((owner, container),) = matching
    if not runs(owner, container):
        raise Failure(
            f"{owner['kind']} {owner['metadata']['name']} holds the image {name!r}, but no rollout would prove that it "
            f"runs: it must be in one of {', '.join(WORKLOADS)}, with replicas and without a partition"
        )
    rest = [box["image"] for _, box in found if box is not container]
    if pinned in rest:
        raise Failure(f"{pinned} must stand in exactly one container, but another one has it already")
    refused = sorted({image for image in rest if image not in others})
    if refused:
        raise Failure(
            f"images that nobody scanned: {printable(', '.join(refused), 600)}; give each its digest in the manifests "
            "(name@sha256:...) and name it so under `other_images` in pipelines.yaml, or leave it out"
        )
    container["image"] = pinned


def containers(value: object) -> Iterator[dict[str, Any]]:
    """Everything with an image, wherever it stands: containers of every sort, volumes, custom resources' own."""
    if isinstance(value, dict):
        if isinstance(value.get("image"), str):
            yield value
        for key, inner in value.items():
            if key == "image" and isinstance(inner, dict) and isinstance(inner.get("reference"), str):
                yield {"image": inner["reference"]}  # a volume that is an image
            if not (key in TEXTS and isinstance(inner, dict) and all(isinstance(text, str) for text in inner.values())):
                yield from containers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from containers(inner)


def image_name(image: str) -> str:
    """The image without digest and tag; a colon before the last slash is a port."""
    return re.sub(r":[^:/]*$", "", image.split("@")[0])


def runs(item: dict[str, Any], container: dict[str, Any]) -> bool:
    """Whether a rollout that succeeds proves that this container of the object has started."""
    spec = item.get("spec")
    if not (rolled_out(item) and isinstance(spec, dict) and spec.get("replicas") != 0):
        return False
    strategy = spec.get("updateStrategy")
    rolling = strategy.get("rollingUpdate") if isinstance(strategy, dict) else None
    if item["kind"] == "StatefulSet" and isinstance(rolling, dict) and rolling.get("partition"):
        return False  # the pods below the partition keep the old image
    return any(container is found for found in containers(spec.get("template")))


def other_images() -> list[str]:
    """OTHER_IMAGES: what may stand in the manifests beside the pipeline's own image. Nothing if it is absent."""
    given = os.environ.get("OTHER_IMAGES") or "[]"
    try:
        images = json.loads(given)
    except ValueError:
        images = None
    if not (isinstance(images, list) and all(isinstance(image, str) for image in images)):
        raise Failure(f"environment variable OTHER_IMAGES is {printable(given, 60)!r}; it must be a JSON list of texts")
    for image in images:
        if not re.fullmatch(IMAGE, image):
            raise Failure(
                f"environment variable OTHER_IMAGES: {printable(image, 300)!r} has no digest, and a tag can move; "
                "write name@sha256:<64 hexadecimal digits>"
            )
    return images
