"""Batches, throttling, partial failure and limits, against a fake as strict as the service."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.asff import Account
from findings.delivery import Batches, Failure, Pace
from findings.security_hub import SecurityHub, SwitchedOffError, UndeliveredError, Workflow
from security_hub_fake import ACCOUNT, REGION, Clock, FakeSecurityHub, document


def documents(number: int, **more: Any) -> list[dict[str, Any]]:
    return [document(f"finding/{index:04}", **more) for index in range(number)]


def hub(fake: FakeSecurityHub, remaining: Callable[[], float] | None = None) -> SecurityHub:
    clock = fake.clock
    return SecurityHub(
        fake,
        Account("aws", REGION, ACCOUNT),
        clock.monotonic,
        clock.sleep,
        remaining or clock.remaining(),
        jitter=lambda: 0.5,
    )


def requests(fake: FakeSecurityHub, operation: str) -> list[int]:
    return [number for name, number in fake.requests if name == operation]


# --- batches ---------------------------------------------------------------------------------------------------------


def test_findings_go_in_batches_of_100() -> None:
    fake = FakeSecurityHub()
    assert hub(fake).import_findings(documents(250)) == {}
    assert requests(fake, "BatchImportFindings") == [100, 100, 50]
    assert len(fake.findings) == 250
    assert fake.clock.slept == 0


def test_nothing_is_no_request() -> None:
    fake = FakeSecurityHub()
    assert hub(fake).import_findings([]) == {}
    assert hub(fake).update_workflow([], "NEW", "note", "me") == {}
    assert hub(fake).workflow([]) == ({}, {})
    assert fake.requests == []


def big(name: str, size: int) -> dict[str, Any]:
    """A document of exactly ``size`` bytes as JSON."""
    details = [{f"{index:02}": "x" * 1000 for index in range(40)} for _ in range(4)]
    resources = [{"Type": "Other", "Id": "payments", "Details": {"Other": other}} for other in details]
    fields = {f"{index:02}": "x" for index in range(45)}
    result = document(name, Resources=resources, ProductFields=fields)
    for key in fields:
        fields[key] += "x" * min(2000, size - len(json.dumps(result)))
    assert len(json.dumps(result)) == size
    return result


def test_findings_go_in_batches_of_6_mb() -> None:
    fake = FakeSecurityHub()
    large = [big(f"finding/{index:04}", 200_000) for index in range(40)]
    assert hub(fake).import_findings(large) == {}
    # 29 of 200,000 bytes and two for each comma leave no room for another in 6,000,000.
    assert requests(fake, "BatchImportFindings") == [29, 11]


def test_a_finding_of_more_than_240_kb_is_named_and_keeps_no_other_back() -> None:
    fake = FakeSecurityHub()
    fields = {f"{index:03}": "é" * 320 for index in range(120)}  # six bytes each in JSON
    too_large = document("too large", ProductFields=fields, UserDefinedFields=dict(fields))
    assert len(json.dumps(too_large)) > 240_000 > len(json.dumps(too_large, ensure_ascii=False).encode())
    failures = hub(fake).import_findings([document("a"), too_large, document("b")])
    assert failures == {"too large": Failure("FindingSizeExceeded")}
    assert set(fake.findings) == {"a", "b"}


@settings(deadline=None, database=None, max_examples=100)
@given(st.lists(st.integers(1, 240_000), max_size=400))
def test_batches_hold_all_once_and_in_order(sizes: list[int]) -> None:
    named = {str(index): size for index, size in enumerate(sizes)}
    batches = Batches(100, 6_000_000, named).split(named)
    assert [name for batch in batches for name in batch] == list(named)
    assert all(0 < len(batch) <= 100 and sum(named[one] for one in batch) <= 6_000_000 for batch in batches)


def test_requests_keep_the_pace_that_is_allowed() -> None:
    fake = FakeSecurityHub()
    assert hub(fake).import_findings(documents(5000)) == {}
    assert fake.requests == [("BatchImportFindings", 100)] * 50  # the fake throttles what is faster
    assert 1.8 < fake.clock.slept < 2.2  # 30 at once, then 10 a second


def test_a_pace_never_saves_more_than_a_burst() -> None:
    clock = Clock()
    pace = Pace(10, 3, clock.monotonic)
    clock.sleep(60)
    assert [round(pace.wait(), 3) for _ in range(5)] == [0, 0, 0, 0.1, 0.2]


# --- failures that pass ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        "ThrottlingException",
        "TooManyRequestsException",
        "LimitExceededException",
        "InternalException",
        ClientError({"Error": {"Code": "503"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "BatchImportFindings"),
        ReadTimeoutError(endpoint_url="https://securityhub"),
        EndpointConnectionError(endpoint_url="https://securityhub"),
    ],
)
def test_what_passes_is_tried_again(fault: str | Exception) -> None:
    fake = FakeSecurityHub(faults={"BatchImportFindings": [fault, fault]})
    assert hub(fake).import_findings(documents(250)) == {}
    assert len(fake.findings) == 250
    assert fake.clock.slept > 0.5


def test_a_finding_that_failed_is_tried_again_and_no_other() -> None:
    fake = FakeSecurityHub(bad={"finding/0003": ["InternalFailure", "SomethingNew"]})
    assert hub(fake).import_findings(documents(10)) == {}
    assert requests(fake, "BatchImportFindings") == [10, 1, 1]


def test_a_failure_without_a_name_is_one_of_the_whole_batch() -> None:
    class Silent(FakeSecurityHub):
        def batch_import_findings(self, **parameters: Any) -> dict[str, Any]:
            answer = super().batch_import_findings(**parameters)
            return {**answer, "FailedCount": 1, "FailedFindings": []} if len(self.requests) == 1 else answer

    fake = Silent()
    assert hub(fake).import_findings(documents(3)) == {}
    assert requests(fake, "BatchImportFindings") == [3, 3]


def test_what_does_not_pass_in_time_is_named() -> None:
    fake = FakeSecurityHub(faults={"BatchImportFindings": ["ThrottlingException"] * 1000})
    failures = hub(fake, fake.clock.remaining(90)).import_findings(documents(150))
    assert failures == {f"finding/{index:04}": Failure("ThrottlingException", "as planned") for index in range(150)}
    assert fake.clock.slept <= 30  # 60 seconds are kept back


def test_what_was_throttled_once_says_so_when_no_time_is_left_for_the_second_try() -> None:
    fake = FakeSecurityHub(faults={"BatchImportFindings": ["ThrottlingException"] * 2})
    ticks = iter([100.0, 100.0])  # before the first try and before the pause; 60 from then on
    failures = hub(fake, lambda: next(ticks, 60.0)).import_findings(documents(1))
    assert failures == {"finding/0000": Failure("ThrottlingException", "as planned")}
    assert len(fake.requests) == 1


def test_without_time_nothing_is_begun() -> None:
    fake = FakeSecurityHub()
    failures = hub(fake, fake.clock.remaining(60)).import_findings(documents(2))
    assert failures == {"finding/0000": Failure("NoTimeLeft"), "finding/0001": Failure("NoTimeLeft")}
    assert fake.requests == []


def test_time_that_never_ends_is_not_used_for_ever() -> None:
    fake = FakeSecurityHub(bad={"finding/0000": ["InternalFailure*"]})
    failures = hub(fake, lambda: 1000.0).import_findings(documents(2))
    assert {name: one.code for name, one in failures.items()} == {"finding/0000": "InternalFailure"}
    assert fake.clock.slept < 200


def test_a_finding_that_fails_alone_is_tried_as_often_as_the_caller_says_and_throttling_is_waited_for() -> None:
    fake = FakeSecurityHub(bad={"finding/0000": ["InternalFailure*"]})
    failures = hub(fake).import_findings(documents(2), tries=3)
    assert failures == {"finding/0000": Failure("InternalFailure", "no reason given")}
    assert requests(fake, "BatchImportFindings") == [2, 1, 1]
    assert fake.clock.slept < 3
    throttled = FakeSecurityHub(faults={"BatchImportFindings": ["ThrottlingException"] * 6})
    assert hub(throttled).import_findings(documents(2), tries=3) == {}


def test_all_others_are_tried_before_anything_is_tried_again() -> None:
    fake = FakeSecurityHub(bad={"finding/0000": ["InternalFailure*"]})
    hub(fake, fake.clock.remaining(61)).import_findings(documents(250))
    assert len(fake.findings) == 249


# --- failures that stay ----------------------------------------------------------------------------------------------


def test_a_refused_finding_is_named_at_once_with_the_reason() -> None:
    fake = FakeSecurityHub()
    failures = hub(fake).import_findings([document("a"), document("b", Title="x" * 257), document("c")])
    assert failures == {"b": Failure("InvalidInput", "Title: 257 bytes, longer than 256")}
    assert failures["b"].refused
    assert set(fake.findings) == {"a", "c"}
    assert len(fake.requests) == 1


def test_a_request_refused_as_a_whole_is_halved_until_the_culprit_stands_alone() -> None:
    class Picky(FakeSecurityHub):
        def batch_import_findings(self, *, Findings: Any) -> dict[str, Any]:
            if any(one["Id"] == "finding/0007" for one in Findings):
                error = {"Error": {"Code": "InvalidInputException", "Message": "no"}}
                raise ClientError(error, "BatchImportFindings")
            return super().batch_import_findings(Findings=Findings)

    fake = Picky()
    assert hub(fake).import_findings(documents(100)) == {"finding/0007": Failure("InvalidInputException", "no")}
    assert len(fake.findings) == 99


def test_a_document_that_botocore_refuses_stands_alone_too() -> None:
    fake = FakeSecurityHub()
    failures = hub(fake).import_findings([document("a"), document("b", Titel="misspelt"), document("c")])
    assert failures == {"b": Failure("ParamValidationError")}
    assert set(fake.findings) == {"a", "c"}


@pytest.mark.parametrize("fault", ["AccessDeniedException", "ExpiredTokenException", NoCredentialsError()])
def test_what_every_request_would_meet_ends_all(fault: str | Exception) -> None:
    fake = FakeSecurityHub(faults={"BatchImportFindings": [None, fault]})
    failures = hub(fake).import_findings(documents(350))
    code = fault if isinstance(fault, str) else "NoCredentialsError"
    assert {one.code for one in failures.values()} == {code}
    assert set(failures) == {f"finding/{index:04}" for index in range(100, 350)}
    assert len(fake.requests) == 2


def test_an_account_without_security_hub_is_told_what_to_do() -> None:
    fake = FakeSecurityHub(enabled=False)
    with pytest.raises(SwitchedOffError, match=r"enable it, or set singletons\.security_hub to none"):
        hub(fake).import_findings(documents(1))
    with pytest.raises(SwitchedOffError):
        hub(fake).workflow(["a"])
    # Where the provider alone is off: each finding says so.
    off = FakeSecurityHub(bad={"finding/0000": ["InvalidAccess"]})
    with pytest.raises(SwitchedOffError):
        hub(off).import_findings(documents(1))


def test_an_error_names_ids_and_codes_on_one_short_line() -> None:
    failures = {
        f"payments/main/grype-image/CVE-{index}": Failure("InvalidInput", "data\nbad" * 100) for index in range(9)
    }
    failures["ü" * 512] = Failure("NoTimeLeft")
    text = str(UndeliveredError(failures))
    assert text.startswith(
        "Security Hub has not taken 10 findings: InvalidInput (9): payments/main/grype-image/CVE-0, "
    )
    assert "; NoTimeLeft (1): ???" in text
    assert text.isprintable()
    assert text.isascii()
    assert len(text) < 700
    assert UndeliveredError(failures).failures == failures


# --- workflows -------------------------------------------------------------------------------------------------------


def test_workflows_are_read_in_twenties_and_by_pages() -> None:
    fake = FakeSecurityHub(page=7)
    hub(fake).import_findings(documents(45))
    note = {"Text": "t", "UpdatedBy": "ann@example.com", "UpdatedAt": "2026-03-01T12:00:00Z"}
    hub(fake).import_findings([document("noted", Workflow={"Status": "SUPPRESSED"}, Note=note, RecordState="ARCHIVED")])
    found, failures = hub(fake).workflow([*(one["Id"] for one in documents(45)), "noted", "unknown"])
    assert failures == {}
    assert found == {
        **{one["Id"]: Workflow("NEW") for one in documents(45)},
        "noted": Workflow("SUPPRESSED", "ann@example.com", "t", archived=True),
    }
    # 20 + 20 + 7 ids in pages of 7; the unknown one is in no answer.
    assert len(requests(fake, "GetFindings")) == 3 + 3 + 1


def test_a_question_that_is_not_answered_names_its_findings() -> None:
    fake = FakeSecurityHub(faults={"GetFindings": ["AccessDeniedException"]})
    assert hub(fake).workflow(["a", "b"]) == (
        {},
        dict.fromkeys("ab", Failure("AccessDeniedException", "as planned")),
    )


def test_workflows_are_written_in_hundreds() -> None:
    fake = FakeSecurityHub()
    hub(fake).import_findings(documents(150))
    ids = [one["Id"] for one in documents(150)]
    assert hub(fake).update_workflow(ids, "SUPPRESSED", "because", "findings-importer") == {}
    assert requests(fake, "BatchUpdateFindings") == [100, 50]
    assert {one["Workflow"]["Status"] for one in fake.findings.values()} == {"SUPPRESSED"}
    assert {(one["Note"]["Text"], one["Note"]["UpdatedBy"]) for one in fake.findings.values()} == {
        ("because", "findings-importer")
    }


def test_a_finding_that_is_not_shown_yet_is_updated_later() -> None:
    fake = FakeSecurityHub(lag=timedelta(seconds=20))
    hub(fake).import_findings(documents(3))
    assert hub(fake).update_workflow([one["Id"] for one in documents(3)], "SUPPRESSED", "because", "me") == {}
    fake.settle()
    assert {one["Workflow"]["Status"] for one in fake.findings.values()} == {"SUPPRESSED"}


def test_a_finding_that_is_never_found_is_named() -> None:
    fake = FakeSecurityHub()
    hub(fake).import_findings([document("a")])
    failures = hub(fake).update_workflow(["a", "gone"], "SUPPRESSED", "because", "me")
    assert {name: one.code for name, one in failures.items()} == {"gone": "FindingNotFound"}


# --- the fake itself -------------------------------------------------------------------------------------------------


def test_the_fake_leaves_to_the_analyst_what_is_theirs() -> None:
    fake = FakeSecurityHub()
    fake.batch_import_findings(Findings=[document("a")])
    fake.analyst("a", "RESOLVED", "done")
    newer = document("a", Workflow={"Status": "NEW"}, UpdatedAt="2026-03-02T12:00:00.000Z", Title="other")
    fake.batch_import_findings(Findings=[newer])
    assert (fake.findings["a"]["Workflow"], fake.findings["a"]["Title"]) == ({"Status": "RESOLVED"}, "other")
    assert fake.findings["a"]["Note"]["Text"] == "done"
    fake.batch_import_findings(Findings=[{**newer, "Title": "as old"}])
    assert fake.findings["a"]["Title"] == "other"
    archived = {**newer, "RecordState": "ARCHIVED", "UpdatedAt": "2026-03-03T12:00:00.000Z"}
    fake.batch_import_findings(Findings=[archived])
    assert fake.findings["a"]["Workflow"] == {"Status": "RESOLVED"}
    fake.batch_import_findings(Findings=[{**newer, "UpdatedAt": "2026-03-04T12:00:00.000Z"}])
    assert fake.findings["a"]["Workflow"] == {"Status": "NEW"}


def test_the_fake_forgets() -> None:
    fake = FakeSecurityHub()
    fake.batch_import_findings(Findings=[document("active"), document("archived", RecordState="ARCHIVED")])
    fake.clock.sleep(29 * 86400)
    assert len(hub(fake).workflow(["active", "archived"])[0]) == 2
    fake.clock.sleep(86400)
    assert set(hub(fake).workflow(["active", "archived"])[0]) == {"active"}
    fake.clock.sleep(60 * 86400)
    assert hub(fake).workflow(["active", "archived"])[0] == {}


def test_the_fake_throttles() -> None:
    fake = FakeSecurityHub()
    filters = {name: [{"Value": "a", "Comparison": "EQUALS"}] for name in ("Id", "ProductArn")}
    for _ in range(6):
        fake.get_findings(Filters=filters)
    with pytest.raises(ClientError, match="Rate exceeded"):
        fake.get_findings(Filters=filters)
