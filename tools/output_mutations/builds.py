"""Builds with more rights, other variables, or a gate that their buildspec does not ask any more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tools.output_mutations.change import REMOVED, Change, Path, Stack

# Variables that say how something is built or shown; without them a build fails or shows less, and opens nothing.
_HARMLESS = {
    "BRANCH", "BUILD_CONTEXT", "BUILD_SCRIPT", "DOCKERFILE", "ECR_SCAN_TIMEOUT", "OTHER_IMAGES", "REPOSITORY",
    "REPOSITORY_URL", "ROLLOUT_TIMEOUT", "TEST_REPORTS", "ZAP_API_FORMAT", "ZAP_MINUTES",
}  # fmt: skip


def of_builds(stack: Stack) -> Iterator[Change]:
    """CodeBuild projects, roles that they borrow included."""
    projects = stack.get("resource", {}).get("aws_codebuild_project", {})
    for name, project in projects.items():
        here: Path = ("resource", "aws_codebuild_project", name)
        if not project["environment"]["privileged_mode"]:
            yield Change("privileged", (*here, "environment", "privileged_mode"), True)
        for other in projects:
            if other != name:
                yield Change("policy attachment", (*here, "service_role"), f"${{aws_iam_role.{other}_role.arn}}")
                break
        for number, variable in enumerate(project["environment"]["environment_variable"]):
            if variable["name"] not in _HARMLESS:
                place = (*here, "environment", "environment_variable", number)
                yield Change("build", place, REMOVED)
                yield Change("build", (*place, "value"), "other")
        lines = str(project["source"]["buildspec"]).split("\n")
        for number, line in enumerate(lines):
            if re.match(r"\s+(on-failure:|- python3 /opt|- echo \"\$SCRIPTS_SHA256)", line):
                text = "\n".join([*lines[:number], *lines[number + 1 :]])
                inside = f".{_phase(lines[:number])}[{line.strip()}]"
                yield Change("gate in the buildspec", (*here, "source", "buildspec"), text, inside, "removed")
                if line.strip().startswith("- python3"):
                    text = "\n".join([*lines[:number], f"{line} || true", *lines[number + 1 :]])
                    yield Change("gate in the buildspec", (*here, "source", "buildspec"), text, inside, "|| true")


def _phase(lines: Sequence[str]) -> str:
    return next(
        (line.strip(" :") for line in reversed(lines) if re.fullmatch(r"  (install|build|post_build):", line)), ""
    )
