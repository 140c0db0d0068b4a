"""What stands there: pipelines, subscriptions, clusters, key, Security Hub, ECR's scanning; all of it only read."""

from __future__ import annotations

import os.path
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stacks.settings import DeliveryPipeline, Environment
from tools.prove_on_aws.aws import AbsentError, Aws, UntriedError
from tools.prove_on_aws.deployed import Deployed
from tools.prove_on_aws.report import Check, WrongError

_TAKES_ENTRIES = {"API", "API_AND_CONFIG_MAP"}


def checks(aws: Aws, deployed: Deployed) -> Iterator[Check]:
    """One row each, in the order of the README's first deployment."""
    for stack, _, pipeline in deployed.resources("aws_codepipeline"):
        name = pipeline["name"]
        yield Check("pipelines", f"{name} is deployed as emitted", _structure(aws, pipeline))
        yield Check("pipelines", f"{name} is started by events, at their commit", _started(aws, deployed, stack, name))
    for stack, _, topic in deployed.resources("aws_sns_topic"):
        arn = deployed.arn("sns", topic["name"])
        wanted = {
            one["endpoint"]
            for one in deployed.stacks[stack].get("aws_sns_topic_subscription", {}).values()
            if one["topic_arn"] == arn
        }
        yield Check("people", f"topic {topic['name']}: everyone named has confirmed", _confirmed(aws, arn, wanted))
    for name, settings in deployed.settings.pipelines.items():
        if isinstance(settings, DeliveryPipeline):
            for word, environment in (("staging", settings.staging), ("production", settings.production)):
                yield Check(
                    "clusters",
                    f"{name}: {word} lets its deploying role in",
                    _entry(aws, deployed, name, word, environment),
                )
            yield Check("images", f"{settings.registry} is scanned", _scanned(aws, settings.registry))
    yield Check("key", f"{deployed.names.key_alias} is enabled and rotates", _key(aws, deployed))
    yield Check("findings", "Security Hub is as the settings say", _hub(aws, deployed))
    yield Check("terraform", "a second plan is empty", lambda: _plan_commands(deployed), by_hand=True)


def _structure(aws: Aws, emitted: Mapping[str, Any]) -> Callable[[], str]:
    def run() -> str:
        found = aws.call("codepipeline", "get_pipeline", name=emitted["name"])["pipeline"]
        difference = differs(_deployed_shape(found), _emitted_shape(emitted), "")
        if difference:
            raise WrongError(f"{difference}: deploy again")
        return f"version {found.get('version')}: {sum(len(s['actions']) for s in found['stages'])} actions in {len(found['stages'])} stages"

    return run


def _emitted_shape(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    [store] = pipeline["artifact_store"]
    return {
        "type": pipeline["pipeline_type"],
        "mode": pipeline["execution_mode"],
        "role": pipeline["role_arn"],
        "store": [store["type"], store["location"], store["encryption_key"]["type"], store["encryption_key"]["id"]],
        "variables": {one["name"]: one["default_value"] for one in pipeline.get("variable") or ()},
        "stages": [
            [
                stage["name"],
                {
                    action["name"]: {
                        "type": [action[key] for key in ("category", "owner", "provider", "version")],
                        "order": action.get("run_order", 1),
                        "configuration": action.get("configuration", {}),
                        "inputs": action.get("input_artifacts") or [],
                        "outputs": action.get("output_artifacts") or [],
                        "namespace": action.get("namespace"),
                    }
                    for action in stage["action"]
                },
            ]
            for stage in pipeline["stage"]
        ],
    }


def _deployed_shape(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    store = pipeline.get("artifactStore", {})
    key = store.get("encryptionKey", {})
    return {
        "type": pipeline.get("pipelineType"),
        "mode": pipeline.get("executionMode"),
        "role": pipeline["roleArn"],
        "store": [store.get("type"), store.get("location"), key.get("type"), key.get("id")],
        "variables": {one["name"]: one.get("defaultValue") for one in pipeline.get("variables", ())},
        "stages": [
            [
                stage["name"],
                {
                    action["name"]: {
                        "type": [action["actionTypeId"][key] for key in ("category", "owner", "provider", "version")],
                        "order": action.get("runOrder", 1),
                        "configuration": action.get("configuration", {}),
                        "inputs": [one["name"] for one in action.get("inputArtifacts", ())],
                        "outputs": [one["name"] for one in action.get("outputArtifacts", ())],
                        "namespace": action.get("namespace"),
                    }
                    for action in stage["actions"]
                },
            ]
            for stage in pipeline["stages"]
        ],
    }


def differs(found: object, wanted: object, where: str) -> str:
    """The first place where the two differ, in words; empty if nowhere."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted({*found, *wanted}):
            difference = differs(found.get(key), wanted.get(key), f"{where}.{key}".lstrip("."))
            if difference:
                return difference
        return ""
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return next(filter(None, (differs(*pair, where) for pair in zip(found, wanted, strict=True))), "")
    return "" if found == wanted else f"{where} is {found}, emitted is {wanted}"


def _started(aws: Aws, deployed: Deployed, stack: str, name: str) -> Callable[[], str]:
    """An event's run carries the event's commit. Only a push shows that; none is made here."""
    delivery = isinstance(deployed.settings.pipelines[stack], DeliveryPipeline)
    wanted = "CloudWatchEvent" if delivery else "StartPipelineExecution"
    by = deployed.names.rule(f"{stack}-events") if delivery else deployed.names.function(f"{stack}-starter")

    def run() -> str:
        answer = aws.call("codepipeline", "list_pipeline_executions", pipelineName=name, maxResults=100)
        for one in answer.get("pipelineExecutionSummaries", ()):
            trigger = one.get("trigger", {})
            if trigger.get("triggerType") == wanted and by in trigger.get("triggerDetail", ""):
                revisions = [r.get("revisionId", "none") for r in one.get("sourceRevisions", ())]
                return f"{one['pipelineExecutionId']} at {', '.join(revisions) or 'no commit yet'}, {one['status']}"
        raise UntriedError(f"none of its runs was started by {by} yet: push a commit, then run this again")

    return run


def _confirmed(aws: Aws, arn: str, wanted: set[str]) -> Callable[[], str]:
    def run() -> str:
        found = {
            one["Endpoint"]: one["SubscriptionArn"]
            for one in aws.pages("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn)
        }
        pending = sorted(one for one in wanted if not found.get(one, "").startswith("arn:"))
        if pending:
            raise WrongError(f"not confirmed: {', '.join(pending)}. AWS has sent each a mail with a link")
        return f"confirmed: {', '.join(sorted(wanted))}"

    return run


def _entry(aws: Aws, deployed: Deployed, pipeline: str, word: str, environment: Environment) -> Callable[[], str]:
    role = deployed.arn("iam", f"role/{deployed.names.build(pipeline, f'{word}-deploy')}")

    def run() -> str:
        cluster = aws.call("eks", "describe_cluster", name=environment.cluster)["cluster"]
        mode = cluster.get("accessConfig", {}).get("authenticationMode")
        if mode not in _TAKES_ENTRIES:
            raise WrongError(
                f"{environment.cluster} has authentication mode {mode}; it takes access entries in API or API_AND_CONFIG_MAP"
            )
        where = {"clusterName": environment.cluster, "principalArn": role}
        entry = aws.call("eks", "describe_access_entry", **where)["accessEntry"]
        if environment.access == "group":
            wanted = [deployed.names.deployers(pipeline, word)]
            if entry.get("kubernetesGroups") != wanted:
                raise WrongError(f"its groups are {entry.get('kubernetesGroups')}, emitted is {wanted}")
            return f"{mode}, group {wanted[0]} (what it may do: docs/kubernetes/deployer.yaml, applied by an administrator)"
        policies = list(aws.pages("eks", "list_associated_access_policies", "associatedAccessPolicies", **where))
        scopes = [(p["policyArn"].rsplit("/", 1)[-1], p["accessScope"].get("namespaces")) for p in policies]
        if scopes != [("AmazonEKSEditPolicy", [environment.namespace])]:
            raise WrongError(f"its policies are {scopes}, emitted is AmazonEKSEditPolicy for {environment.namespace}")
        return f"{mode}, AmazonEKSEditPolicy for {environment.namespace}"

    return run


def _scanned(aws: Aws, registry: str) -> Callable[[], str]:
    """https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html"""

    def run() -> str:
        [repository] = aws.call("ecr", "describe_repositories", repositoryNames=[registry])["repositories"]
        configuration = aws.call("ecr", "get_registry_scanning_configuration")["scanningConfiguration"]
        kind = configuration.get("scanType", "BASIC")
        rules = [
            (r["scanFrequency"], f["filter"]) for r in configuration.get("rules", ()) for f in r["repositoryFilters"]
        ]
        if kind == "ENHANCED":
            [account] = aws.call("inspector2", "batch_get_account_status")["accounts"]
            status = account["resourceState"]["ecr"]["status"]
            if status != "ENABLED":
                raise WrongError(f"scanning is ENHANCED, but Inspector for ECR is {status}")
            if not rules:
                raise WrongError("scanning is ENHANCED, but no rule names a repository")
        elif not repository.get("imageScanningConfiguration", {}).get("scanOnPush") and not rules:
            raise WrongError("neither the repository nor the registry scans on push")
        return f"{kind}, rules: {rules or 'none'}, the repository's own scan on push"

    return run


def _key(aws: Aws, deployed: Deployed) -> Callable[[], str]:
    def run() -> str:
        key = aws.call("kms", "describe_key", KeyId=deployed.names.key_alias)["KeyMetadata"]
        if key["KeyState"] != "Enabled":
            raise WrongError(f"its state is {key['KeyState']}")
        rotation = aws.call("kms", "get_key_rotation_status", KeyId=key["Arn"])
        if not rotation["KeyRotationEnabled"]:
            raise WrongError("it does not rotate: deploy foundation again")
        return f"{key['Arn'].rsplit('/', 1)[-1]}, every {rotation.get('RotationPeriodInDays', '?')} days"

    return run


def _hub(aws: Aws, deployed: Deployed) -> Callable[[], str]:
    def run() -> str:
        if deployed.settings.singletons.security_hub == "none":
            return "none: findings stand in S3 alone"
        try:
            hub = aws.call("securityhub", "describe_hub")
        except AbsentError:
            raise WrongError("it is off: switch it on, or say singletons: {security_hub: none}") from None
        except UntriedError as error:
            # Documented for BatchImportFindings and others: InvalidAccessException where the account is not subscribed.
            if "not subscribed" in str(error):
                raise WrongError("it is off: switch it on, or say singletons: {security_hub: none}") from None
            raise
        return f"on since {hub['SubscribedAt']}"

    return run


def _plan_commands(deployed: Deployed) -> str:
    outdir = os.path.relpath(deployed.settings.outdir)
    stacks = " ".join(["foundation", "findings", "governance", *deployed.settings.pipelines])
    return (
        f"make synth && for stack in {stacks}; do (cd {shlex.quote(outdir)}/stacks/$stack && terraform init -input=false"
        " && terraform plan -detailed-exitcode) || break; done   # exit code 0 each: no change"
    )
