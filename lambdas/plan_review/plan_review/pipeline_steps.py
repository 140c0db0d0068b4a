"""Actions of a pipeline, and which of them judge or deliver.

https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-pipeline-structure.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from plan_review.values import Value

# Builds that judge, by the words of their names; other actions by their category.
JUDGES: Final = re.compile(
    r"(?:^|[^a-z])(?:scan(?:s|ner|ning)?|test(?:s|ing)?|lint|audit|verify|verif\w*|check(?:s|er)?|gate|guard|grype|trivy|snyk|zap|"
    r"semgrep|gitleaks|git-secrets|checkov|tfsec|sonar\w*|bandit|codeql|sast|dast|secrets?|seal|clair|kics|ecr|sbom|policy|"
    r"review|approv\w*|importer)(?:$|[^a-z])",
    re.IGNORECASE,
)
DELIVERS: Final = re.compile(
    r"(?:^|[^a-z])(?:deploy\w*|publish\w*|push|release|promote|rollout)(?:$|[^a-z])", re.IGNORECASE
)


@dataclass(frozen=True)
class Step:
    """One action. ``order``: stage's number and run order; actions of the same order run beside each other."""

    stage: str
    name: str
    category: str
    provider: str
    order: tuple[int, int]
    configuration: Mapping[str, Any]
    owner: str = ""
    region: str = ""
    inputs: tuple[Value, ...] = ()
    outputs: tuple[Value, ...] = ()
    namespace: Value = None

    @property
    def key(self) -> tuple[str, str]:
        """How it is told from others: by its name, wherever it stands, and what it is."""
        return self.name, self.category

    @property
    def target(self) -> tuple[str, str, Mapping[str, Any]]:
        """What a delivery brings something to."""
        return self.category, self.provider, self.configuration

    @property
    def judges(self) -> bool:
        """Whether it is a gate: an approval, a test, a function that answers, or a build with such a name."""
        if self.category in ("Approval", "Test", "Invoke"):
            return True
        return self.category in ("Build", "Compute") and bool(JUDGES.search(f" {self.name} ")) and not self.delivers

    @property
    def delivers(self) -> bool:
        """Whether it brings something somewhere."""
        return self.category == "Deploy" or (
            self.category in ("Build", "Compute") and bool(DELIVERS.search(f" {self.name} "))
        )


def steps(pipeline: Mapping[str, Any]) -> list[Step] | None:
    """Its actions; None if they cannot be seen."""
    stages = pipeline.get("stage")
    if not isinstance(stages, list) or any(
        not isinstance(stage, dict) or not isinstance(stage.get("action"), list) for stage in stages
    ):
        return None
    found = []
    for number, stage in enumerate(stages):
        for action in stage["action"]:
            if not isinstance(action, dict):
                return None
            order = action.get("run_order")
            configuration = action.get("configuration")
            found.append(
                Step(
                    stage=str(stage.get("name")),
                    name=str(action.get("name")),
                    category=str(action.get("category")),
                    provider=str(action.get("provider")),
                    order=(number, order if isinstance(order, int) else 1),
                    configuration=configuration
                    if isinstance(configuration, dict)
                    else {}
                    if configuration is None
                    else {"configuration": configuration},
                    owner=_text(action.get("owner")),
                    region=_text(action.get("region")),
                    inputs=_several(action.get("input_artifacts")),
                    outputs=_several(action.get("output_artifacts")),
                    namespace=action.get("namespace"),
                )
            )
    return found


def _several(value: Value) -> tuple[Value, ...]:
    return tuple(value) if isinstance(value, list) else () if value is None else (value,)


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""
