"""A strict parser of the chat's event stream."""

import json
from typing import Any

import httpx2

Part = dict[str, Any]


def parts_of(stream: str) -> list[Part]:
    """Return the parts of a complete event stream, which must end as the protocol requires."""
    *events, done = [event for event in stream.split("\n\n") if event and not event.startswith(":")]
    assert done == "data: [DONE]"
    assert all(event.startswith("data: ") and "\n" not in event for event in events)
    return [json.loads(event.removeprefix("data: "), parse_constant=_no_json) for event in events]


def _no_json(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def text_of(parts: list[Part]) -> str:
    return "".join(part["delta"] for part in parts if part["type"] == "text-delta")


def calls_of(parts: list[Part]) -> list[str]:
    return [part["toolName"] for part in parts if part["type"] == "tool-input-available"]


def error_of(parts: list[Part]) -> str | None:
    """Return the error that ended the reply."""
    return next((part["errorText"] for part in parts if part["type"] == "error"), None)


async def say(person: httpx2.AsyncClient, message: str, **more: Any) -> list[Part]:
    """Send a message and return all parts of the reply."""
    response = await person.post("/api/chat", json={"message": message, **more})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-vercel-ai-ui-message-stream"] == "v1"
    return parts_of(response.text)


class Talk:
    """A conversation that keeps its id between messages."""

    def __init__(self, person: httpx2.AsyncClient, time_zone: str = "Europe/Berlin") -> None:
        self.person = person
        self.time_zone = time_zone
        self.id: str | None = None
        self.parts: list[Part] = []

    async def say(self, message: str) -> str:
        more = {"conversation_id": self.id} if self.id else {}
        self.parts = await say(self.person, message, time_zone=self.time_zone, **more)
        self.id = self.parts[0]["conversation_id"]
        return text_of(self.parts)
