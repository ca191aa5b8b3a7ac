"""People who add tasks all the time, and the count of what became of each task.

Every task has a title of its own and a key: a request without an answer is repeated with the same key, as the
application's pages do. Afterwards each acknowledged task must exist, once.
"""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx2
import psutil

WRITERS = 3
PAUSE_SECONDS = 0.3
"""Between two tasks of a writer: together they stay below the limit of changes."""
RETRY_SECONDS = 0.2
ANSWER_SECONDS = 15.0
RECOVERY_SECONDS = 60.0


@dataclass(frozen=True)
class Count:
    """What became of the tasks."""

    acknowledged: int
    repeated: int
    """Requests that were sent again, because they got no answer or 429, 500 to 599."""
    lost: int
    doubled: int
    recovery_seconds: float
    """From the end of the fault to the next task that every writer added."""

    def __str__(self) -> str:
        return (
            f"acknowledged {self.acknowledged}, repeated {self.repeated}, lost {self.lost}, "
            f"doubled {self.doubled}, recovered in {self.recovery_seconds:.1f} s"
        )


@dataclass
class Load:
    """Writers on one account."""

    address: str
    acknowledged: set[str] = field(default_factory=set)
    latest: dict[int, float] = field(default_factory=dict)
    """When each writer last began a task that was acknowledged."""
    repeated: int = 0
    unexpected: list[str] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _cookies: httpx2.Cookies = field(default_factory=httpx2.Cookies)

    def sign_up(self) -> None:
        """Create the account."""
        person = {"name": "Ada", "email": f"{secrets.token_hex(8)}@example.com", "password": "correct horse"}
        with self._client() as client:
            assert client.post("/api/auth/sign-up/email", json=person).status_code == 200
            self._cookies = client.cookies

    def wait_for_all(self, since: float, seconds: float = RECOVERY_SECONDS) -> float:
        """Wait until every writer has added a task that it began after a moment; return the seconds."""
        while not all(self.latest.get(number, 0) > since for number in range(WRITERS)):
            waited = time.monotonic() - since
            assert waited < seconds, f"no task could be added for {waited:.0f} s: {self.unexpected[-3:]}"
            time.sleep(0.05)
        return time.monotonic() - since

    def write(self, number: int) -> None:
        """Add tasks until the end."""
        with self._client() as client:
            while not self._ended.is_set():
                title, began = f"{number}-{secrets.token_hex(8)}", time.monotonic()
                while not self._add(client, title):
                    self.repeated += 1
                    if self._ended.wait(RETRY_SECONDS):
                        return
                self.acknowledged.add(title)
                self.latest[number] = began
                self._ended.wait(PAUSE_SECONDS)

    def count(self, recovery_seconds: float) -> Count:
        """Compare what was acknowledged with what exists."""
        found: Counter[str] = Counter()
        with self._client() as client:
            cursor = ""
            while True:
                query = {"status": "all", "limit": "100", **({"cursor": cursor} if cursor else {})}
                page = client.get("/api/tasks", params=query).json()
                found.update(task["title"] for task in page["items"])
                cursor = page["next_cursor"]
                if not cursor:
                    break
        lost = self.acknowledged - found.keys()
        doubled = [title for title, times in found.items() if times > 1]
        return Count(len(self.acknowledged), self.repeated, len(lost), len(doubled), recovery_seconds)

    def end(self) -> None:
        self._ended.set()

    def _add(self, client: httpx2.Client, title: str) -> bool:
        try:
            answer = client.post("/api/tasks", json={"title": title}, headers={"Idempotency-Key": title})
        except httpx2.TransportError:
            return False
        if answer.status_code == 201:
            return True
        if answer.status_code < 500 and answer.status_code != 429:
            self.unexpected.append(f"{answer.status_code} {answer.text[:200]}")
        return False

    def _client(self) -> httpx2.Client:
        headers = {"Origin": self.address}
        return httpx2.Client(
            base_url=self.address, headers=headers, cookies=self._cookies, timeout=ANSWER_SECONDS
        )


@contextmanager
def load_on(address: str) -> Iterator[Load]:
    """Run writers while the block runs; it begins when each has added a task."""
    load = Load(address)
    load.sign_up()
    threads = [threading.Thread(target=load.write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        load.wait_for_all(time.monotonic())
        yield load
    finally:
        load.end()
        for thread in threads:
            thread.join()


def suspend(processes: Sequence[psutil.Process], seconds: float) -> None:
    """Suspend processes for a while: their connections stay open, and nothing answers."""
    for process in processes:
        process.suspend()
    time.sleep(seconds)
    for process in processes:
        process.resume()
