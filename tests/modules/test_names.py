"""Names are contracts between stacks; limits are AWS's (see modules/names.py for the pages)."""

from __future__ import annotations

import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from modules.names import ROLE, Names, fit

NAME = st.from_regex(r"[a-z][a-z0-9-]{0,60}[a-z0-9]", fullmatch=True)


def test_what_fits_stays_as_it_is() -> None:
    assert fit("acme-payments", 20) == "acme-payments"
    assert fit("x" * 64, 64) == "x" * 64


def test_what_does_not_fit_keeps_its_beginning_and_gets_a_hash_of_the_whole() -> None:
    name = "acme-" + "p" * 80
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    assert fit(name, 64) == "acme-" + "p" * 50 + "-" + digest


@given(NAME, NAME, st.integers(min_value=20, max_value=64))
def test_trimming_keeps_the_limit_and_tells_names_apart(first: str, second: str, limit: int) -> None:
    assert len(fit(first, limit)) <= limit
    assert re.fullmatch(r"[a-z0-9-]+", fit(first, limit))
    if first != second:
        assert fit(first, limit) != fit(second, limit)


def test_the_names_of_the_architecture() -> None:
    names = Names("acme")
    assert names.key_alias == "alias/acme"
    assert names.pipeline("payments") == "acme-payments"
    assert names.build("payments", "grype") == "acme-payments-grype"
    assert names.function("findings-importer") == "acme-findings-importer"
    assert names.registry("payments") == "acme/payments"
    assert names.bucket("reports", "123456789012", "eu-central-1") == "acme-reports-123456789012-eu-central-1"


def test_codepipeline_s_artifact_prefix_is_the_first_twenty_characters() -> None:
    assert Names("acme").artifact_prefix("payments-service-europe") == "acme-payments-servic"


@given(NAME, NAME)
def test_builds_have_names_that_a_role_may_have(pipeline: str, action: str) -> None:
    assert len(Names("a" * 20).build(pipeline, action)) <= ROLE
