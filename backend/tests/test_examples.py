"""Every operation of the OpenAPI document has valid examples of its request and its response."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import validator_for

from app.openapi import document

DOCUMENT: dict[str, Any] = json.loads(document())


def bodies() -> Iterator[Any]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            contents = [("request", operation.get("requestBody", {}).get("content", {}))]
            answers = operation["responses"].items()
            contents += [(status, answer.get("content", {})) for status, answer in answers if status < "3"]
            for part, content in contents:
                for kind, media in content.items():
                    yield pytest.param(media, id=f"{method} {path} {part} {kind}")


def examples(media: dict[str, Any]) -> list[Any]:
    schema = media.get("schema", {})
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    named = media.get("examples", {})
    found = [example["value"] for example in named.values()] if isinstance(named, dict) else [*named]
    own = [holder["example"] for holder in (media, schema) if "example" in holder]
    return [*found, *own, *schema.get("examples", [])]


@pytest.mark.parametrize("media", [*bodies()])
def test_each_body_has_valid_examples(media: dict[str, Any]) -> None:
    found = examples(media)
    assert found, "no example"
    schema = {**media.get("schema", {}), "components": DOCUMENT["components"]}
    problems = [error.message for value in found for error in validator_for(schema).iter_errors(value)]
    assert problems == []


def test_changed_operations_of_the_chat_are_described() -> None:
    stop = DOCUMENT["paths"]["/api/conversations/{conversation_id}/stop"]["post"]
    assert "204" in stop["responses"]
    search = DOCUMENT["paths"]["/api/conversations"]["get"]["parameters"]
    assert "q" in {parameter["name"] for parameter in search}
    chat = DOCUMENT["paths"]["/api/chat"]["post"]["requestBody"]["content"]["application/json"]
    assert {"replaces", "message"} <= examples(chat)[0].keys()


def test_the_document_is_made_without_leaving_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    document()
    assert not [*tmp_path.iterdir()]
