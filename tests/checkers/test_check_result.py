"""What `make check` makes of a checker's findings; that each checker notices its own known-bad example it proves on every run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.check_cfn_lint import rendered
from tools.check_parliament import _readings
from tools.check_plan import Policy
from tools.check_policy_rules import problems_of
from tools.check_result import Finding, Report, judge

FOUND = Finding("X1", "payments/aws_sqs_queue.dead", "no key", line=3)


def excepted(folder: Path, **changes: object) -> Path:
    entry = {"check": "X1", "resources": ["*/aws_sqs_queue.*"], "reason": "there is a reason for this one", **changes}
    (folder / "probe_exceptions.yaml").write_text(yaml.safe_dump([entry]))
    return folder


def test_a_finding_is_a_problem_and_an_exception_on_its_place_covers_it(tmp_path: Path) -> None:
    assert judge("probe", Report("", [FOUND]), tmp_path).problems == ["probe: X1 payments/aws_sqs_queue.dead:3: no key"]
    judged = judge("probe", Report("", [FOUND]), excepted(tmp_path))
    assert (judged.problems, judged.excepted) == ([], 1)


@pytest.mark.parametrize(
    "changes", [{"check": "X2"}, {"resources": ["*/aws_sns_topic.*"]}, {"text": "^another text"}], ids=str
)
def test_an_exception_of_another_place_covers_nothing_and_is_idle(tmp_path: Path, changes: dict[str, Any]) -> None:
    problems = judge("probe", Report("", [FOUND]), excepted(tmp_path, **changes)).problems
    assert len(problems) == 2
    assert "no key" in problems[0]
    assert "no finding any more" in problems[1]


def test_an_idle_exception_is_a_problem_unless_only_a_part_was_looked_at(tmp_path: Path) -> None:
    excepted(tmp_path)
    assert len(judge("probe", Report(""), tmp_path).problems) == 1
    assert judge("probe", Report(""), tmp_path, whole=False).problems == []


def test_an_exception_needs_a_reason(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no reason"):
        judge("probe", Report("", [FOUND]), excepted(tmp_path, reason="false positive"))


def test_a_possible_secret_is_not_printed(tmp_path: Path) -> None:
    found = Finding("Secret Keyword", "a.py", "password = 'hunter2'", 7, shown=False)
    assert judge("probe", Report("", [found]), tmp_path).problems == ["probe: Secret Keyword a.py:7"]


def test_a_checker_that_cannot_be_believed_fails_without_a_finding(tmp_path: Path) -> None:
    assert judge("probe", Report("", problems=["not noticed"]), tmp_path).problems == ["probe: not noticed"]


def test_the_rendering_refuses_what_it_has_no_word_for() -> None:
    pipeline = {
        "name": "p",
        "artifact_store": [{"location": "b", "type": "S3"}],
        "stage": [{"name": "S", "action": []}],
    }
    assert rendered(pipeline)["Properties"]["Stages"] == [{"Name": "S", "Actions": []}]
    with pytest.raises(SystemExit, match="on_failure"):
        rendered({**pipeline, "stage": [{"name": "S", "action": [], "on_failure": {}}]})


def test_a_deny_is_read_as_if_it_allowed_but_not_one_with_wildcards() -> None:
    exact = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/*"}
    wide = {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}
    assert len(_readings({"Statement": [wide]})) == 1
    assert '"Allow"' in _readings({"Statement": [wide, exact]})[1]


def test_the_own_account_may_act_and_a_condition_binds_a_service() -> None:
    statements = [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sns:Publish"},
        {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sns:Publish"},
        {
            "Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish",
            "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
        },
    ]  # fmt: skip
    policy = Policy("full/foundation/x", "aws_sns_topic_policy", "policy", {"Statement": statements})
    assert list(problems_of(policy, "123456789012")) == []
    assert [rule for rule, _ in problems_of(policy, "210987654321")] == ["FOREIGN_PRINCIPAL"]
