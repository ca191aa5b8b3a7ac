"""The server's clock jumps, backwards and forwards, while people use it.

`libfaketime` replaces the clock of the server's process alone; a file says by how much. The monotonic clock,
which no administrator can set, stays.
"""

import importlib.util
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from backend.tests.chat.stream import parts_of, text_of
from backend.tests.servers import SOURCE, Server
from tests.faults.test_storage import SECRET, ended, migration

PERSON = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}
JUMPS = {"an hour back": -3600, "a year back": -365 * 86_400, "an hour on": 3600, "two days on": 2 * 86_400}


class World:
    """A server with a clock of its own, and a person who is signed in."""

    def __init__(self, address: str, clock: Path, server: Server) -> None:
        self.client = httpx2.Client(base_url=address, headers={"Origin": "http://localhost:3000"}, timeout=30)
        self.clock, self.server = clock, server
        self.conversation = ""

    def jump(self, seconds: int) -> None:
        """Set the server's clock."""
        replacement = self.clock.with_suffix(".new")
        replacement.write_text(f"{seconds:+d}\n", encoding="ascii")
        replacement.replace(self.clock)

    def now(self) -> datetime:
        """Return the server's time: that of a task that it creates."""
        answer = self.client.post("/api/tasks", json={"title": "a clock"})
        assert answer.status_code == 201, answer.text
        return datetime.fromisoformat(answer.json()["created_at"])

    def say(self, message: str) -> str:
        """Send a message of the one conversation, and return the reply."""
        more = {"conversation_id": self.conversation} if self.conversation else {}
        answer = self.client.post("/api/chat", json={"message": message, **more})
        assert answer.status_code == 200, answer.text
        parts = parts_of(answer.text)
        self.conversation = parts[0]["conversation_id"]
        return text_of(parts)


def library() -> str:
    """Return the path of libfaketime. It is only found, because importing it has effects."""
    spec = importlib.util.find_spec("libfaketime")
    assert spec is not None
    assert spec.origin is not None
    [found] = Path(spec.origin).parent.rglob("libfaketime.so.1")
    return str(found)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = tmp_path / "clock"
    clock.write_text("+0\n", encoding="ascii")
    assert ended(migration(tmp_path, ""))[0] == 0
    faked = {
        "BETTER_AUTH_SECRET": SECRET,
        "LD_PRELOAD": library(),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    server = Server(tmp_path, "uvicorn", "app.main:app", source=SOURCE, **faked)
    try:
        server.connect().close()
        world = World(f"http://127.0.0.1:{server.port}", clock, server)
        assert world.client.post("/api/auth/sign-up/email", json=PERSON).status_code == 200
        yield world
        world.client.close()
    finally:
        server.process.terminate()
        output, errors = server.ended()
    tracebacks = [line[-700:] for line in (output + errors).splitlines() if "Traceback" in line]
    assert tracebacks == []


@pytest.mark.parametrize("seconds", JUMPS.values(), ids=JUMPS)
def test_people_go_on_after_the_clock_jumps(
    world: World, seconds: int, request: pytest.FixtureRequest, faults: Callable[[str, object], None]
) -> None:
    before = world.now()
    world.say("add buy milk")
    token = world.client.get("/api/auth/token").json()["token"]
    assert world.client.get("/api/tasks", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    # Up to the limit of sign-ins, which is counted by time.
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: world.client.post("/api/auth/sign-in/email", json=PERSON), range(12))
        assert 429 in [answer.status_code for answer in answers]

    world.jump(seconds)

    moved = world.now() - before
    assert timedelta(seconds=seconds) <= moved <= timedelta(seconds=seconds + 120)
    # Sessions, tasks and their order of changes.
    task = world.client.post("/api/tasks", json={"title": "later"}).json()
    changed = world.client.patch(f"/api/tasks/{task['id']}", json={"title": "much later"})
    assert changed.status_code == 200
    # Nobody is locked out for as long as the clock jumped.
    assert world.client.post("/api/auth/sign-in/email", json=PERSON).status_code == 200
    # A conversation stays in order, and a later message refers to the one before.
    world.say("add call Bob")
    world.say("complete it")
    found = world.client.get(f"/api/conversations/{world.conversation}").json()
    said = [message["parts"][0]["text"] for message in found["messages"] if message["role"] == "user"]
    assert said == ["add buy milk", "add call Bob", "complete it"]
    roles = [message["role"] for message in found["messages"]]
    assert roles == ["user", "assistant"] * 3
    [call] = [
        item
        for item in world.client.get("/api/tasks?status=all").json()["items"]
        if item["title"] == "Call Bob"
    ]
    assert call["status"] == "completed"
    # A token of before ends with its time, and a new one counts.
    renewed = world.client.get("/api/auth/token").json()["token"]
    assert world.client.get("/api/tasks", headers={"Authorization": f"Bearer {renewed}"}).status_code == 200
    faults(f"clock, {request.node.callspec.id}", "session, sign-in, conversation, token: kept")


def test_a_session_ends_when_the_clock_jumps_over_its_end(world: World) -> None:
    world.jump(8 * 86_400)
    assert world.client.get("/api/tasks").status_code == 401
    assert world.client.post("/api/auth/sign-in/email", json=PERSON).status_code == 200
    assert world.now() - datetime.now(UTC) > timedelta(days=7)
