"""What there is in the emulated account, asked service by service: the table that a person sees, and what must be gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tools.emulator.process import Emulator

# (what a person calls it, service, operation, path of the names in the answer)
_LISTS: tuple[tuple[str, str, str, str], ...] = (
    ("S3 bucket", "s3", "list_buckets", "Buckets[].Name"),
    ("SNS topic", "sns", "list_topics", "Topics[].TopicArn"),
    ("SNS subscription", "sns", "list_subscriptions", "Subscriptions[].Endpoint"),
    ("SQS queue", "sqs", "list_queues", "QueueUrls[]"),
    ("IAM role", "iam", "list_roles", "Roles[].RoleName"),
    ("Lambda function", "lambda", "list_functions", "Functions[].FunctionName"),
    ("EventBridge rule", "events", "list_rules", "Rules[].Name"),
    ("CloudWatch log group", "logs", "describe_log_groups", "logGroups[].logGroupName"),
    ("CloudWatch alarm", "cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"),
    ("CloudWatch dashboard", "cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName"),
    ("CodeBuild project", "codebuild", "list_projects", "projects[]"),
    ("CodePipeline pipeline", "codepipeline", "list_pipelines", "pipelines[].name"),
    ("ECR repository", "ecr", "describe_repositories", "repositories[].repositoryName"),
    ("KMS alias", "kms", "list_aliases", "Aliases[?!starts_with(AliasName, 'alias/aws/')].AliasName"),
    ("SSM parameter", "ssm", "describe_parameters", "Parameters[].Name"),
)


def what_exists(emulator: Emulator) -> dict[str, list[str]]:
    """Kind -> names, sorted; kinds of which there is none have an empty list."""
    import jmespath  # of boto3

    found = {}
    for kind, service, operation, path in _LISTS:
        client = emulator.client(service)
        if client.can_paginate(operation):
            answer: Mapping[str, Any] = client.get_paginator(operation).paginate().build_full_result()
        else:
            answer = getattr(client, operation)()
        names = jmespath.search(path, answer) or []
        found[kind] = sorted(str(name).rpartition("/" if "queue" in kind.lower() else ":")[2] for name in names)
    eks = emulator.client("eks")
    found["EKS access entry"] = sorted(
        f"{cluster}: {entry.rpartition('/')[2]}"
        for cluster in eks.list_clusters()["clusters"]
        for entry in eks.list_access_entries(clusterName=cluster)["accessEntries"]
        if entry.rpartition("/")[2] != "root"
    )
    return found


def beside(now: Mapping[str, list[str]], before: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """What is there now and was not before."""
    new = {kind: [name for name in names if name not in before.get(kind, ())] for kind, names in now.items()}
    return {kind: names for kind, names in new.items() if names}


def show(existing: Mapping[str, list[str]], say: Callable[[str], None], width: int = 110) -> None:
    """A table: kind, how many, their names."""
    for kind, names in existing.items():
        lines, line = [], ""
        for name in names:
            if line and len(line) + len(name) + 2 > width:
                lines.append(line)
                line = ""
            line += f", {name}" if line else name
        for number, text in enumerate([*lines, line]):
            say(f"{kind if not number else '':<22}{str(len(names)) if not number else '':>4}  {text}")
