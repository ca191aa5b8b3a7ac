"""`clean --images` removes images of this project that nothing uses, and no other."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from automation import settings
from automation.console.events import Event, Notice, Result
from automation.docker.cli import Docker
from automation.images import outdated
from automation.images.outdated import Unused, unused


def row(identity: str, name: str, size: str = "135MB") -> dict[str, str]:
    repository, _, tag = name.partition(":")
    return {"ID": identity, "Repository": repository, "Tag": tag, "Size": size}


def test_only_old_builds_without_a_container_or_another_name_are_unused() -> None:
    rows = [
        row("old", "todo-backend:0123456789ab"),
        row("old", "todo-backend:0123456789ac"),
        row("current", "todo-backend:aaaaaaaaaaaa"),
        row("running", "todo-backend:bbbbbbbbbbbb"),
        row("named", "todo-backend:cccccccccccc"),
        row("named", "todo-backend:latest"),
        row("pushed", "todo-backend:dddddddddddd"),
        row("pushed", "localhost:5000/me/todo-backend:v1.0.0"),
        row("foreign", "other-backend:0123456789ab"),
        row("unnamed", "<none>:<none>", "1.09GB"),
        row("foreign unnamed", "<none>:<none>"),
        row("running unnamed", "<none>:<none>"),
    ]
    found = unused(
        rows,
        repositories={"todo-backend"},
        current={"todo-backend:aaaaaaaaaaaa"},
        unnamed={"unnamed", "running unnamed"},
        used={"running", "running unnamed"},
    )
    assert found == [
        Unused("old", ("todo-backend:0123456789ab", "todo-backend:0123456789ac"), 135 * 10**6),
        Unused("unnamed", (), 1090 * 10**6),
    ]


class Daemon:
    """A Docker with images, of which a container uses one."""

    root = settings.load({}).root

    def __init__(self, *names: str, used: str = "") -> None:
        self.names = list(names)
        self.used = used

    async def json(self, *words: str) -> list[dict[str, str]]:
        if words[0] == "container":
            return [{"Image": f"id of {self.used}"}]
        return [row(f"id of {name}", name) for name in self.names]

    async def run(self, *words: str) -> str:
        match words[:2]:
            case ("container", "ls"):
                return "one" if self.used else ""
            case ("image", "rm"):
                self.names = [name for name in self.names if name not in words[2:]]
        return ""


def test_every_unused_image_is_removed_at_once_and_then_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, used = (f"todo-backend:{number:012x}" for number in (1, 2, 3))
    daemon = Daemon(first, second, used, "todo-backend:latest", used=used)
    monkeypatch.setattr(Docker, "find", lambda _: daemon)
    events: list[Event] = []

    def clean(*, dry_run: bool) -> tuple[list[str], Mapping[str, Any]]:
        events.clear()
        asyncio.run(outdated.clean(settings.load({}), events.append, yes=True, dry_run=dry_run))
        [result] = [event.data for event in events if isinstance(event, Result)]
        return [line for event in events if isinstance(event, Notice) for line in event.lines], result

    lines, result = clean(dry_run=True)
    assert lines[-1] == "2 images would be removed, at most 270 MB."
    assert (len(daemon.names), result["removed"]) == (4, False)
    assert clean(dry_run=False)[1] == {"images": [[first], [second]], "bytes": 270 * 10**6, "removed": True}
    assert daemon.names == [used, "todo-backend:latest"]
    assert clean(dry_run=False) == (
        ["Every image of this project is in use."],
        {"images": [], "bytes": 0, "removed": False},
    )
