"""The roles of a review of pull requests; what its build must not reach is the fence around a hostile branch."""

from __future__ import annotations

from stacks.settings import S3Backend
from tools.prove_on_aws.case import RUN, Case
from tools.prove_on_aws.deployed import Deployed

_OF_A_BUILD = f"17/0123456789abcdef0123456789abcdef01234567/{RUN}"


def of(deployed: Deployed, review: str, part: str) -> list[Case]:
    """``part``: the role's name in Terraform, without its end."""
    plan = deployed.object("reports", f"plans/{review}/{_OF_A_BUILD}/result.json")
    page = deployed.object("reports", f"reviews/{review}/{_OF_A_BUILD}/index.html")
    project = deployed.arn("codebuild", f"project/{deployed.names.build(review, 'plan')}")
    settings = deployed.settings.reviews[review]
    repository = settings.repository.arn or deployed.arn("codecommit", settings.repository.name)
    if part == "pull_request":
        return [Case("codebuild:StartBuild", project, True), Case("codebuild:StartBuild", f"{project}-2", False)]
    if part == "reviewer":
        return [
            Case("s3:GetObject", plan, True),
            Case("s3:PutObject", plan, False),
            Case("s3:PutObject", page, True),
            Case("codebuild:BatchGetBuilds", project, True),
            Case("codebuild:StartBuild", project, False),
            Case("codecommit:PostCommentForPullRequest", repository, True),
            Case("codecommit:PostCommentForPullRequest", f"{repository}-2", False),
            Case("codecommit:UpdatePullRequestApprovalState", repository, False),
        ]
    backend = deployed.settings.backend
    assert isinstance(backend, S3Backend)  # noqa: S101 - for the type checker; the settings take no other with a review
    state = f"arn:{deployed.partition}:s3:::{backend.bucket}/{backend.prefix}/foundation.tfstate"
    token = deployed.arn("ssm", f"parameter/{deployed.settings.snyk.token_parameter.lstrip('/')}")
    function = deployed.arn("lambda", f"function:{deployed.names.function('findings-importer')}")
    return [
        Case("codecommit:GitPull", repository, True),
        Case("s3:PutObject", plan, True),
        Case("s3:GetObject", plan, False),
        Case("s3:PutObject", page, False),
        Case("s3:GetObject", state, True),
        Case("s3:PutObject", state, False),
        Case("ssm:GetParameter", token, False),
        Case("lambda:GetFunction", function, False),
        Case("lambda:InvokeFunction", function, False),
        Case("codebuild:StartBuild", project, False),
        Case("codecommit:PostCommentForPullRequest", repository, False),
    ]
