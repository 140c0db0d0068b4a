"""What AWS Config is asked to look at, by its own limits."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
import pytest

from modules.compliance_rules import rules

PRIVILEGED = "codebuild-project-environment-privileged-check"


@pytest.mark.parametrize("deliveries", [0, 1, 20, 21, 100])
def test_every_rules_parameters_fit_aws_configs_limit(deliveries: int) -> None:
    shape: Any = botocore.session.get_session().get_service_model("config").shape_for("ConfigRule")
    limit = shape.members["InputParameters"].metadata["max"]
    builds = [f"acme-{'p' * 33}-{number:03}-image" for number in range(deliveries)]
    made = rules(builds)
    assert all(len(rule.input or "") <= limit for rule in made)
    found = [rule for rule in made if rule.name == PRIVILEGED]
    if deliveries > 20:  # not an exemption less: then it is left out
        assert found == []
    elif deliveries:
        assert json.loads(found[0].input or "") == {"exemptedProjects": ",".join(builds)}
    else:
        assert found[0].input is None
