"""Base of every type."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]


class Word(BaseModel):
    """Base of every type here."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_NUMBERS = ("int | None", "float | None", "<class 'int'>", "<class 'float'>")


class Asked(Word):
    """Base of what clients send: true and false are no numbers."""

    @model_validator(mode="before")
    @classmethod
    def _truth_is_no_number(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not any(isinstance(value, bool) for value in given.values()):
            return given
        numbers = {name for name, field in cls.model_fields.items() if str(field.annotation) in _NUMBERS}
        return {name: str(value) if isinstance(value, bool) and name in numbers else value for name, value in given.items()}
