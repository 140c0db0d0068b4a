"""What the models of ``pipelines.yaml`` share."""

from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_M = TypeVar("_M", bound=BaseModel)


def over(own: _M, base: _M) -> _M:
    """``base`` with every key that ``own`` sets."""
    return base.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})


class Model(BaseModel):
    # Strict: YAML knows numbers, texts and truth values apart, and so do we. Deferred: only the whole is ever built.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True, validate_by_alias=True)


@dataclass(frozen=True)
class Alone:
    """One key's value where a mapping with that key could stand."""

    key: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The value becomes the mapping with that key."""
        return core_schema.no_info_before_validator_function(
            lambda given: given if isinstance(given, dict) else {self.key: given}, handler(source)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either form."""
        mapping = handler(schema)
        return {"anyOf": [handler.resolve_ref_schema(mapping)["properties"][self.key], mapping]}
