"""The kinds of text that settings hold, each with the limit that it must keep and the page that sets it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, NamedTuple, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_Item = TypeVar("_Item", bound=Hashable)


def show(value: object) -> str:
    """``value`` for a message: one line, printable, never long."""
    text = value if isinstance(value, str) else str(value)
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:80])
    return f"'{text[:57]}...'" if len(text) > 60 else f"'{text}'"


@dataclass(frozen=True)
class Text:
    """A text of the form ``pattern`` with at most ``most`` characters; ``right`` says in words what it should be."""

    pattern: str
    right: str
    most: int = 0
    wrong: Callable[[str], str | None] | None = None  # what a pattern cannot say
    instead: str = ""  # what to write instead of an empty text; ``right`` if it says so

    def check(self, value: str) -> str:
        """``value``, or a ValueError that teaches. The length goes first: it bounds what the pattern has to read."""
        if not value.strip():
            raise ValueError(f"an empty text; {self.instead or f'it should be {self.right}'}")
        if self.most and len(value) > self.most:
            raise ValueError(
                f"{show(value)} has {len(value)} characters, at most {self.most} are allowed: {self.right}"
            )
        if not re.fullmatch(self.pattern, value):
            raise ValueError(f"{show(value)} is not {self.right}")
        wrong = self.wrong(value) if self.wrong else None
        if wrong:
            raise ValueError(f"{show(value)} {wrong}")
        return value

    def fits(self, value: str) -> bool:
        """Whether ``check`` accepts it."""
        try:
            return bool(self.check(value))
        except ValueError:
            return False

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate as text, then by ``check``."""
        return core_schema.no_info_after_validator_function(self.check, core_schema.str_schema(strict=True))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The same rule for editors, as far as JSON Schema can say it."""
        most = {"maxLength": self.most} if self.most else {}
        return {"type": "string", "minLength": 1, **most, "pattern": f"^(?:{self.pattern})$"}


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


# https://docs.aws.amazon.com/general/latest/gr/rande.html; the partitions are those of botocore's endpoints.json.
_PARTITIONS = {
    "cn-": "aws-cn", "us-gov-": "aws-us-gov", "eusc-": "aws-eusc", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e", "us-isof-": "aws-iso-f",
}  # fmt: skip


def partition(region: str) -> str:
    """The partition that a region belongs to."""
    return next((name for prefix, name in _PARTITIONS.items() if region.startswith(prefix)), "aws")


def unique(items: list[_Item]) -> list[_Item]:
    """A list that names nothing twice."""
    seen: set[_Item] = set()
    for item in items:
        if item in seen:
            raise ValueError(f"{show(item)} stands here twice; keep one")
        seen.add(item)
    return items


# A name that AWS puts before others' names cannot be ours: the project's name begins its buckets.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
def _reserved_bucket(name: str) -> str | None:
    for prefix in ("xn--", "sthree-", "amzn-s3-demo-"):
        if f"{name}-".startswith(prefix):
            return f"begins like {prefix}, which S3 reserves; choose another name"
    for suffix in ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"):
        if name.endswith(suffix):
            return f"ends in {suffix}, which S3 reserves; choose another name"
    if re.fullmatch(r"[0-9.]+", name) and name.count(".") == 3:
        return "has the form of an IP address; choose another name"
    return "has two dots in a row" if ".." in name else None


PROJECT = Text(
    "[a-z][a-z0-9]*(?:-[a-z0-9]+)*",
    "a project name: 2 to 20 lower-case letters, digits and single hyphens, a letter first, no hyphen last",
    20,
    lambda name: "is one letter; two are needed" if len(name) < 2 else _reserved_bucket(name),
)
ProjectName = Annotated[str, PROJECT]

# foundation, findings and governance are stacks of every project, and a stack has its pipeline's name.
OTHER_STACKS = ("foundation", "findings", "governance")
PipelineName = Annotated[
    str,
    Text(
        "[a-z](?:[a-z0-9-]*[a-z0-9])?",
        "a pipeline name: at most 40 lower-case letters, digits and hyphens, a letter first, no hyphen last",
        40,
        lambda name: "is the name of another stack of this project; choose another" if name in OTHER_STACKS else None,
    ),
]

_COMPASS = "(?:north|south)?(?:east|west)|north|south|central"
_REGION = f"[a-z]{{2,4}}(?:-[a-z]{{2,4}})?-(?:{_COMPASS})-[1-9][0-9]?"


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

# The dot-atom form of https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2 (local part 64, path 254 characters).
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#%&'*+/=?^_|~-]+"
Email = Annotated[
    str,
    Text(
        rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])",
        "an e-mail address such as team@example.com",
        254,
        lambda mail: "has more than 64 characters before the @" if mail.index("@") > 64 else None,
    ),
]


def _tag(text: str) -> str | None:
    if text.lower().startswith("aws:"):
        return "begins with aws:, which AWS reserves; choose another"
    bad = next((c for c in text if unicodedata.category(c)[0] not in "LZN" and c not in "_.:/=+-@"), None)
    return f"contains {bad!r}; letters, digits, spaces and _ . : / = + - @ are allowed" if bad else None


# What stacks/base.py sets by itself. Next to "project" a "Project" of somebody else would be the same key twice for IAM.
_OUR_TAGS = {"project": "the project's name", "stack": "the stack's name"}


def _tag_key(key: str) -> str | None:
    ours = key.lower()
    if ours not in _OUR_TAGS:
        return _tag(key)
    again = "" if key == ours else f"{ours} to IAM, which ignores case; {ours} is "
    return f"is {again}set on every resource, with {_OUR_TAGS[ours]}; choose another key"


# https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html, the narrowest of the services used here
TagKey = Annotated[str, Text("(?!\\s).*(?<!\\s)", "a tag key without spaces around it", 128, _tag_key)]


def _tag_value(text: str) -> str:
    wrong = f"has {len(text)} characters, at most 256 are allowed" if len(text) > 256 else _tag(text)
    if wrong:
        raise ValueError(f"{show(text)} {wrong}")
    return text


TagValue = Annotated[str, AfterValidator(_tag_value), WithJsonSchema({"type": "string", "maxLength": 256})]


def _tags(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > 48:
        raise ValueError(f"{len(tags)} tags; at most 48: a resource takes 50, and each gets project and stack")
    seen: dict[str, str] = {}
    for key in tags:
        other = seen.setdefault(key.lower(), key)
        if other != key:
            raise ValueError(f"{show(other)} and {show(key)} differ only in case, which is one key for IAM; keep one")
    return tags


# 50 tags: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
# Keys in IAM ignore case: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
Tags = Annotated[dict[TagKey, TagValue], AfterValidator(_tags)]


class Bound(NamedTuple):
    """One clause of a version constraint."""

    operator: str
    version: tuple[int, ...]
    prerelease: str


_CLAUSE = r" *(=|!=|>=|<=|>|<|~>)? *([0-9]{1,9}(?:\.[0-9]{1,9}){0,2})(-[0-9A-Za-z.-]+)? *"


def clauses(constraint: str) -> list[Bound]:
    """https://developer.hashicorp.com/terraform/language/expressions/version-constraints"""
    found: list[Bound] = []
    for part in constraint.split(","):
        match = re.fullmatch(_CLAUSE, part)
        if not match:
            raise ValueError(f"{show(part.strip())} is not a version constraint such as >= 1.11.0 or ~> 1.11")
        found.append(Bound(match[1] or "=", tuple(int(n) for n in match[2].split(".")), match[3] or ""))
    return found


def excludes_below(constraint: str, version: tuple[int, int, int]) -> bool:
    """Whether no version below ``version`` satisfies ``constraint``. A pre-release counts as below its release."""
    for bound in clauses(constraint):
        least = (*bound.version, 0, 0)[:3]
        if bound.operator in ("=", ">=", "~>", ">") and (least, not bound.prerelease) >= (version, True):
            return True
    return False


def _constraint(text: str) -> str:
    found = clauses(text)
    if len(found) > 1 and any(bound.operator == "=" for bound in found):
        raise ValueError("an exact version cannot be combined with other conditions; use >= and <")
    return text


Constraint = Annotated[str, AfterValidator(_constraint), WithJsonSchema({"type": "string", "minLength": 1})]

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

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BucketName = Annotated[
    str,
    Text(
        "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "a bucket name: 3 to 63 lower-case letters, digits, dots and hyphens",
        63,
        _reserved_bucket,
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


def _path(path: str) -> str | None:
    if ".." in path.split("/"):
        return "leaves the folder with '..'; name a path inside it"
    return "begins with '-'; write ./ before it" if path.startswith("-") else None


_SEGMENT = "[A-Za-z0-9_.@+-]+"
RelativePath = Annotated[
    str,
    Text(
        f"{_SEGMENT}(?:/{_SEGMENT})*/?",
        "a relative path: letters, digits, _ . @ + - and / between them, no / first, no spaces",
        wrong=_path,
    ),
]
_GLOB = "[A-Za-z0-9_.@+*?-]+"
Glob = Annotated[
    str,
    Text(f"{_GLOB}(?:/{_GLOB})*", "a relative path with * or ? as wildcards, no spaces", wrong=_path),
]

# No rule of ours: free text, on one line.
Line = Annotated[str, Text(r"[^\r\n]+", "one line of text")]
Reason = Annotated[str, Text(r"[^\r\n]+", "one line of text", instead="say why it may pass")]

# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
RegistryName = Annotated[
    str,
    Text(
        f"{_PART}(?:/{_PART})*",
        "an ECR repository name: 2 to 256 lower-case letters and digits with . _ - or / between them, a letter first",
        256,
        lambda name: (
            "does not begin with a letter" if not name[0].isalpha() else "is too short" if len(name) < 2 else None
        ),
    ),
]

# https://github.com/distribution/reference/blob/main/regexp.go: a name without tag and digest
_IMAGE = f"(?:(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\\.|(?=[:/])))+(?::[0-9]{{1,5}})?/)?{_PART}(?:/{_PART})*"
ImageName = Annotated[
    str,
    Text(_IMAGE, "the image's name as the manifests write it, without tag and digest", 255),
]
PinnedImage = Annotated[
    str,
    Text(
        f"{_IMAGE}@sha256:[0-9a-f]{{64}}",
        "an image with its digest: a tag can move; write name@sha256:... with 64 hexadecimal digits and no tag",
        255 + len("@sha256:") + 64,
    ),
]

# https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html
ClusterName = Annotated[
    str,
    Text("[0-9A-Za-z][A-Za-z0-9_-]*", "an EKS cluster's name: letters, digits, - and _, a letter or digit first", 100),
]
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
Namespace = Annotated[
    str, Text("[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", "a namespace: lower-case letters, digits and hyphens inside", 63)
]
_ID = "-(?:[0-9a-f]{8}|[0-9a-f]{17})"  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
VpcId = Annotated[str, Text(f"vpc{_ID}", "a VPC's id: vpc- and 8 or 17 hexadecimal digits")]
SubnetId = Annotated[str, Text(f"subnet{_ID}", "a subnet's id: subnet- and 8 or 17 hexadecimal digits")]
SecurityGroupId = Annotated[str, Text(f"sg{_ID}", "a security group's id: sg- and 8 or 17 hexadecimal digits")]

# No user and password, nothing a shell or Terraform's ${} would read.
HttpsUrl = Annotated[
    str,
    Text(
        rf"https://(?:{_LABEL}\.)*{_LABEL}(?::[0-9]{{1,5}})?(?:/[A-Za-z0-9._~:/?=&%+,@-]*)?",
        "an https URL such as https://staging.example.com/ without user, password and special characters",
        2000,
    ),
]


def _branch(name: str) -> str | None:
    """https://git-scm.com/docs/git-check-ref-format, and CodeCommit's own: no 40 hexadecimal digits."""
    if re.search(r"\.\.|//|@\{|\.lock(?:/|$)|(?:^|/)\.|\.$", name) or name.startswith(("/", "-")) or name == "@":
        return "is not a branch name that git accepts"
    return (
        "looks like a commit id; CodeCommit refuses that as a branch" if re.fullmatch("[0-9a-fA-F]{40}", name) else None
    )


# https://docs.aws.amazon.com/codecommit/latest/userguide/limits.html (256 characters). Git allows quotes and $ as well;
# a name that shells or Terraform's ${} would read as theirs is refused all the same.
_BRANCH = r"""[^\s/~^:?*\[\]\\"'`$;&|<>(){}!%]+"""
_BRANCHES = f"{_BRANCH}(?:/{_BRANCH})*"
BranchName = Annotated[
    str,
    Text(_BRANCHES, "a branch name without spaces, wildcards, quotes and other special characters", 256, _branch),
]
BranchPattern = Annotated[
    str,
    Text(
        rf"\*|{_BRANCHES}(?:/?|\*|/\*)",
        'a branch (main), a beginning (feature/ or release-*) or "*" for all; a * can only be last',
        256,
        lambda text: None if text == "*" else _branch(text.rstrip("*").rstrip("/")),
    ),
]


MakeTarget = Annotated[
    str, Text("[a-z][a-z0-9-]*", "a target of the Makefile: lower-case letters, digits and hyphens, a letter first", 40)
]


def _date(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{show(value)} is no day of the calendar") from None
    raise ValueError(f"{show(value)} is not a date; write year-month-day, such as 2027-01-31")


Day = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]

# CodeBuild's longest and shortest build: https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CreateProject.html
BuildMinutes = Annotated[int, Field(ge=5, le=2160)]
# A wait inside a build, which a deploy does twice (there and back): 2,160 minutes are the longest build.
WaitMinutes = Annotated[int, Field(ge=1, le=1000)]
