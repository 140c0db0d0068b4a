"""Policies in the changes of a plan, and what they allow more than before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from plan_review.findings import Finding, Kind
from plan_review.iam import words
from plan_review.iam.compare import Atom, Widening, widening
from plan_review.iam.patterns import covers
from plan_review.iam.public import is_public
from plan_review.iam.statements import NotAPolicyError, Statement, from_blocks, is_policy, only_fewer, parse
from plan_review.model import OF_AN_IDENTITY, Action, Change, Plan
from plan_review.references import without_keys
from plan_review.text import say
from plan_review.values import UNKNOWN, Hidden, Value
from plan_review.world import World, target

# Their policy attribute is what AWS answers, or stands in a resource of its own as well.
_MIRRORS: Final = {("aws_s3_bucket", "policy")}
# Attributes that hold policies, for those that are not known or hidden and so cannot be told by their text.
POLICY_NAMES: Final = frozenset(
    {"policy", "assume_role_policy", "access_policies", "access_policy", "inline_policy", "policy_document", "resource_policy",
     "repository_policy", "key_policy", "file_system_policy", "policy_text"}
)  # fmt: skip
# What a new identity must have to be told: everything, or the means to give itself everything.
_EVERYTHING: Final = (
    "iam:passrole", "sts:assumerole", "iam:attachrolepolicy", "iam:attachuserpolicy", "iam:putrolepolicy", "iam:putuserpolicy",
    "iam:createpolicyversion", "iam:updateassumerolepolicy", "iam:createaccesskey", "organizations:detachpolicy",
)  # fmt: skip
_ALL_ROLES: Final = ("arn:aws:iam::*:*", "arn:aws:iam::*:role/*", "arn:aws:iam::*:user/*", "arn:aws:*", "arn:*")


def widened(
    plan: Plan, world: World, changes: Sequence[Change], again: Mapping[tuple[str, str], Change]
) -> Iterator[Finding]:
    """Findings about every policy of one plan; ``changes`` are those of all plans, ``again`` what is made again elsewhere."""
    for change in (again.get((change.stack, change.address), change) for change in plan.changes):
        if change.managed and change.action in (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE):
            before, after = _differing(change)
            for path in sorted({*_paths(before), *_paths(after)}):
                if (change.type, path) not in _MIRRORS and not _lifecycle(change, path):
                    yield from _one(plan, world, changes, change, path)


def _differing(change: Change) -> tuple[dict[str, Value], dict[str, Value]]:
    """Attributes that are not the same before and after; what is not known may be anything."""
    before, after = change.before, change.after
    names = [name for name in {**before, **after} if before.get(name) != after.get(name) or after.get(name) is UNKNOWN]
    old = {name: before[name] for name in names if name in before}
    return old, {name: after[name] for name in names if name in after}


def _lifecycle(change: Change, path: str) -> bool:
    return change.type.endswith("_lifecycle_policy")


def _paths(attributes: Value, prefix: str = "") -> Iterator[str]:
    """Where policies are: by their text, or by their name where the text is not to be had."""
    pairs = attributes.items() if isinstance(attributes, dict) else enumerate(attributes)
    for name, value in pairs:
        path = f"{prefix}{name}"
        if isinstance(value, (dict, list)):
            yield from _paths(value, f"{path}.")
        elif is_policy(value) or ((value is UNKNOWN or isinstance(value, Hidden)) and name in POLICY_NAMES):
            yield path


def _get(attributes: Value, path: str) -> Value:
    found = attributes
    for step in path.split("."):
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        elif found is not UNKNOWN and not isinstance(found, Hidden):
            return None
    return found


def _statements(value: Value) -> tuple[Statement, ...] | None:
    """None: there is a policy that cannot be seen."""
    if value is UNKNOWN or isinstance(value, Hidden):
        return None
    if not isinstance(value, str) or not is_policy(value):
        return ()
    try:
        return parse(value)
    except NotAPolicyError:
        return None


def _planned(plan: Plan, world: World, change: Change, path: str) -> tuple[Statement, ...] | None:
    """Statements after; from the policy documents, if the plan reads them only when it is applied."""
    value = _get(change.after, path)
    if value is not UNKNOWN:
        return _statements(value)
    named = plan.documents.get(without_keys(change.address), {}).get(path.split(".")[0], ())
    found: list[Statement] = []
    for address in named:
        document = world.documents.get((plan.name, address))
        if document is None or any(
            document.after.get(part) for part in ("source_policy_documents", "override_policy_documents")
        ):
            return None
        blocks = document.after.get("statement")
        if not isinstance(blocks, list):
            return None
        found += from_blocks(blocks)
    return tuple(found) or None


def _one(plan: Plan, world: World, changes: Sequence[Change], change: Change, path: str) -> Iterator[Finding]:
    raw_before, raw_after = _get(change.before, path), _get(change.after, path)
    if change.stays and raw_before == raw_after and raw_after is not UNKNOWN:
        return
    if change.stays and only_fewer(raw_before, raw_after):
        return
    before, after = _statements(raw_before), _planned(plan, world, change, path)
    if change.action is Action.DELETE:
        if not world.goes_along(change) and change.deposed is None:
            denials = widening(before or (), _taken_over(plan, world, change)).denials
            yield from _told(change, path, Widening([], denials), world, companion=True)
        return
    on_existing = change.action is Action.CREATE and bool(target(change)) and not world.target_is_new(change)
    if change.action is Action.CREATE:
        before = _of_the_same(change, changes) if on_existing else ()
    if after is None or before is None:
        if change.action is not Action.CREATE or on_existing:
            why = "is sensitive" if isinstance(raw_after, Hidden) else "is not known before apply"
            yield Finding(
                Kind.UNSEEN, change.stack, change.address, say(f"{{}} changes, and the new policy {why}", path)
            )
        return
    # What other policies of the same identity allowed or still deny counts as well: a statement may move between them.
    compared = widening(before, after)
    if compared and change.type in OF_AN_IDENTITY and target(change):
        old, new = _beside(change, world)
        compared = Widening(
            widening((*before, *old), after).grants if compared.grants else (),
            widening(before, (*after, *new)).denials if compared.denials else (),
        )
    if path.startswith("inline_policy."):  # a set: one more or less gives the others new numbers
        together = [_inline(plan, world, change, side) for side in (change.before, change.after)]
        compared = Widening(widening(together[0], after).grants, widening(before, together[1]).denials)
    if change.action is Action.CREATE and not on_existing:
        compared = Widening([atom for atom in compared.grants if _remarkable(atom)], [])
    yield from _told(change, path, compared, world)


def _beside(change: Change, world: World) -> tuple[list[Statement], list[Statement]]:
    """Statements of the identity's other policies, before and after."""
    sides: tuple[list[Statement], list[Statement]] = ([], [])
    for other in world.beside(change):
        for found, attributes in zip(sides, (other.before, other.after), strict=True):
            if attributes is other.after or other.deposed is None:
                for path in _paths(attributes):
                    found += _statements(_get(attributes, path)) or ()
    return sides


def _inline(plan: Plan, world: World, change: Change, side: Mapping[str, Value]) -> list[Statement]:
    found: list[Statement] = []
    for path in _paths({"inline_policy": side.get("inline_policy") or []}):
        found += (_planned(plan, world, change, path) if side is change.after else _statements(_get(side, path))) or ()
    return found


def _for_everybody(atom: Atom) -> bool:
    """For all principals, or all but some, and no condition holds it to somebody."""
    others = atom.statement.principals is not None and atom.statement.principals.others
    return (atom.principal == "*" or others) and is_public(atom.statement.conditions)


def _remarkable(atom: Atom) -> bool:
    """Of a new thing's first policy only what opens everything, or opens it to everybody, is told."""
    if _for_everybody(atom):
        return True
    if (principal := atom.principal) is not None:
        return principal.startswith("Federated:") and ":oidc-provider/" in principal and not _held(atom.statement)
    wide = atom.resource in ("*", None, *_ALL_ROLES)
    return wide and (atom.action is None or any(covers(atom.action, one) for one in _EVERYTHING))


def _held(statement: Statement) -> bool:
    """Whether a trust in an OpenID provider asks for more than its audience, which all of the provider's users have.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html
    """
    return any(
        not condition.key.endswith(":aud") and not condition.values & {"*", "repo:*"}
        for condition in statement.conditions
    )


def _of_the_same(change: Change, changes: Sequence[Change]) -> tuple[Statement, ...]:
    """Statements that another resource gave to the same thing and gives no longer: renamed without a moved block."""
    found: list[Statement] = []
    for other in changes:
        if other.gone and (other.type, other.stack) == (change.type, change.stack) and target(other) == target(change):
            for path in _paths(other.before):
                found += _statements(_get(other.before, path)) or ()
    return tuple(found)


def _taken_over(plan: Plan, world: World, change: Change) -> tuple[Statement, ...]:
    """Statements that another resource of this plan gives to the same thing from now on; what is not known says nothing."""
    found: list[Statement] = []
    for other in plan.changes:
        same = other.type == change.type and other.managed and target(other) == target(change)
        if same and other.action is Action.CREATE and target(change):
            for path in _paths(other.after):
                found += _planned(plan, world, other, path) or ()
    return tuple(found)


def _told(change: Change, path: str, compared: Widening, world: World, companion: bool = False) -> Iterator[Finding]:
    grants = [
        atom
        for atom in compared.grants
        if atom.resource is None or not world.is_new(atom.resource) or _for_everybody(atom)  # public from its first day
    ]
    public = [atom for atom in grants if atom.principal == "*" and is_public(atom.statement.conditions)]
    if public:
        yield Finding(
            Kind.PUBLIC,
            change.stack,
            change.address,
            say("{} lets anybody in", path),
            tuple(words.grants(public, change, path)),
        )
    rest = [atom for atom in grants if atom not in public]
    unknown = [atom for atom in rest if words.unknown(atom)]
    rest = [atom for atom in rest if atom not in unknown]
    if rest:
        yield Finding(Kind.IAM, change.stack, change.address, words.headline(path, new=change.action is Action.CREATE),
                      tuple(words.grants(rest, change, path)))  # fmt: skip
    if unknown:
        yield Finding(Kind.UNSEEN, change.stack, change.address, say("{} gets permissions that are not known before apply", path),
                      tuple(words.grants(unknown, change, path)))  # fmt: skip
    if compared.denials:
        gone = "the policy goes, and with it what it denies" if companion else "{} denies less"
        text = say(gone) if companion else say(gone, path)
        yield Finding(Kind.IAM, change.stack, change.address, text, tuple(words.denials(compared.denials)))
