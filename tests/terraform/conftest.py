"""The real Terraform and the real AWS provider. Missing: a skip on a user's machine, a failure on CI."""

from __future__ import annotations

import os

import pytest

from tools.terraform_cli import Terraform, TerraformMissingError, find


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform with the provider at hand."""
    try:
        return find(tmp_path_factory.mktemp("terraform"))
    except TerraformMissingError as error:
        if os.environ.get("CI"):
            pytest.fail(f"{error}: needed on CI")
        pytest.skip(str(error))
