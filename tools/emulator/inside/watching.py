"""CloudTrail and AWS Config keep what they were given: the emulators forget a part of it."""

from __future__ import annotations

import json
from typing import Any

import moto.config.models
from gaps import Gap, replace
from ministack.services import cloudtrail


def _trail_as_given() -> None:
    def created(given: dict[str, Any]) -> Any:
        answer = create(given)
        if answer[0] == 200:
            arn = json.loads(answer[2])["TrailARN"]
            kept = {"CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn"} & set(given)
            cloudtrail._DISPATCH["UpdateTrail"]({"Name": given["Name"], **{name: given[name] for name in kept}})
            cloudtrail._DISPATCH["AddTags"]({"ResourceId": arn, "TagsList": given.get("TagsList", [])})
        return answer

    create = cloudtrail._DISPATCH["CreateTrail"]
    cloudtrail._DISPATCH["CreateTrail"] = created


def _scope_by_tag() -> None:
    def to_dict(self: Any) -> dict[str, Any]:
        shown = dict(given(self))
        for key, value in (self.tags or {}).items():
            shown |= {"TagKey": key, "TagValue": value}
        return shown

    scope = moto.config.models.Scope
    given = scope.to_dict
    replace(scope, "to_dict", to_dict)


GAPS = (
    Gap("cloudtrail", "a new trail keeps its log group, its role and its tags", _trail_as_given),
    Gap("config", "a rule is looked up with the tag that its scope names", _scope_by_tag),
)
