"""What only an execution shows, read from CodePipeline's account of it, from the reports bucket and from CloudTrail."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta

from modules.scanners import SCANNERS
from stacks.settings import DeliveryPipeline, ScanPipeline
from tools.prove_on_aws.aws import Aws, Json, UntriedError
from tools.prove_on_aws.deployed import Deployed
from tools.prove_on_aws.execution import APPROVAL, INTERRUPTED, OVER, Watched, again_command, stop_command
from tools.prove_on_aws.report import Check, WrongError

_PERSON = re.compile(r"arn:aws[a-z-]*:(iam|sts)::\d{12}:(user|assumed-role|federated-user|root)\b.*")
_SEALED = {"SHA256": re.compile(r"[0-9a-f]{64}"), "DIGEST": re.compile(r"sha256:[0-9a-f]{64}")}


def checks(aws: Aws, deployed: Deployed, run: Watched) -> Iterator[Check]:
    """Rows in the order in which the run gets there; one that it did not reach "could not be tried"."""
    settings = deployed.settings.pipelines[run.pipeline]
    read = _History(aws, deployed, run)
    yield Check("run", f"{run.pipeline} {run.id} went as far as it can alone", read.ended)
    yield Check("run", "Source took the commit that the run was started for", read.source)
    if isinstance(settings, ScanPipeline):
        yield Check("run", "the run's variables carry branch and commit", read.variables)
    for stage, action in read.gated():
        yield Check(
            "run", f"{stage}/{action}: its verdict is recorded, its summary exported", read.judged(stage, action)
        )
    if isinstance(settings, DeliveryPipeline):
        yield Check("run", "the sealed digest arrived as a variable", read.sealed)
        yield Check("run", "ECR holds the sealed digest", read.published(settings.registry))
        yield Check("run", "the approval's text was resolved before it was sent", read.asked)
        yield Check("run", "updatedBy of the approval is the approver", read.approved)
        if settings.approval.separation_of_duties:
            yield Check("run", "CodeCommit's event said who pushed", read.pushed(settings.repository.name))


class _History:
    def __init__(self, aws: Aws, deployed: Deployed, run: Watched) -> None:
        self._aws, self._deployed, self._run = aws, deployed, run
        [emitted] = deployed.stacks[run.pipeline]["aws_codepipeline"].values()
        self._declared = [(s["name"], a["name"], a["provider"]) for s in emitted["stage"] for a in s["action"]]

    def _attempt(self, stage: str, action: str) -> Json:
        """The latest attempt that has an end."""
        found = [a for a in self._run.attempts if (a["stageName"], a["actionName"]) == (stage, action)]
        ended = [a for a in found if a.get("status") != "InProgress"]
        if not ended:
            raise UntriedError(f"the run has not got past {stage}/{action}")
        return max(ended, key=lambda one: one["startTime"])

    def _succeeded(self, stage: str, action: str) -> Json:
        attempt = self._attempt(stage, action)
        if attempt["status"] != "Succeeded":
            why = attempt.get("output", {}).get("executionResult", {}).get("externalExecutionSummary", "")
            raise UntriedError(f"{stage}/{action} ended as {attempt['status']}: {why}")
        return attempt

    def ended(self) -> str:
        run, command = self._run, again_command(self._deployed, self._run.pipeline, self._run.id)
        spent = "" if run.spent is None else f", about {run.spent:.4f} USD"
        if run.ended == "Succeeded":
            return f"Succeeded{spent}"
        if run.ended == APPROVAL:
            return f"{APPROVAL}{spent}. Decide, wait for its end, then: {command}"
        if run.ended in (INTERRUPTED, OVER):
            stop = stop_command(self._deployed, run.pipeline, run.id)
            raise UntriedError(f"it {run.ended}{spent}. Stop it: {stop}. Read it later: {command}")
        if run.ended == "Superseded":
            raise UntriedError("a newer run overtook it: start again when nobody pushes")
        failed = [
            f"{a['stageName']}/{a['actionName']}: {a.get('output', {}).get('executionResult', {}).get('externalExecutionSummary', '?')}"
            for a in run.attempts
            if a.get("status") == "Failed"
        ]
        raise WrongError(f"{run.ended}{spent}. {'; '.join(failed) or 'no action says why'}")

    def _commit(self) -> str:
        commit = self._succeeded("Source", "Source").get("output", {}).get("outputVariables", {}).get("CommitId")
        if not commit:
            raise WrongError("Source exports no CommitId")
        return str(commit)

    def source(self) -> str:
        commit = self._commit()
        if self._run.commit and commit != self._run.commit:
            raise WrongError(f"Source took {commit}, the run was started for {self._run.commit}")
        return f"CommitId {commit}" + (
            "" if self._run.commit else " (not started here, so there is nothing to compare)"
        )

    def variables(self) -> str:
        found = {one["name"]: one.get("resolvedValue") for one in self._run.execution.get("variables", ())}
        commit = self._commit()
        if not found.get("BRANCH") or found.get("COMMIT") != commit:
            raise WrongError(f"BRANCH={found.get('BRANCH')}, COMMIT={found.get('COMMIT')}, Source took {commit}")
        return f"BRANCH={found['BRANCH']}, COMMIT={found['COMMIT']}"

    def gated(self) -> Iterator[tuple[str, str]]:
        """Actions that call the gate."""
        for stage, action, provider in self._declared:
            if provider == "CodeBuild" and action in SCANNERS:
                yield stage, action

    def judged(self, stage: str, action: str) -> Callable[[], str]:
        """Its verdicts in the reports bucket; for ECR this shows what enhanced or basic scanning answers for this image."""

        def run() -> str:
            attempt = self._attempt(stage, action)
            prefix = f"reports/{self._run.pipeline}/{self._run.id}/{action}-"
            verdicts = {
                key.split("/")[3]: self._json(key).get("verdict")
                for key in self._keys(prefix)
                if key.endswith("/verdict.json")
            }
            shown = ", ".join(f"{scan} {verdict}" for scan, verdict in sorted(verdicts.items()))
            if not verdicts:
                raise WrongError(f"{attempt['status']}, and no verdict is recorded below {prefix}")
            bad = set(verdicts.values()) - {"pass", "findings"}
            if bad:
                raise WrongError(f"{shown}: the scan itself did not work; its verdict.json says why")
            passed = set(verdicts.values()) == {"pass"}
            summary = attempt.get("output", {}).get("outputVariables", {}).get("SUMMARY")
            if passed and attempt["status"] == "Succeeded" and not summary:
                raise WrongError(f"{shown}, but the action exports no SUMMARY")
            return f"{shown}; {summary or attempt['status']}"

        return run

    def sealed(self) -> str:
        variables = self._succeeded("Build", "seal").get("output", {}).get("outputVariables", {})
        for name, form in _SEALED.items():
            if not form.fullmatch(variables.get(name, "")):
                raise WrongError(f"Build/seal exports {name}={variables.get(name)}")
        return str(variables["DIGEST"])

    def published(self, registry: str) -> Callable[[], str]:
        def run() -> str:
            self._succeeded("Publish", "push")
            digest = self.sealed()
            answer = self._aws.call(
                "ecr", "describe_images", repositoryName=registry, imageIds=[{"imageDigest": digest}]
            )
            return f"{registry}@{answer['imageDetails'][0]['imageDigest']}"

        return run

    def asked(self) -> str:
        attempts = [a for a in self._run.attempts if (a["stageName"], a["actionName"]) == ("Staging", "approve")]
        if not attempts:
            raise UntriedError("the run has not got to Staging/approve")
        latest = max(attempts, key=lambda one: one["startTime"])
        text = latest.get("input", {}).get("resolvedConfiguration", {}).get("CustomData")
        if text is None:
            raise WrongError("resolvedConfiguration has no CustomData: the guard refuses every Production")
        commit = self._commit()
        if not text.startswith(
            f"{self._run.pipeline}: release commit {commit} as {self.sealed()} to production? Scans: "
        ):
            raise WrongError(f"CustomData is {text!r}: the guard refuses every Production")
        return str(text)

    def approved(self) -> str:
        attempt = self._attempt("Staging", "approve")
        who = attempt.get("updatedBy")
        if not who or not _PERSON.fullmatch(who):
            raise WrongError(f"updatedBy is {who}: the guard cannot tell who approved")
        answered = attempt["lastUpdateTime"]
        around = timedelta(minutes=5)
        name = self._deployed.names.pipeline(self._run.pipeline)
        for event in self._aws.pages(
            "cloudtrail", "lookup_events", "Events",
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutApprovalResult"}],
            StartTime=answered - around, EndTime=answered + around,
        ):  # fmt: skip
            record = json.loads(event["CloudTrailEvent"])
            asked = record.get("requestParameters") or {}
            if asked.get("pipelineName") != name or asked.get("actionName") != "approve" or record.get("errorCode"):
                continue
            caller = record.get("userIdentity", {}).get("arn")
            if caller != who:
                raise WrongError(
                    f"updatedBy is {who}, but CloudTrail says that {caller} answered: separation_of_duties is not safe"
                )
            return f"{who}, as CloudTrail says"
        raise UntriedError(
            f"updatedBy is {who}; CloudTrail's event history shows no answer to this approval (yet: it can be 15 minutes late)"
        )

    def pushed(self, repository: str) -> Callable[[], str]:
        def run() -> str:
            commit = self._commit()
            keys = list(self._keys(f"pushes/{repository}/{commit}/"))
            if not keys:
                raise UntriedError(
                    f"no push of {commit} is recorded: push a new commit (and the guard refuses this one)"
                )
            who = {str(self._json(key).get("pusher")) for key in keys}
            odd = sorted(one for one in who if not _PERSON.fullmatch(one))
            if odd:
                raise WrongError(f"callerUserArn is no person's: {', '.join(odd)}")
            return f"callerUserArn {', '.join(sorted(who))}"

        return run

    def _bucket(self) -> str:
        return self._deployed.names.bucket("reports", self._deployed.account, self._deployed.region)

    def _keys(self, prefix: str) -> Iterator[str]:
        answer = self._aws.call(
            "s3", "list_objects_v2", Bucket=self._bucket(), Prefix=prefix, ExpectedBucketOwner=self._deployed.account
        )
        for entry in answer.get("Contents", ()):
            yield entry["Key"]

    def _json(self, key: str) -> Json:
        answer = self._aws.call(
            "s3", "get_object", Bucket=self._bucket(), Key=key, ExpectedBucketOwner=self._deployed.account
        )
        try:
            document = json.loads(answer["Body"].read())
        except ValueError:
            raise WrongError(f"{key} is no JSON") from None
        if not isinstance(document, dict):
            raise WrongError(f"{key} is no JSON object")
        return document
