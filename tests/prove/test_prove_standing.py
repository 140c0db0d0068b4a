"""prove_on_aws without --run: an account that is right, and one thing wrong at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from account_stand_in import COMMIT, OWN, SETTINGS, Account, Prove, error

from tools.prove_on_aws.cases import by_role


@pytest.mark.parametrize("settings", ["", "minimal", "snyk", "existing", "full"])
def test_an_account_as_emitted_is_proved(emit_once: Any, prove: Prove, settings: str) -> None:
    source = SETTINGS / f"{settings}.yaml" if settings else OWN
    account = Account(emit_once(source))
    proof = prove(account, settings=source)
    assert set(proof.verdicts()) == {"proved", "by hand"}, proof.verdicts()
    assert proof.code == 0
    changing = [call for call in account.calls if not call[1].startswith(("get_", "describe_", "list_", "batch_get_"))]
    assert {operation for _, operation, _ in changing} <= {
        "test_event_pattern", "test_metric_filter", "simulate_principal_policy", "simulate_custom_policy", "validate_policy"
    }  # fmt: skip


def test_every_role_has_calls_and_near_misses(emit_once: Any) -> None:
    account = Account(emit_once(SETTINGS / "full.yaml"))
    for role, cases in by_role(account.deployed).items():
        assert {case.allowed for case in cases} == {True, False}, role


Break = tuple[str, str, Any, str, str]


def _changed(service: str, operation: str, change: Any) -> Any:
    """The right answer with a change."""

    def make(account: Account) -> Any:
        right = getattr(account, f"_{service}_{operation}")
        return lambda asked: change(right(asked))

    return make


def _set(*path: str, to: Any) -> Any:
    def change(answer: Any) -> Any:
        inner = answer
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = to
        return answer

    return change


FOUND = {
    "findingDetails": "too wide",
    "findingType": "SECURITY_WARNING",
    "issueCode": "PASS_ROLE",
    "learnMoreLink": "-",
    "locations": [],
}
WRONG: list[Break] = [
    ("events", "describe_rule", _set("State", to="DISABLED"), "rule acme-payments-events is deployed", "DISABLED"),
    ("events", "describe_rule", _set("EventPattern", to='{"source": ["x"]}'), "rule acme-payments-events is deployed", "deploy again"),
    ("events", "list_targets_by_rule", lambda answer: {"Targets": answer["Targets"] * 2}, "rule acme-payments-events is deployed", "2 targets"),
    ("events", "test_event_pattern", _set("Result", to=True), "rule acme-payments-events takes", "a deletion: taken"),
    ("events", "test_event_pattern", _set("Result", to=False), "rule acme-payments-events takes", "refused"),
    ("iam", "list_role_policies", _set("PolicyNames", to=["permissions", "more"]), "role acme-payments-image: one policy", "more"),
    ("iam", "list_attached_role_policies", _set("AttachedPolicies", to=[{"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}]),
     "role acme-payments-image: one policy", "AdministratorAccess"),
    ("accessanalyzer", "validate_policy", _set("findings", to=[FOUND]), "role acme-payments: one policy", "SECURITY_WARNING PASS_ROLE"),
    ("accessanalyzer", "validate_policy", _set("findings", to=[FOUND]), "key alias/acme: no finding", "too wide"),
    ("sns", "list_subscriptions_by_topic", _set("Subscriptions", to=[]), "topic acme-payments-approval: everyone", "not confirmed"),
    ("eks", "describe_cluster", _set("cluster", "accessConfig", "authenticationMode", to="CONFIG_MAP"), "payments: staging", "CONFIG_MAP"),
    ("eks", "describe_access_entry", _set("accessEntry", "kubernetesGroups", to=["masters"]), "payments: staging", "masters"),
    ("kms", "get_key_rotation_status", _set("KeyRotationEnabled", to=False), "alias/acme is enabled", "does not rotate"),
    ("ecr", "describe_repositories", _set("repositories", to=[{"imageScanningConfiguration": {"scanOnPush": False}}]), "acme/payments is scanned", "scan"),
    ("codepipeline", "get_pipeline", _set("pipeline", "executionMode", to="PARALLEL"), "acme-payments is deployed", "mode is PARALLEL"),
]  # fmt: skip


@pytest.mark.parametrize(("service", "operation", "change", "row", "says"), WRONG)
def test_what_is_not_as_it_must_be_is_said(
    account: Account, prove: Prove, service: str, operation: str, change: Any, row: str, says: str
) -> None:
    account.answers[service, operation] = _changed(service, operation, change)(account)
    proof = prove(account)
    verdict, evidence = proof.row(row)
    assert verdict == "wrong"
    assert says in evidence
    assert proof.code == 1


@pytest.mark.parametrize("path", ["PollForSourceChanges", "BranchName"])
def test_a_pipeline_that_was_edited_by_hand_is_found(account: Account, prove: Prove, path: str) -> None:
    def edited(asked: Any) -> Any:
        answer = account._codepipeline_get_pipeline(asked)
        answer["pipeline"]["stages"][0]["actions"][0]["configuration"][path] = "true"
        return answer

    account.answers["codepipeline", "get_pipeline"] = edited
    verdict, evidence = prove(account).row("acme-payments is deployed")
    assert verdict == "wrong"
    assert path in evidence


def test_a_removed_guard_is_found(account: Account, prove: Prove) -> None:
    def without(asked: Any) -> Any:
        answer = account._codepipeline_get_pipeline(asked)
        for stage in answer["pipeline"]["stages"]:
            stage["actions"] = [one for one in stage["actions"] if one["name"] != "guard"]
        return answer

    account.answers["codepipeline", "get_pipeline"] = without
    assert prove(account).row("acme-payments is deployed")[0] == "wrong"


@pytest.mark.parametrize(
    ("widened", "row"),
    [
        (
            {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"},
            "role acme-payments-image: its calls",
        ),
        ({"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}, "role acme-payments-image: its calls"),
        ({"Effect": "Deny", "Action": "s3:*", "Resource": "*"}, "role acme-payments-image: its calls"),
    ],
)
def test_a_role_that_may_too_much_or_too_little_is_found(
    account: Account, prove: Prove, widened: Any, row: str
) -> None:
    account.roles["acme-payments-image"][1].append({"Version": "2012-10-17", "Statement": [widened]})
    account.answers["iam", "get_role_policy"] = lambda asked: {
        **asked, "PolicyDocument": json.dumps(account.roles[asked["RoleName"]][1][0])
    }  # fmt: skip
    proof = prove(account)
    assert proof.row(row)[0] == "wrong"
    assert proof.row("role acme-payments-push: its calls")[0] == "proved"


def test_a_policy_of_the_organization_is_named(account: Account, prove: Prove) -> None:
    def denied(asked: Any) -> Any:
        answer = account._iam_simulate_principal_policy(asked)
        for result in answer["EvaluationResults"]:
            result |= {"EvalDecision": "explicitDeny", "OrganizationsDecisionDetail": {"AllowedByOrganizations": False}}
        return answer

    account.answers["iam", "simulate_principal_policy"] = denied
    verdict, evidence = prove(account).row("role acme-payments-push: its calls")
    assert verdict == "wrong"
    assert "by a policy of the organization" in evidence


@pytest.mark.parametrize("sid", ["TlsOnly", "OnlyTheKey", "OnlyTheImporterJudges"])
def test_a_bucket_that_lost_a_refusal_is_found(account: Account, prove: Prove, sid: str) -> None:
    name = account.deployed.names.bucket("reports", account.id, account.settings.region)
    policy = account.documents[name]
    policy["Statement"] = [one for one in policy["Statement"] if one["Sid"] != sid]
    assert prove(account).row(f"bucket {name} refuses")[0] == "wrong"


def test_access_denied_to_one_check_leaves_the_others(account: Account, prove: Prove) -> None:
    account.answers["sns", "list_subscriptions_by_topic"] = error("AuthorizationErrorException", "no sns:List")
    proof = prove(account)
    assert proof.code == 2
    verdicts = proof.verdicts()
    assert all(what.startswith("topic ") for what in verdicts["could not be tried"])
    assert len(verdicts["proved"]) > 30
    assert "no sns:List" in proof.row("topic acme-notifications: everyone")[1]


def test_wrong_outweighs_untried(account: Account, prove: Prove) -> None:
    account.answers["sns", "list_subscriptions_by_topic"] = error("AuthorizationErrorException")
    account.answers["kms", "get_key_rotation_status"] = lambda _: {"KeyRotationEnabled": False}
    assert prove(account).code == 1


def test_a_pipeline_that_is_not_deployed_is_said(account: Account, prove: Prove) -> None:
    account.answers["codepipeline", "get_pipeline"] = error("PipelineNotFoundException")
    proof = prove(account)
    assert proof.code == 1
    verdict, evidence = proof.row("acme-payments is deployed")
    assert (verdict, evidence.split(":")[0]) == ("wrong", "not there, so deploy first")


def test_nothing_deployed_at_all_is_said_once(account: Account, prove: Prove) -> None:
    account.answers["kms", "describe_key"] = error("NotFoundException")
    proof = prove(account)
    assert (proof.code, proof.rows) == (2, {})
    assert "alias/acme is not in 123456789012 eu-central-1: deploy foundation first" in proof.err


def test_a_region_without_a_service_is_untried(account: Account, prove: Prove) -> None:
    from botocore.exceptions import EndpointConnectionError

    def unreachable(_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://access-analyzer.eu-central-1.amazonaws.com/")

    account.answers["accessanalyzer", "validate_policy"] = unreachable
    proof = prove(account)
    assert proof.code == 2
    assert "gives no answer here" in proof.row("key alias/acme: no finding")[1]


def test_another_account_is_asked_nothing_else(emit_once: Any, prove: Prove) -> None:
    account = Account(emit_once(SETTINGS / "full.yaml"))
    account.answers["sts", "get_caller_identity"] = lambda _: {
        "Account": "999999999999",
        "Arn": "arn:aws:iam::999999999999:root",
    }
    proof = prove(account, settings=SETTINGS / "full.yaml")
    assert proof.code == 2
    assert "999999999999" in proof.err
    assert [call[:2] for call in account.calls] == [("sts", "get_caller_identity")]


def test_no_credentials_are_said(account: Account, prove: Prove) -> None:
    from botocore.exceptions import NoCredentialsError

    def none(_: Any) -> Any:
        raise NoCredentialsError

    account.answers["sts", "get_caller_identity"] = none
    proof = prove(account)
    assert proof.code == 2
    assert "no AWS credentials" in proof.err


def test_expired_credentials_are_said(account: Account, prove: Prove) -> None:
    account.answers["sts", "get_caller_identity"] = error(
        "ExpiredToken", "The security token included in the request is expired"
    )
    assert prove(account).code == 2


@pytest.mark.parametrize(
    ("singleton", "answer", "verdict"),
    [
        ("existing", error("InvalidAccessException", "Account 1 is not subscribed to AWS Security Hub"), "wrong"),
        ("none", error("InvalidAccessException", "Account 1 is not subscribed to AWS Security Hub"), "proved"),
        ("existing", error("AccessDeniedException"), "could not be tried"),
    ],
)
def test_security_hub_is_as_the_settings_say(
    account: Account, prove: Prove, singleton: str, answer: Any, verdict: str
) -> None:
    from tools.prove_on_aws import standing
    from tools.prove_on_aws.aws import Aws

    account.answers["securityhub", "describe_hub"] = answer
    singletons = account.settings.singletons.model_copy(update={"security_hub": singleton})
    settings = account.settings.model_copy(update={"singletons": singletons})
    from dataclasses import replace

    rows = [check.row() for check in standing.checks(Aws(account.client), replace(account.deployed, settings=settings))]
    [row] = [row for row in rows if row.what.startswith("Security Hub")]
    assert row.verdict.value == verdict


def test_enhanced_scanning_needs_inspector(account: Account, prove: Prove) -> None:
    rules = [{"scanFrequency": "CONTINUOUS_SCAN", "repositoryFilters": [{"filter": "*", "filterType": "WILDCARD"}]}]
    account.answers["ecr", "get_registry_scanning_configuration"] = lambda _: {
        "scanningConfiguration": {"scanType": "ENHANCED", "rules": rules}
    }
    off = {"status": "DISABLED", "errorCode": "ALREADY_ENABLED", "errorMessage": "-"}
    account.answers["inspector2", "batch_get_account_status"] = lambda _: {
        "accounts": [{"accountId": account.id, "state": off, "resourceState": {"ec2": off, "ecr": off}}]
    }
    assert "Inspector for ECR is DISABLED" in prove(account).row("acme/payments is scanned")[1]


def test_a_pipeline_that_no_event_has_started_is_untried(account: Account, prove: Prove) -> None:
    account.answers["codepipeline", "list_pipeline_executions"] = lambda _: {
        "pipelineExecutionSummaries": [
            {
                "pipelineExecutionId": COMMIT[:8] + "-7a4d-4e0b-9c55-0d1e2f3a4b5c",
                "trigger": {"triggerType": "CreatePipeline"},
            }
        ]
    }
    proof = prove(account)
    assert proof.row("acme-payments is started")[0] == "could not be tried"
    assert proof.code == 2


def test_a_second_page_is_read(account: Account, prove: Prove) -> None:
    def paged(asked: Any) -> Any:
        whole = account._sns_list_subscriptions_by_topic(asked)
        return whole if asked.get("NextToken") else {"Subscriptions": [], "NextToken": "more"}

    account.answers["sns", "list_subscriptions_by_topic"] = paged
    assert prove(account).row("topic acme-notifications: everyone")[0] == "proved"


def test_access_keys_in_a_message_are_not_printed(account: Account, prove: Prove) -> None:
    key = "AKIA" + "IOSFODNN7ABCDEFG"
    account.answers["kms", "get_key_rotation_status"] = error("AccessDeniedException", f"{key} may not")
    proof = prove(account)
    assert key not in proof.out + proof.err + str(proof.rows)
    assert "(an access key)" in proof.row("alias/acme is enabled")[1]
