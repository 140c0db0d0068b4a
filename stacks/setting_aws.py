"""Names of things on AWS and their ARNs, each with the limit that it must keep and the page that sets it."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field

from stacks.setting_text import Text

_COMPASS = "(?:north|south)?(?:east|west)|north|south|central"
_REGION = f"[a-z]{{2,4}}(?:-[a-z]{{2,4}})?-(?:{_COMPASS})-[1-9][0-9]?"

# https://docs.aws.amazon.com/general/latest/gr/rande.html; the partitions are those of botocore's endpoints.json.
_PARTITIONS = {
    "cn-": "aws-cn", "us-gov-": "aws-us-gov", "eusc-": "aws-eusc", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e", "us-isof-": "aws-iso-f",
}  # fmt: skip


class Arn(NamedTuple):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""

    partition: str
    service: str
    region: str
    account: str
    resource: str


def arn(text: str) -> Arn:
    """The parts of an ARN whose form was checked before."""
    return Arn(*text.split(":", 5)[1:])


def partition(region: str) -> str:
    """The partition that a region belongs to."""
    return next((name for prefix, name in _PARTITIONS.items() if region.startswith(prefix)), "aws")


def _zone(region: str) -> str | None:
    return f"is an availability zone; write its region, {region[:-1]}" if region[-1:].isalpha() else None


# https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html (the form only; the list grows)
Region = Annotated[
    str,
    Text(
        f"{_REGION}[a-z]?",
        "of the form of AWS regions: eu-central-1, us-gov-west-1, cn-north-1, eusc-de-east-1",
        32,
        _zone,
    ),
]

# https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html
AccountId = Annotated[str, Text("[0-9]{12}", "an account id: 12 digits in quotes, leading zeros included")]

# https://docs.aws.amazon.com/codecommit/latest/userguide/limits.html; [\w\.-]+ and 1-100 from API_CreateRepository
_REPOSITORY = r"[A-Za-z0-9_.-]{1,100}"
_CODECOMMIT = rf"arn:aws(?:-[a-z]+)*:codecommit:{_REGION}:[0-9]{{12}}:{_REPOSITORY}"
RepositoryName = Annotated[
    str,
    Text(
        f"{_REPOSITORY}|{_CODECOMMIT}",
        "a CodeCommit repository: its name (at most 100 letters, digits and . _ -) or its ARN"
        " (arn:aws:codecommit:<region>:<12-digit account>:<name>)",
        wrong=lambda name: "ends in .git, which CodeCommit refuses; leave that away" if name.endswith(".git") else None,
    ),
]

# https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id-key-ARN (an alias ARN is no IAM resource)
KeyArn = Annotated[
    str,
    Text(
        rf"arn:aws(?:-[a-z]+)*:kms:{_REGION}:[0-9]{{12}}:key/(?:mrk-[0-9a-f]{{32}}|[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})",
        "the ARN of a KMS key: arn:aws:kms:<region>:<12-digit account>:key/<key id> (not of an alias)",
    ),
]

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html; a * can only be last: that is all that a metric
# filter's pattern knows, and a role's sessions have ARNs that end in the session's name.
DeployerArn = Annotated[
    str,
    Text(
        r"arn:aws(?:-[a-z]+)*:iam::[0-9]{12}:(?:role|user)/(?:[A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]+\*?",
        "the ARN of an IAM role or user, such as arn:aws:iam::123456789012:role/deployer; a * can only be last",
        300,
    ),
]

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
LogGroupName = Annotated[
    str,
    Text("[A-Za-z0-9_/.#-]+", "the name of a log group: letters, digits and _ - / . #", 512),
]

# https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigRule.html says only that it is not blank; these are the
# characters that the console and conformance packs make names of.
ConfigRuleName = Annotated[
    str,
    Text("[A-Za-z0-9_.-]+", "the name of a rule of AWS Config, such as acme-s3-bucket-ssl-requests-only", 128),
]


def reserved_bucket(name: str) -> str | None:
    """What S3 has against a bucket's name, or the beginning of one, though its letters are right.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    for prefix in ("xn--", "sthree-", "amzn-s3-demo-"):
        if f"{name}-".startswith(prefix):
            return f"begins like {prefix}, which S3 reserves; choose another name"
    for suffix in ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"):
        if name.endswith(suffix):
            return f"ends in {suffix}, which S3 reserves; choose another name"
    if re.fullmatch(r"[0-9.]+", name) and name.count(".") == 3:
        return "has the form of an IP address; choose another name"
    return "has two dots in a row" if ".." in name else None


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BucketName = Annotated[
    str,
    Text(
        "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "a bucket name: 3 to 63 lower-case letters, digits, dots and hyphens",
        63,
        reserved_bucket,
    ),
]


def _parameter(name: str) -> str | None:
    bare = name.removeprefix("/")
    if bare.lower().startswith(("aws", "ssm")):
        return "begins with aws or ssm, which Parameter Store refuses; choose another name"
    return "has more than 15 levels" if bare.count("/") + 1 > 15 else None


# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html: 1011 characters with the ARN's
# beginning, which is at most 64 long here.
ParameterName = Annotated[
    str,
    Text(
        "/?[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*",
        "a parameter name such as /acme/snyk/token: letters, digits, _ . - and single / between levels",
        940,
        _parameter,
    ),
    # In a hierarchy Parameter Store wants the leading slash ("you must include" it, same page).
    AfterValidator(lambda name: f"/{name}" if "/" in name and not name.startswith("/") else name),
]

# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html; a part of any other registry's names, too
PATH_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
RegistryName = Annotated[
    str,
    Text(
        f"{PATH_COMPONENT}(?:/{PATH_COMPONENT})*",
        "an ECR repository name: 2 to 256 lower-case letters and digits with . _ - or / between them, a letter first",
        256,
        lambda name: (
            "does not begin with a letter" if not name[0].isalpha() else "is too short" if len(name) < 2 else None
        ),
    ),
]

# https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html
ClusterName = Annotated[
    str,
    Text("[0-9A-Za-z][A-Za-z0-9_-]*", "an EKS cluster's name: letters, digits, - and _, a letter or digit first", 100),
]
_ID = "-(?:[0-9a-f]{8}|[0-9a-f]{17})"  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
VpcId = Annotated[str, Text(f"vpc{_ID}", "a VPC's id: vpc- and 8 or 17 hexadecimal digits")]
SubnetId = Annotated[str, Text(f"subnet{_ID}", "a subnet's id: subnet- and 8 or 17 hexadecimal digits")]
SecurityGroupId = Annotated[str, Text(f"sg{_ID}", "a security group's id: sg- and 8 or 17 hexadecimal digits")]

# CodeBuild's longest and shortest build: https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CreateProject.html
BuildMinutes = Annotated[int, Field(ge=5, le=2160)]
# A wait inside a build, which a deploy does twice (there and back): 2,160 minutes are the longest build.
WaitMinutes = Annotated[int, Field(ge=1, le=1000)]
