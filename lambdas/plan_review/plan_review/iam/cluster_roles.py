"""Roles of Kubernetes that somebody gets.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from plan_review.findings import Finding, Kind
from plan_review.model import Action, Change
from plan_review.text import say
from plan_review.values import Value, at

_EVERYWHERE: Final = ("kubernetes_cluster_role_binding", "kubernetes_cluster_role_binding_v1")
_IN_ONE: Final = ("kubernetes_role_binding", "kubernetes_role_binding_v1")
# What lets its holder read every secret, and so act as everybody. In one namespace only what is meant for the whole cluster is
# remarkable, or any of them in a namespace of the cluster's own.
_WIDE: Final = ("cluster-admin", "admin", "edit")
_CLUSTERS_OWN: Final = "kube-"
_UNKNOWN: Final = "(known after apply)"
Holder = tuple[str, str, str]


def bound(change: Change) -> Iterator[Finding]:
    """Findings about one change: a wide role, new or of more holders; any role of a binding that is there, of more holders."""
    everywhere = change.type in _EVERYWHERE
    if not change.managed or not (everywhere or change.type in _IN_ONE):
        return
    if change.action not in (Action.CREATE, Action.UPDATE, Action.REPLACE):
        return
    role = _role(change.after)
    wide = role in (_WIDE if everywhere or _of_the_cluster(change.after) else _WIDE[:1])
    same = change.stays and _role(change.before) == role
    gained = sorted(_holders(change.after) - (_holders(change.before) if same else set()))
    if same and any(name == _UNKNOWN for _, name, _ in gained):
        text = say("who gets the role {} is not known before apply", role)
        yield Finding(Kind.UNSEEN, change.stack, change.address, text)
        gained = [holder for holder in gained if holder[1] != _UNKNOWN]
    if gained and (wide or same):
        where = "in the whole cluster" if everywhere else "in a namespace"
        text = say(
            f"{{}} {'get' if len(gained) > 1 else 'gets'} the role {{}} {where}", [name for _, name, _ in gained], role
        )
        yield Finding(Kind.IAM, change.stack, change.address, text)


def _role(attributes: Mapping[str, Value]) -> str:
    return next((name for name in at(attributes, "role_ref.*.name") if isinstance(name, str)), "")


def _of_the_cluster(attributes: Mapping[str, Value]) -> bool:
    names = at(attributes, "metadata.*.namespace")
    return any(isinstance(name, str) and name.startswith(_CLUSTERS_OWN) for name in names)


def _holders(attributes: Mapping[str, Value]) -> set[Holder]:
    """Kind, name and, of service accounts, namespace."""
    found: set[Holder] = set()
    for one in at(attributes, "subject.*"):
        if isinstance(one, dict):
            kind, name, namespace = (one.get(key) for key in ("kind", "name", "namespace"))
            account = kind == "ServiceAccount" and isinstance(namespace, str)
            shown = name if isinstance(name, str) else _UNKNOWN
            found.add((str(kind or "User"), shown, namespace if account and isinstance(namespace, str) else ""))
    return found
