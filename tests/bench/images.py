"""Measures building the images, and starting them."""

import http.client
import json
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from automation.contract import profiles
from tests.bench.clone import SOURCES, Clone, timed
from tests.bench.results import Measured
from tests.images.containers import HARDENED, SECRET, docker, migrate, volume
from tests.ports import unused_port

PATIENCE_S = 120.0
SETTLED_S = 3.0
"""Seconds after the first answer until memory is read: what starting took has been given back."""


@dataclass(frozen=True)
class Language:
    """Command with which an image of a service runs nothing, and waits."""

    program: tuple[str, ...]
    nothing: str
    waiting: str


LANGUAGES = {
    "backend": Language(("python", "-c"), "pass", "import time; time.sleep(600)"),
    "frontend": Language(("node", "-e"), "0", "setTimeout(() => {}, 600000)"),
}


class Images:
    """Building the images of a clone, and running them with Docker."""

    def __init__(self, clone: Clone) -> None:
        """Take the clone."""
        self._clone = clone
        self._profile = clone.profile()
        self._rules = profiles.load_rules(clone.path)

    def build(self) -> Iterator[Measured]:
        """Measure `invoke build` where nothing has changed, and after a line of each service."""
        images = self._clone.images()
        values, floor = self._clone.beside(
            lambda: timed(self._clone.invoke, "build"),
            lambda: timed(docker, "image", "inspect", *images.values()),
        )
        budget = self._rules.times.cached_rebuild_max_s
        yield Measured("build, nothing changed", "s", values, "docker image inspect", floor, budget)
        for service, (name, comment) in SOURCES.items():
            file = self._clone.path / name
            values, floor = [], []
            for number in range(self._clone.runs):
                with file.open("a", encoding="utf-8") as opened:
                    opened.write(f"{comment} {uuid.uuid4().hex}\n")
                values.append(timed(self._clone.invoke, "build", "--service", service))
                # Only the labels of another version: what it takes to find every step in the cache.
                relabelled = ("build", "--service", service, "--version", f"v0.0.{number}")
                floor.append(timed(self._clone.invoke, *relabelled))
            yield Measured(f"build, a line of the {service}", "s", values, "every step cached", floor, budget)

    def anew(self) -> Iterator[Measured]:
        """Measure the build of both images from nothing, with what was downloaded before; once."""
        seconds = timed(self._clone.invoke, "build", "--no-cache")
        yield Measured("build, from nothing", "s", [seconds], budget=self._rules.times.build_max_s)

    def start(self) -> Iterator[Measured]:
        """Measure each image from `docker run` to its first answer, and its memory when idle."""
        for service, image in self._clone.images().items():
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
                for _ in range(self._clone.runs):
                    with self._container() as name:
                        values.append(self._first_answer(name, image, service, options))
                        memory.append(resident(name))
                    floor.append(timed(docker, "run", "--rm", *bare, language.nothing))
                    with self._container() as name:
                        docker("run", "--detach", "--name", name, *bare, language.waiting)
                        asleep.append(resident(name))
            idle = f"a container of {program} that does nothing"
            most = {
                "backend": self._rules.memory.backend_max_mb,
                "frontend": self._rules.memory.frontend_max_mb,
            }
            yield Measured(
                f"{service}, first answer", "s", values, idle, floor, self._rules.times.start_max_s
            )
            yield Measured(f"{service}, idle", "MB", memory, idle, asleep, most[service])

    def sizes(self) -> Iterator[Measured]:
        """Measure the files of each image."""
        self._clone.images()
        result = json.loads(self._clone.invoke("size-check", "--json").splitlines()[-1])
        for image in result["images"]:
            service = image["service"]
            budget = self._profile.service(service).size_max_mb
            yield Measured(f"{service}, size", "MB", [image["size"] / 10**6], budget=budget)
            for layer in image["layers"]:
                yield Measured(f"{service}, {layer['name']}", "MB", [layer["size"] / 10**6])

    def compose(self) -> Iterator[Measured]:
        """Measure `invoke compose-up` until everything is healthy."""
        self._clone.invoke("env-init")
        values = []
        try:
            for _ in range(self._clone.runs):
                values.append(timed(self._clone.invoke, "compose-up", "--detach", "--auto-port"))
                self._clone.invoke("compose-down")
        finally:
            self._clone.invoke("compose-down", "--volumes", "--yes")
        yield Measured("compose-up to healthy", "s", values, budget=self._rules.times.start_max_s)

    @contextmanager
    def _container(self) -> Iterator[str]:
        name = f"{self._clone.mark}-{uuid.uuid4().hex[:8]}"
        try:
            yield name
        finally:
            docker("rm", "--force", "--volumes", name, check=False)

    def _first_answer(self, name: str, image: str, service: str, options: Sequence[str]) -> float:
        each = self._profile.service(service)
        port = unused_port()
        given = ("--publish", f"127.0.0.1:{port}:{each.port}", "--env", f"BETTER_AUTH_SECRET={SECRET}")
        began = time.perf_counter()
        docker("run", "--detach", "--name", name, *HARDENED, *given, *options, image)
        while not healthy(port, each.health.path):
            if time.perf_counter() - began > PATIENCE_S:
                raise RuntimeError(f"{image} gives no answer\n{docker('logs', name).stdout}")
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
