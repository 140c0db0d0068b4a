"""Which permission a request takes, by AWS's service authorization reference; and recorded calls held against the declared.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from declared import RoleCalls

Taken = tuple[str, str]  # action, resource


def taken(service: str, operation: str, given: Mapping[str, Any], variables: Mapping[str, Any]) -> Iterator[Taken]:
    """The permissions of one request. KeyError for an operation that nobody has looked up."""
    name = f"{service}:{operation}"
    match service, operation:
        case "s3", "GetObject" | "HeadObject":
            yield "s3:GetObject", f"arn:aws:s3:::{given['Bucket']}/{given['Key']}"
        case "s3", "PutObject":
            yield "s3:PutObject", f"arn:aws:s3:::{given['Bucket']}/{given['Key']}"
            if "IfMatch" in given:
                # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
                yield "s3:GetObject", f"arn:aws:s3:::{given['Bucket']}/{given['Key']}"
        case "s3", "ListObjectsV2":
            yield "s3:ListBucket", f"arn:aws:s3:::{given['Bucket']}"
        case "codepipeline", "GetPipelineExecution" | "ListActionExecutions":
            yield name, f"{variables['codepipeline']}:{given['pipelineName']}"
        case "codepipeline", "StartPipelineExecution":
            yield name, f"{variables['codepipeline']}:{given['name']}"
        case "codepipeline", "PutJobSuccessResult" | "PutJobFailureResult":
            yield name, "*"
        case "ecr", "DescribeImageScanFindings":
            yield name, f"{variables['ecr']}:repository/{given['repositoryName']}"
        case "ecr", "DescribeImages":
            yield name, f"{variables['ecr']}:repository/{given['repositoryName']}"
        case "ecr", "GetAuthorizationToken":
            yield name, "*"
        case "config", "DescribeComplianceByConfigRule":
            yield name, "*"
        case "securityhub", "BatchImportFindings":
            yield name, f"{variables['securityhub']}:product/{variables['account']}/default"
        case "securityhub", "BatchUpdateFindings" | "GetFindings":
            yield name, f"{variables['securityhub']}:hub/default"
        case "sns", "Publish" | "ListSubscriptionsByTopic":
            yield name, given["TopicArn"]
        case "lambda", "Invoke":
            yield "lambda:InvokeFunction", f"{variables['importer'].rpartition(':')[0]}:{given['FunctionName']}"
        case "ssm", "GetParameter":
            yield name, f"{variables['ssm']}:parameter/{given['Name'].lstrip('/')}"
        case "eks", "DescribeCluster":
            yield name, f"{variables['eks']}:cluster/{given['name']}"
        case "codebuild", "BatchGetBuilds":
            yield name, variables["project_arn"]
        case "codecommit", "GetPullRequest" | "GetCommentsForPullRequest" | "UpdateComment":
            # The request names a pull request or a comment; the permission is the repository's.
            # https://docs.aws.amazon.com/codecommit/latest/userguide/auth-and-access-control-permissions-reference.html
            yield name, variables["repository"]
        case "codecommit", "PostCommentForPullRequest":
            yield name, f"{variables['codecommit']}:{given['repositoryName']}"
        case "codecommit", "GitPull":
            yield name, f"{variables['codecommit']}:{given['repositoryName']}"
        case _:
            raise KeyError(f"{name}: look up what it takes and write it here")


def complaints(one: RoleCalls, recorded: Iterable[Taken]) -> Iterator[str]:
    """Calls that were made and are not declared as seen."""
    for action, resource in sorted(set(recorded)):
        if not any(call.seen and call.action == action and call.pattern.fullmatch(resource) for call in one.calls):
            yield f"{one.role.name} ({one.kind}.yaml) calls {action} on {resource}, which is not declared with seen: true"


def occurred(one: RoleCalls, recorded: Iterable[Taken]) -> set[str]:
    """Origins that are declared as seen and were."""
    made = set(recorded)
    return {
        call.origin
        for call in one.calls
        if call.seen and any(call.action == action and call.pattern.fullmatch(resource) for action, resource in made)
    }
