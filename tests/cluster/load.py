"""A steady load on the public address: reads, writes and chat streams, all accounted for."""

import asyncio
import json
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

PATIENCE_S = 60.0
"""The timeout in seconds for the start of a response. A missing response is a failure."""
AGAIN_S = 90.0
"""The timeout in seconds for resuming an interrupted reply."""


@dataclass
class Report:
    """The results of the load."""

    counts: Counter[str] = field(default_factory=Counter)
    """The number of successful requests by type."""
    failures: list[str] = field(default_factory=list)
    """The failed requests, each with its time, type and error."""
    torn: list[str] = field(default_factory=list)
    """Scripts that a page referenced but another version's pod could not serve."""
    unavailable: list[str] = field(default_factory=list)
    """Clear refusals: 503 problem documents with a Retry-After header."""
    written: list[str] = field(default_factory=list)
    """The titles of the acknowledged tasks."""
    said: list[str] = field(default_factory=list)
    """The messages with complete replies; each creates a task with that title."""
    cuts: Counter[str] = field(default_factory=Counter)
    """Streams that ended early, with or without an `abort` part."""
    slowest: float = 0
    """The duration in seconds of the slowest request other than a stream."""
    seconds: float = 0

    def __str__(self) -> str:
        total = sum(self.counts.values())
        counted = ", ".join(f"{number} {name}" for name, number in sorted(self.counts.items()))
        return (
            f"{total} requests in {self.seconds:.0f} s ({counted}), {len(self.failures)} failed, "
            f"{len(self.torn)} pages without their scripts, "
            f"{len(self.unavailable)} told to come again, cuts {dict(self.cuts)}, "
            f"slowest {self.slowest:.2f} s"
        )


@dataclass
class Person:
    """An account with its token, and a client that keeps connections open like a browser."""

    client: httpx2.AsyncClient
    headers: dict[str, str]

    @classmethod
    async def sign_up(cls, address: str) -> "Person":
        client = httpx2.AsyncClient(base_url=address, timeout=PATIENCE_S, trust_env=False)
        person = {
            "name": "Load",
            "email": f"load-{secrets.token_hex(8)}@example.com",
            "password": secrets.token_urlsafe(16),
        }
        answer = await client.post("/api/auth/sign-up/email", json=person)
        assert answer.status_code == 200, answer.text
        return cls(client, {"Authorization": f"Bearer {answer.headers['set-auth-token']}"})

    async def titles(self) -> Counter[str]:
        """Return the number of tasks with each title."""
        found: Counter[str] = Counter()
        cursor: str | None = ""
        while cursor is not None:
            query = {"limit": "200", **({"cursor": cursor} if cursor else {})}
            answer = await self.client.get("/api/tasks", params=query, headers=self.headers)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found.update(task["title"] for task in page["items"])
            cursor = page["next_cursor"]
        return found


class Load:
    """Generates load in its own thread until it is stopped."""

    def __init__(self, address: str, *, chats: int = 2, comes_again: bool = False) -> None:
        """Create a load for an address; with `comes_again`, repeat writes after a 503 response."""
        self.report = Report()
        self.titles: Counter[str] = Counter()
        """The final number of tasks with each title."""
        self._address, self._chats, self._comes_again = address, chats, comes_again
        self._stopping = threading.Event()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._error: BaseException | None = None
        self._start = time.monotonic()

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Generate load while the block runs; the report is complete afterwards."""
        self._thread.start()
        try:
            assert self._begun.wait(PATIENCE_S), "the load could not begin"
            yield self
        finally:
            self._stopping.set()
            self._thread.join()
        if self._error is not None:
            raise self._error

    def wait_for(self, condition: Callable[[Report], bool]) -> None:
        """Wait until the report fulfills a condition."""
        deadline = time.monotonic() + AGAIN_S
        while not condition(self.report):
            assert self._thread.is_alive(), self._error
            assert time.monotonic() < deadline, f"waited in vain: {self.report}"
            time.sleep(0.05)

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as error:  # noqa: BLE001 - raised where the block ends
            self._error = error
            self._begun.set()

    async def _all(self) -> None:
        writer, talker = await Person.sign_up(self._address), await Person.sign_up(self._address)
        self._begun.set()
        works: list[Callable[[], Coroutine[Any, Any, None]]] = [
            lambda: self._repeat(0.1, lambda: self._read(writer, "/api/tasks?limit=20")),
            lambda: self._repeat(0.2, lambda: self._read(talker, "/api/conversations")),
            lambda: self._repeat(0.5, lambda: self._read(talker, "/sign-in")),
            lambda: self._repeat(0.2, lambda: self._write(writer)),
            lambda: self._repeat(1.0, self._visit),
        ]
        works += [lambda: self._repeat(0.1, lambda: self._talk(talker))] * self._chats
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work())
        self.report.seconds = time.monotonic() - self._start
        self.titles = await writer.titles() + await talker.titles()
        await writer.client.aclose()
        await talker.client.aclose()

    async def _repeat(self, pause: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while not self._stopping.is_set():
            await work()
            await asyncio.sleep(pause)

    async def _ask(self, person: Person, method: str, path: str, **given: Any) -> httpx2.Response | None:
        """Return the response; record a failed request and return None."""
        headers = {**person.headers, **given.pop("headers", {})}
        began = time.monotonic()
        try:
            answer = await person.client.request(method, path, headers=headers, **given)
        except httpx2.HTTPError as error:
            self._fail(f"{method} {path}", f"{type(error).__name__} {error}")
            return None
        self.report.slowest = max(self.report.slowest, time.monotonic() - began)
        if answer.status_code == 503 and clear(answer):
            self.report.unavailable.append(f"{self._now():.1f} s: {method} {path}")
            return answer
        if answer.status_code >= 400:
            self._fail(f"{method} {path}", f"{answer.status_code} {answer.text[:200]}")
            return None
        return answer

    async def _read(self, person: Person, path: str) -> None:
        answer = await self._ask(person, "GET", path)
        if answer is not None and answer.status_code == 200:
            self.report.counts["reads"] += 1

    async def _visit(self) -> None:
        """Load a page and its scripts over several connections, as a browser does on a first visit."""
        limits = httpx2.Limits(max_connections=6)
        async with httpx2.AsyncClient(
            base_url=self._address, limits=limits, timeout=PATIENCE_S, trust_env=False
        ) as client:
            visitor = Person(client, {})
            page = await self._ask(visitor, "GET", "/sign-up")
            if page is None:
                return
            paths = re.findall(r'<script src="([^"]+)"', page.text)
            scripts = await asyncio.gather(*(client.get(path) for path in paths), return_exceptions=True)
        torn = []
        for path, script in zip(paths, scripts, strict=True):
            if isinstance(script, BaseException):
                self._fail(f"GET {path}", f"{type(script).__name__} {script}")
            elif script.status_code == 404:
                torn.append(path)
            elif script.status_code != 200:
                self._fail(f"GET {path}", f"{script.status_code}")
        if torn:
            self.report.torn.append(f"{self._now():.1f} s: {', '.join(torn)}")
        self.report.counts["visits"] += 1

    async def _write(self, person: Person) -> None:
        title, key = f"written {secrets.token_hex(6)}", secrets.token_hex(16)
        deadline = time.monotonic() + AGAIN_S
        while time.monotonic() < deadline:
            answer = await self._ask(
                person, "POST", "/api/tasks", json={"title": title}, headers={"Idempotency-Key": key}
            )
            if answer is not None and answer.status_code == 201:
                self.report.counts["writes"] += 1
                self.report.written.append(title)
                return
            if not self._comes_again:
                return
            await asyncio.sleep(0.5)
        self._fail("POST /api/tasks", f"never accepted again: {title}")

    async def _talk(self, person: Person) -> None:
        """Send a message; if the reply is interrupted, resume it with the same key."""
        message = {"message": f"said {secrets.token_hex(6)}", "idempotency_key": secrets.token_hex(16)}
        deadline = time.monotonic() + AGAIN_S
        while time.monotonic() < deadline:
            if await self._stream(person, message):
                self.report.counts["replies"] += 1
                self.report.said.append(message["message"])
                return
            await asyncio.sleep(0.5)
        self._fail("POST /api/chat", f"no whole reply to {message['message']}")

    async def _stream(self, person: Person, message: dict[str, str]) -> bool:
        """Return whether the reply is complete."""
        began = False
        try:
            async with person.client.stream(
                "POST", "/api/chat", json=message, headers=person.headers
            ) as answer:
                if answer.status_code == 409:
                    return False
                if answer.status_code != 200:
                    await answer.aread()
                    if answer.status_code == 503 and clear(answer):
                        self.report.unavailable.append(f"{self._now():.1f} s: POST /api/chat")
                    else:
                        self._fail("POST /api/chat", f"{answer.status_code} {answer.text[:200]}")
                    return False
                async for line in answer.aiter_lines():
                    began = True
                    if not line.startswith("data: {"):
                        continue
                    kind = json.loads(line.removeprefix("data: "))["type"]
                    if kind == "finish":
                        return True
                    if kind == "abort":
                        self.report.cuts["abort"] += 1
                        return False
                    if kind == "error":
                        self._fail("POST /api/chat", line)
                        return False
        except httpx2.HTTPError as error:
            if not began:
                self._fail("POST /api/chat", f"{type(error).__name__} {error}")
                return False
        self.report.cuts["without a word"] += 1
        return False

    def _fail(self, what: str, how: str) -> None:
        self.report.failures.append(f"{self._now():.1f} s: {what}: {how}")

    def _now(self) -> float:
        return time.monotonic() - self._start


def clear(answer: httpx2.Response) -> bool:
    """Return whether a refusal explains the problem and when to retry."""
    return "json" in answer.headers.get("content-type", "") and "retry-after" in answer.headers
