"""The IAM actions that this tool's calls take, as a policy. A test holds the list to the calls in the source.

Names: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import json

from modules.names import Names
from stacks.settings import Settings

# (service, operation) -> IAM actions. GetCallerIdentity needs none:
# https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
READS: dict[tuple[str, str], tuple[str, ...]] = {
    ("accessanalyzer", "validate_policy"): ("access-analyzer:ValidatePolicy",),
    ("cloudtrail", "lookup_events"): ("cloudtrail:LookupEvents",),
    ("codebuild", "batch_get_projects"): ("codebuild:BatchGetProjects",),
    ("codecommit", "get_branch"): ("codecommit:GetBranch",),
    ("codepipeline", "get_pipeline"): ("codepipeline:GetPipeline",),
    ("codepipeline", "get_pipeline_execution"): ("codepipeline:GetPipelineExecution",),
    ("codepipeline", "list_action_executions"): ("codepipeline:ListActionExecutions",),
    ("codepipeline", "list_pipeline_executions"): ("codepipeline:ListPipelineExecutions",),
    ("ecr", "describe_images"): ("ecr:DescribeImages",),
    ("ecr", "describe_repositories"): ("ecr:DescribeRepositories",),
    ("ecr", "get_registry_scanning_configuration"): ("ecr:GetRegistryScanningConfiguration",),
    ("eks", "describe_access_entry"): ("eks:DescribeAccessEntry",),
    ("eks", "describe_cluster"): ("eks:DescribeCluster",),
    ("eks", "list_associated_access_policies"): ("eks:ListAssociatedAccessPolicies",),
    ("events", "describe_rule"): ("events:DescribeRule",),
    ("events", "list_targets_by_rule"): ("events:ListTargetsByRule",),
    ("events", "test_event_pattern"): ("events:TestEventPattern",),
    ("iam", "get_role"): ("iam:GetRole",),
    ("iam", "get_role_policy"): ("iam:GetRolePolicy",),
    ("iam", "list_attached_role_policies"): ("iam:ListAttachedRolePolicies",),
    ("iam", "list_role_policies"): ("iam:ListRolePolicies",),
    ("iam", "simulate_custom_policy"): ("iam:SimulateCustomPolicy",),
    ("iam", "simulate_principal_policy"): ("iam:SimulatePrincipalPolicy",),
    ("inspector2", "batch_get_account_status"): ("inspector2:BatchGetAccountStatus",),
    ("kms", "describe_key"): ("kms:DescribeKey",),
    ("kms", "get_key_policy"): ("kms:GetKeyPolicy",),
    ("kms", "get_key_rotation_status"): ("kms:GetKeyRotationStatus",),
    ("lambda", "get_policy"): ("lambda:GetPolicy",),
    ("logs", "describe_metric_filters"): ("logs:DescribeMetricFilters",),
    ("logs", "test_metric_filter"): ("logs:TestMetricFilter",),
    ("pricing", "get_products"): ("pricing:GetProducts",),
    ("s3", "get_bucket_policy"): ("s3:GetBucketPolicy",),
    ("securityhub", "describe_hub"): ("securityhub:DescribeHub",),
    ("sns", "get_topic_attributes"): ("sns:GetTopicAttributes",),
    ("sns", "list_subscriptions_by_topic"): ("sns:ListSubscriptionsByTopic",),
    ("sqs", "get_queue_attributes"): ("sqs:GetQueueAttributes",),
    ("sqs", "get_queue_url"): ("sqs:GetQueueUrl",),
    ("sts", "get_caller_identity"): (),
}
# Objects of the reports bucket: verdicts and who pushed, encrypted with the project's key.
REPORTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("s3", "list_objects_v2"): ("s3:ListBucket",),
    ("s3", "get_object"): ("s3:GetObject",),
}
STARTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("codepipeline", "start_pipeline_execution"): ("codepipeline:StartPipelineExecution",),
    ("codepipeline", "stop_pipeline_execution"): ("codepipeline:StopPipelineExecution",),
}


def policy(settings: Settings) -> str:
    """The policy's JSON: reading, the reports bucket, and (for ``--run`` alone) starting and stopping these pipelines."""
    names = Names(settings.project)
    partition = (
        "aws-cn"
        if settings.region.startswith("cn-")
        else "aws-us-gov"
        if settings.region.startswith("us-gov-")
        else "aws"
    )
    account = settings.account or "*"
    bucket = f"arn:{partition}:s3:::{names.bucket('reports', account, settings.region)}"
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    statements = [
        {"Sid": "Read", "Effect": "Allow", "Action": _flat(READS), "Resource": "*"},
        {"Sid": "ReadReports", "Effect": "Allow", "Action": _flat(REPORTS), "Resource": [bucket, f"{bucket}/reports/*", f"{bucket}/pushes/*"]},
        {
            "Sid": "DecryptReports",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": f"arn:{partition}:kms:{settings.region}:{account}:key/*",
            "Condition": {
                "StringEquals": {"kms:ViaService": f"s3.{settings.region}.{suffix}"},
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": names.key_alias},
            },
        },
        {
            "Sid": "RunOnlyWithRun",
            "Effect": "Allow",
            "Action": _flat(STARTS),
            "Resource": [
                f"arn:{partition}:codepipeline:{settings.region}:{account}:{names.pipeline(name)}" for name in settings.pipelines
            ],
        },
    ]  # fmt: skip
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


def _flat(calls: dict[tuple[str, str], tuple[str, ...]]) -> list[str]:
    return sorted({action for actions in calls.values() for action in actions})
