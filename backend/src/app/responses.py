"""Responses that are serialised once, from values that this program made itself.

FastAPI would validate them against their model before it serialises them. The model remains in the OpenAPI
document as the `response_model` of the endpoint.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import Response
from pydantic_core import to_json


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response of models, rows and plain values."""
    return Response(to_json(content), status, headers, media_type="application/json")
