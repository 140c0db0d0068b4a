"""Links to AWS's console. They need a login there, and they last: presigned links would be dead long before an audit.

The other maker of such links is modules/approval.py, at synth; a test holds the two together.
"""

from __future__ import annotations

from urllib.parse import quote


def host(region: str) -> str:
    """The console's host for a region's partition.

    https://docs.aws.amazon.com/general/latest/gr/aws-general.html (China and GovCloud have consoles of their own)
    """
    if region.startswith("cn-"):
        return "console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return "console.amazonaws-us-gov.com"
    return f"{region}.console.aws.amazon.com"


def s3_object(region: str, bucket: str, key: str) -> str:
    """The page of one object, from where it can be opened."""
    return f"https://{host(region)}/s3/object/{bucket}?region={region}&prefix={quote(key)}"


def execution(region: str, pipeline: str, id_: str) -> str:
    """The page of one execution. ``pipeline``: its name in AWS."""
    return (
        f"https://{host(region)}/codesuite/codepipeline/pipelines/{quote(pipeline)}"
        f"/executions/{id_}/visualization?region={region}"
    )


def commit(region: str, repository: str, id_: str) -> str:
    """The page of one commit in CodeCommit."""
    return f"https://{host(region)}/codesuite/codecommit/repositories/{quote(repository)}/commit/{id_}?region={region}"
