"""Buckets and the key, as those meet them who use them: every call is a real one, with the session of a real role."""

from __future__ import annotations

import json
import ssl
import uuid
from typing import Any

import pytest

from outcomes import DONE, REFUSED, anonymously, outcome, over_plain_http

ARTIFACTS, REPORTS, LOGS = (
    f"acme-{name}-123456789012-eu-central-1" for name in ("artifacts", "reports", "access-logs")
)
ENCRYPTED = (ARTIFACTS, REPORTS)
ALL = (*ENCRYPTED, LOGS)
RUN = "3f2b8c1e-7a4d-4e0b-9c55-0d1e2f3a4b5c"
# What the guard and the inventory believe: docs/threat-model.md.
JUDGED = (
    f"reports/payments/{RUN}/grype-image/verdict.json",
    f"reports/payments/{RUN}/grype-image/findings.json",
    f"reports/payments/{RUN}/grype-image/index.html",
    "inventory/payments/main/grype-image.json.gz",
    "rescans/payments/0/ecr-image/raw.json",
    f"pushes/payments/{'0' * 40}/0.json",
)


@pytest.fixture(scope="module")
def key(applied: Any) -> str:
    """ARN of the project's key."""
    arn: str = applied.client("kms").describe_key(KeyId="alias/acme")["KeyMetadata"]["Arn"]
    return arn


@pytest.fixture(scope="module")
def other_key(applied: Any) -> str:
    """Another key of the same account."""
    arn: str = applied.client("kms").create_key()["KeyMetadata"]["Arn"]
    return arn


@pytest.fixture(scope="module")
def administrator(applied: Any) -> Any:
    """The S3 client of a user who may everything."""
    return applied.administrator.client("s3")


@pytest.mark.parametrize("bucket", ENCRYPTED)
def test_what_is_written_without_a_word_is_under_our_key(administrator: Any, key: str, bucket: str) -> None:
    name = f"probe/{uuid.uuid4()}"
    administrator.put_object(Bucket=bucket, Key=name, Body=b"1")
    head = administrator.head_object(Bucket=bucket, Key=name)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)
    rules = administrator.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert [rule["BucketKeyEnabled"] for rule in rules] == [True]


def test_access_logs_are_encrypted_as_their_delivery_can(administrator: Any) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html: SSE-S3 only."""
    rules = administrator.get_bucket_encryption(Bucket=LOGS)["ServerSideEncryptionConfiguration"]["Rules"]
    assert [rule["ApplyServerSideEncryptionByDefault"] for rule in rules] == [{"SSEAlgorithm": "AES256"}]
    for bucket in ENCRYPTED:
        enabled = administrator.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]
        assert enabled["TargetBucket"] == LOGS


@pytest.mark.parametrize("bucket", ENCRYPTED)
def test_no_other_encryption_is_taken(administrator: Any, key: str, other_key: str, bucket: str) -> None:
    def put(**encryption: str) -> str:
        return outcome(administrator, "put_object", Bucket=bucket, Key="probe/encryption", Body=b"1", **encryption)

    assert put(ServerSideEncryption="aws:kms", SSEKMSKeyId=key) == DONE
    assert put(ServerSideEncryption="aws:kms", SSEKMSKeyId=other_key) == REFUSED
    assert put(ServerSideEncryption="AES256") == REFUSED


@pytest.mark.parametrize("bucket", ALL)
def test_plain_http_is_refused(applied: Any, bucket: str) -> None:

    administrator, plain = applied.administrator, over_plain_http(applied.administrator.client("s3"))
    for operation, given in (("list_objects_v2", {}), ("put_object", {"Key": "probe/http", "Body": b"1"})):
        assert outcome(administrator.client("s3"), operation, Bucket=bucket, **given) == DONE
        assert outcome(plain, operation, Bucket=bucket, **given) == REFUSED
    assert outcome(plain, "get_object", Bucket=bucket, Key="probe/http") == REFUSED


@pytest.mark.parametrize("name", JUDGED)
def test_the_importer_alone_writes_what_is_believed(applied: Any, administrator: Any, name: str) -> None:
    importer = applied.function("findings-importer").client("s3")
    assert outcome(importer, "put_object", Bucket=REPORTS, Key=name, Body=b"1") == DONE
    [version] = [
        one["VersionId"]
        for one in applied.client("s3").list_object_versions(Bucket=REPORTS, Prefix=name)["Versions"]
        if one["IsLatest"]
    ]
    others = [
        administrator,
        applied.build("payments-grype").client("s3"),
        applied.function("release-guard").client("s3"),
    ]
    for other in others:
        assert outcome(other, "put_object", Bucket=REPORTS, Key=name, Body=b"1") == REFUSED
        assert outcome(other, "delete_object", Bucket=REPORTS, Key=name) == REFUSED
        assert outcome(other, "delete_object", Bucket=REPORTS, Key=name, VersionId=version) == REFUSED
    # It never deletes either.
    assert outcome(importer, "delete_object", Bucket=REPORTS, Key=name) == REFUSED


def test_the_recorder_alone_writes_what_an_auditor_reads(applied: Any, administrator: Any) -> None:
    recorder, name = applied.function("release-recorder").client("s3"), f"releases/payments/{RUN}/release.json"
    assert outcome(recorder, "put_object", Bucket=REPORTS, Key=name, Body=b"{}") == DONE
    others = [applied.build("payments-grype"), applied.pipeline("payments")]
    others += [applied.function(one) for one in ("findings-importer", "release-guard", "image-sealer")]
    for client in [administrator, *(one.client("s3") for one in others)]:
        assert outcome(client, "put_object", Bucket=REPORTS, Key=name, Body=b"1") == REFUSED
        assert outcome(client, "delete_object", Bucket=REPORTS, Key=name) == REFUSED
    assert outcome(recorder, "delete_object", Bucket=REPORTS, Key=name) == REFUSED
    assert outcome(recorder, "put_object", Bucket=REPORTS, Key=JUDGED[0], Body=b"1") == REFUSED


def test_a_copy_onto_a_verdict_is_a_write_like_any_other(applied: Any, administrator: Any) -> None:
    administrator.put_object(Bucket=REPORTS, Key="probe/verdict", Body=b'{"verdict": "pass"}')
    copy = {"Bucket": REPORTS, "Key": JUDGED[0], "CopySource": f"{REPORTS}/probe/verdict"}
    assert outcome(administrator, "copy_object", **copy) == REFUSED


def test_raw_reports_are_written_by_their_scanner_and_read_by_the_importer(applied: Any) -> None:
    raw = f"reports/payments/{RUN}/grype-image/raw.json"
    grype, zap = (applied.build(f"payments-{name}").client("s3") for name in ("grype", "zap"))
    importer = applied.function("findings-importer").client("s3")
    assert outcome(grype, "put_object", Bucket=REPORTS, Key=raw, Body=b"{}") == DONE
    assert outcome(zap, "put_object", Bucket=REPORTS, Key=raw, Body=b"{}") == REFUSED
    assert outcome(importer, "put_object", Bucket=REPORTS, Key=raw, Body=b"{}") == REFUSED
    assert outcome(importer, "get_object", Bucket=REPORTS, Key=raw) == DONE
    for reader in (grype, zap, applied.function("release-guard").client("s3")):
        assert outcome(reader, "get_object", Bucket=REPORTS, Key=raw) == REFUSED


def test_a_pipelines_artifacts_are_its_own(applied: Any) -> None:
    """CodePipeline names its folders by 20 characters: acme-python-librarie."""
    root = applied.client("s3")
    own, other = "acme-python-librarie/Source/a1B2c3D", "acme-payments/Source/a1B2c3D"
    for name in (own, other, "images/payments/1/image.tar"):
        root.put_object(Bucket=ARTIFACTS, Key=name, Body=b"1")
    delivery, scan = (applied.pipeline(name).client("s3") for name in ("payments", "python-libraries"))
    build = applied.build("python-libraries-snyk").client("s3")
    for client, mine, foreign in ((scan, own, other), (delivery, other, own), (build, own, other)):
        assert outcome(client, "get_object", Bucket=ARTIFACTS, Key=mine) == DONE
        assert outcome(client, "get_object", Bucket=ARTIFACTS, Key=foreign) == REFUSED
        assert outcome(client, "put_object", Bucket=ARTIFACTS, Key=foreign, Body=b"2") == REFUSED
    assert outcome(build, "get_object", Bucket=ARTIFACTS, Key="images/payments/1/image.tar") == REFUSED


@pytest.mark.parametrize("bucket", ALL)
def test_versioned_private_and_owned(applied: Any, administrator: Any, bucket: str) -> None:
    assert administrator.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert administrator.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    controls = administrator.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert controls == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    public = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        ],
    }
    assert outcome(administrator, "put_bucket_policy", Bucket=bucket, Policy=json.dumps(public)) == REFUSED
    administrator.put_object(Bucket=bucket, Key="probe/public", Body=b"1")
    trust = ssl.create_default_context(cafile=str(applied.emulator.certificate))
    assert anonymously(f"{applied.emulator.url}/{bucket}/probe/public", trust) == 403


@pytest.mark.parametrize("bucket", ALL)
def test_another_account_gets_nothing(applied: Any, administrator: Any, bucket: str) -> None:
    administrator.put_object(Bucket=bucket, Key="probe/foreign", Body=b"1")
    foreign = applied.emulator.known_as("999999999999", "nothing")
    assert foreign.client("sts").get_caller_identity()["Account"] == "999999999999"
    s3 = foreign.client("s3")
    for operation, given in (
        ("get_object", {"Key": "probe/foreign"}),
        ("put_object", {"Key": "probe/foreign", "Body": b"2"}),
        ("list_objects_v2", {}),
        ("get_bucket_policy", {}),
    ):
        assert outcome(s3, operation, Bucket=bucket, **given) == REFUSED, operation


def test_reports_never_expire_and_what_can_be_made_anew_does(administrator: Any) -> None:
    def expiring(bucket: str) -> dict[str, int]:
        rules = administrator.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert {rule["Status"] for rule in rules} == {"Enabled"}
        return {rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in rules if "Expiration" in rule}

    assert expiring(REPORTS) == {}
    assert expiring(ARTIFACTS) == {"images/": 30, "acme-payments/": 90, "acme-python-librarie/": 90}
    assert expiring(LOGS) == {"": 365}


def test_the_key_is_rotated_and_used_through_its_services_only(applied: Any, key: str) -> None:
    kms = applied.client("kms")
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True
    blob = kms.encrypt(KeyId=key, Plaintext=b"1")["CiphertextBlob"]
    assert outcome(applied.administrator.client("kms"), "decrypt", CiphertextBlob=blob, KeyId=key) == DONE
    for session in (
        applied.build("payments-grype"),
        applied.pipeline("payments"),
        applied.function("findings-importer"),
    ):
        client = session.client("kms")
        assert outcome(client, "decrypt", CiphertextBlob=blob, KeyId=key) == REFUSED
        assert outcome(client, "generate_data_key", KeyId=key, KeySpec="AES_256") == REFUSED
        assert outcome(client, "encrypt", KeyId=key, Plaintext=b"1") == REFUSED
