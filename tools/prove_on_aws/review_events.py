"""Events of pull requests, and of the builds that plan them."""

from __future__ import annotations

from tools.prove_on_aws.deployed import Deployed
from tools.prove_on_aws.recorded import Named, changed, home, recorded


def pull_requests(deployed: Deployed, review: str) -> tuple[list[Named], list[Named]]:
    """(events that start a build, near misses)"""
    settings = deployed.settings.reviews[review]
    name = settings.repository.name
    patterns = [one for one in settings.branches if one != "*"]
    branches = [f"{p.removesuffix('*')}1" if p.endswith(("/", "*")) else p for p in patterns] or ["any/branch"]

    def request(file: str, branch: str, repository: str = name) -> dict[str, object]:
        event = home(deployed, recorded(f"codecommit_pull_request_{file}.json"))
        event["resources"] = [deployed.arn("codecommit", repository)]
        return changed(event, destinationReference=f"refs/heads/{branch}", repositoryNames=[repository])

    taken = [
        (f"{word} into {branch}", request(file, branch))
        for branch in branches
        for word, file in (("a pull request", "created"), ("a push to a pull request", "updated"))
    ]
    closed = changed(request("updated", branches[0]), pullRequestStatus="Closed")
    misses = [
        ("a closed one", closed),
        ("another repository", request("created", branches[0], f"{name}-2")),
        ("a merge", changed(request("updated", branches[0]), **{"event": "pullRequestMergeStatusUpdated"})),
    ]
    if patterns == settings.branches:
        # No pattern begins with a hyphen: Git refuses such a branch, so this one is never among them.
        misses.append(("another branch", request("created", f"-{branches[0]}")))
    return taken, misses


def builds(deployed: Deployed, review: str) -> tuple[list[Named], list[Named]]:
    """(ends of a build, near misses)"""
    project = deployed.names.build(review, "plan")
    ended = changed(home(deployed, recorded("codebuild_build_ended.json")), **{"project-name": project})
    ends = ("SUCCEEDED", "FAILED", "FAULT", "STOPPED", "TIMED_OUT")
    return [(f"{end}", changed(ended, **{"build-status": end})) for end in ends], [
        ("a build that runs", changed(ended, **{"build-status": "IN_PROGRESS"})),
        ("another project", changed(ended, **{"project-name": f"{project}-2"})),
    ]
