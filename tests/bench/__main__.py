"""`nox -s bench`: times and memory, each beside the least that this machine takes for that kind of thing.

A time alone says as much about the machine and its other work as about the project. So each measurement
takes turns with a floor, such as a container of the same image that does nothing, and the ratio can be
compared. The project is measured as it is committed, in a clone whose images and containers have names of
their own; nothing of them is left. The result is a table, and JSON in .artifacts/bench.
"""

import argparse
import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from automation import contract
from automation.paths import ROOT
from tests.images.containers import HARDENED, SECRET, docker, migrate, volume

PATIENCE_S = 120.0
SETTLED_S = 3.0
"""Seconds after the first answer until memory is read: what starting took has been given back."""


@dataclass(frozen=True)
class Language:
    """How an image of a service runs nothing, and waits; and how a line is added to its sources."""

    program: tuple[str, ...]
    nothing: str
    waiting: str
    file: str
    comment: str


LANGUAGES = {
    "backend": Language(
        ("python", "-c"), "pass", "import time; time.sleep(600)", "backend/src/app/health.py", "#"
    ),
    "frontend": Language(("node", "-e"), "0", "setTimeout(() => {}, 600000)", "frontend/lib/task.ts", "//"),
}


@dataclass(frozen=True)
class Measured:
    """One thing that was measured, in seconds or MB, beside its floor."""

    name: str
    unit: str
    values: Sequence[float]
    floor: str = ""
    """What the floor is; empty where there is none to be had."""
    floor_values: Sequence[float] = ()

    @property
    def row(self) -> str:
        """The line of the table."""
        median = statistics.median(self.values)
        line = f"{self.name:<28} {median:7.2f} {self.unit:<2} {min(self.values):7.2f} {len(self.values):>5}"
        if not self.floor_values:
            return line
        floor = statistics.median(self.floor_values)
        return f"{line} {median / floor:6.1f} x {floor:7.2f} {self.unit:<2}  {self.floor}"


class Bench:
    """A clone of the project."""

    def __init__(self, clone: Path, mark: str, runs: int) -> None:
        """Give the images of the clone names that begin with the mark."""
        self.clone = clone
        self.mark = mark
        self.runs = runs
        own = {"TODO_STATE_DIR": ".run", "TODO_ENV_FILE": ".env", "TODO_DATA_DIR": ".data"}
        self.environ = {**os.environ, **own}
        for file in (clone / "deploy/profiles").glob("*.toml"):
            text = file.read_text(encoding="utf-8")
            file.write_text(re.sub(r'(?m)^image = "', f'image = "{mark}-', text), encoding="utf-8")
        self.profile = contract.load("", clone)

    def images(self) -> dict[str, str]:
        """Return the images of the services, built if they are not there."""
        self._invoke("build")
        result = json.loads(self._invoke("build", "--json").splitlines()[-1])
        return {each["service"]: each["reference"] for each in result["images"]}

    def build(self) -> Iterator[Measured]:
        """Measure `invoke build` where nothing has changed, and after a line of each service."""
        images = self.images()
        values, floor = self._beside(
            lambda: timed(self._invoke, "build"), lambda: timed(docker, "image", "inspect", *images.values())
        )
        yield Measured("build, nothing changed", "s", values, "docker image inspect", floor)
        for service, language in LANGUAGES.items():
            file = self.clone / language.file
            values, floor = [], []
            for number in range(self.runs):
                with file.open("a", encoding="utf-8") as opened:
                    opened.write(f"{language.comment} {uuid.uuid4().hex}\n")
                values.append(timed(self._invoke, "build", "--service", service))
                # Only the labels of another version: what it takes to find every step in the cache.
                relabelled = ("build", "--service", service, "--version", f"v0.0.{number}")
                floor.append(timed(self._invoke, *relabelled))
            yield Measured(f"build, a line of the {service}", "s", values, "every step cached", floor)

    def anew(self) -> Iterator[Measured]:
        """Measure the build of both images from nothing, with what was downloaded before; once."""
        yield Measured("build, from nothing", "s", [timed(self._invoke, "build", "--no-cache")])

    def start(self) -> Iterator[Measured]:
        """Measure each image from `docker run` to its first answer, and its memory when idle."""
        for service, image in self.images().items():
            language = LANGUAGES[service]
            program, *flag = language.program
            memory: list[float] = []
            asleep: list[float] = []
            bare = (*HARDENED, "--entrypoint", program, image, *flag)
            with volume() as data:
                options = ("--volume", f"{data}:/data") if service == "backend" else ()
                if service == "backend":
                    migrate(image, *options)

                values, floor = [], []
                for _ in range(self.runs):
                    with self._container() as name:
                        values.append(self._first_answer(name, image, service, options))
                        memory.append(resident(name))
                    floor.append(timed(docker, "run", "--rm", *bare, language.nothing))
                    with self._container() as name:
                        docker("run", "--detach", "--name", name, *bare, language.waiting)
                        asleep.append(resident(name))
            idle = f"a container of {program} that does nothing"
            yield Measured(f"{service}, first answer", "s", values, idle, floor)
            yield Measured(f"{service}, idle", "MB", memory, idle, asleep)

    def compose(self) -> Iterator[Measured]:
        """Measure `invoke compose-up` until everything is healthy."""
        self._invoke("env-init")
        values = []
        try:
            for _ in range(self.runs):
                values.append(timed(self._invoke, "compose-up", "--detach", "--auto-port"))
                self._invoke("compose-down")
        finally:
            self._invoke("compose-down", "--volumes", "--yes")
        yield Measured("compose-up to healthy", "s", values)

    def close(self) -> None:
        """Remove the images."""
        listed = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
        if own := [name for name in listed if name.startswith(f"{self.mark}-")]:
            docker("image", "rm", "--force", *own)

    def _invoke(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.clone, env=self.environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"invoke {' '.join(words)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def _beside(
        self, work: Callable[[], float], floor: Callable[[], float]
    ) -> tuple[Sequence[float], Sequence[float]]:
        """Take turns, so that whatever else the machine does meets both."""
        pairs = [(work(), floor()) for _ in range(self.runs)]
        return [value for value, _ in pairs], [least for _, least in pairs]

    @contextmanager
    def _container(self) -> Iterator[str]:
        name = f"{self.mark}-{uuid.uuid4().hex[:8]}"
        try:
            yield name
        finally:
            docker("rm", "--force", "--volumes", name, check=False)

    def _first_answer(self, name: str, image: str, service: str, options: Sequence[str]) -> float:
        each = self.profile.service(service)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        given = ("--publish", f"127.0.0.1:{port}:{each.port}", "--env", f"BETTER_AUTH_SECRET={SECRET}")
        began = time.perf_counter()
        docker("run", "--detach", "--name", name, *HARDENED, *given, *options, image)
        while not healthy(port, each.health.path):
            if time.perf_counter() - began > PATIENCE_S:
                raise RuntimeError(f"{image} gives no answer\n{docker('logs', name).stdout}")
        return time.perf_counter() - began


def timed(work: Callable[..., object], *arguments: str) -> float:
    """Return the seconds that a call takes."""
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


def healthy(port: int, path: str) -> bool:
    """Ask once; wait a little where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        time.sleep(0.005)
        return False
    finally:
        connection.close()


def resident(container: str) -> float:
    """Return the MB that a container's processes take when they have settled."""
    time.sleep(SETTLED_S)
    said = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", container).stdout
    number, unit = re.match(r"([\d.]+)([KMG]iB)", said).groups()  # type: ignore[union-attr]
    return float(number) * {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}[unit] / 10**6


def tell(line: str) -> None:
    """Show a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Measure what is asked for; print the table and keep it."""
    kinds = ("build", "start", "compose", "anew")
    parser = argparse.ArgumentParser(prog="nox -s bench --", description="What things take on this machine.")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"{', '.join(kinds)}: all unless named")
    parser.add_argument("--runs", type=int, default=5, help="how often each is measured (5)")
    chosen = parser.parse_args()
    if unknown := [kind for kind in chosen.kinds if kind not in kinds]:
        parser.error(f"there is no {unknown[0]!r}: it measures {', '.join(kinds)}")
    mark = f"bench{uuid.uuid4().hex[:6]}"
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        clone = Path(folder, "clone")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        bench = Bench(clone, mark, max(1, chosen.runs))
        try:
            bench.images()
        except RuntimeError as error:
            sys.exit(str(error))
        tell(f"{'':28} {'median':>10} {'least':>7} {'runs':>5} {'ratio':>8} {'floor':>10}")
        try:
            for kind in chosen.kinds or kinds:
                for each in getattr(bench, kind)():
                    measured.append(each)
                    tell(each.row)
        finally:
            bench.close()
    now = datetime.now(UTC)
    kept = ROOT / ".artifacts" / "bench" / f"{now:%Y%m%dT%H%M%SZ}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    content = {"at": now.isoformat(), "load": load, "measured": [asdict(each) for each in measured]}
    kept.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    tell(f"kept in {kept.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
