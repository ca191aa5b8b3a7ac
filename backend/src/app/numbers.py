"""Rules for numbers in JSON."""

from typing import Annotated

from pydantic import BeforeValidator, Field


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WholeNumber = Annotated[int, BeforeValidator(_whole), Field(strict=True)]
"""An integer as JSON Schema has it: 90 and 90.0, but not "90" or true."""
