"""Kubernetes objects: read from kubectl's JSON, and which of them may go through this pipeline."""

from __future__ import annotations

import json
import re
from typing import Any

from common import Failure

Manifests = list[dict[str, Any]]
WORKLOADS = ("DaemonSet", "Deployment", "StatefulSet")  # the kinds that `kubectl rollout status` knows
# Kinds of Kubernetes itself that no namespace holds. Others are found by the server's dry run.
CLUSTER_KINDS = {
    "APIService",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "CSIDriver",
    "CSINode",
    "CustomResourceDefinition",
    "FlowSchema",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
}


def decoded(text: str, what: str) -> Manifests:
    """The objects of a stream of JSON documents, lists flattened."""
    objects: Manifests = []
    try:
        while text := text.lstrip():
            value, end = json.JSONDecoder().raw_decode(text)
            objects += value["items"] if value["kind"] == "List" else [value]
            text = text[end:]
        named = all(re.fullmatch(r"[a-z0-9]([a-z0-9.:-]*[a-z0-9])?", item["metadata"]["name"]) for item in objects)
        typed = all(isinstance(item["kind"], str) and isinstance(item["apiVersion"], str) for item in objects)
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"{what}: not Kubernetes objects, each with a plain metadata.name: {error}") from error
    if not (objects and named and typed):
        raise Failure(f"{what}: must hold at least one object, each with apiVersion, kind and a plain metadata.name")
    return objects


def check(manifests: Manifests, namespace: str) -> None:
    """Only objects of this one namespace, and no Secret: its value would stand in the repository and in S3."""
    for item in manifests:
        name = f"{item['kind']} {item['metadata']['name']}"
        group = item["apiVersion"].rpartition("/")[0]
        if item["kind"] in CLUSTER_KINDS and ("." not in group or group.endswith(".k8s.io")):
            raise Failure(f"{name} belongs to the whole cluster: an administrator applies it, not this pipeline")
        if item["kind"] == "Secret" and not group:
            raise Failure(
                f"{name}: no Secret goes through this pipeline: make it in the cluster, out of a secret store"
            )
        found = item["metadata"].get("namespace")
        if found not in (None, namespace):
            raise Failure(f"{name} names the namespace {found!r}: it must be {namespace!r} or left out")


def rolled_out(item: dict[str, Any]) -> bool:
    """Whether `rollout status` waits for this object's pods."""
    return item["kind"] in WORKLOADS and str(item["apiVersion"]).startswith("apps/")
