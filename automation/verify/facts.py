"""Observations of a profile's files, images and containers: plain data, gathered once and then judged.

A fact never says whether something is right. An observation that failed says why in `failure`, and every
check that uses it fails with these words. Times are in seconds unless the name says milliseconds (`_ms`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from automation.docker.dockerfile import Dockerfile, parse

Document = dict[str, Any]
"""JSON object returned by a program."""
Fact = tuple[str, Any]
"""A service, or an empty name for the whole profile, and an observation of it."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A fact that may be unavailable."""

    failure: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Source(Observation):
    """The Dockerfile of a service, as it is built for a profile."""

    dockerfile: Dockerfile = field(default_factory=lambda: parse(""))
    replaced: Mapping[str, str] = field(default_factory=dict)  # base image -> its replacement


@dataclass(frozen=True)
class Development(Source):
    """The service's Dockerfile.dev."""


@dataclass(frozen=True)
class Building(Observation):
    """What builds a service, production's and development's image."""

    steps: tuple[str, ...] = ()  # the instructions that the images do not show
    written: tuple[str, ...] = ()  # all instructions of its Dockerfiles
    images: tuple[str, ...] = ()  # from which it is built
    deviations: tuple[str, ...] = ()  # of a build without arguments


@dataclass(frozen=True)
class Context:
    """The files of a build context."""

    files: tuple[str, ...]
    left_out: tuple[str, ...] = ()  # files under version control that production's build does not see


@dataclass(frozen=True)
class Leaks(Observation):
    """The secrets in the files of a service or of the whole project, each as its kind and place."""

    dockerfile: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    template: tuple[str, ...] = ()
    defaults: tuple[str, ...] = ()  # where code, Compose files or the chart have a value for a secret


@dataclass(frozen=True)
class ImageLeaks(Observation):
    """The secrets in an image, each as its kind and place."""

    layers: tuple[str, ...] = ()  # also in files that a later layer deletes
    config: tuple[str, ...] = ()
    history: tuple[str, ...] = ()


@dataclass(frozen=True)
class Locks:
    """The packages that the lock files have for development only."""

    python: frozenset[str]
    node: frozenset[str]


@dataclass(frozen=True)
class Packages:
    """The packages that the lock files have for the images."""

    files: frozenset[str]  # of Python packages, as `origins.plain` names them
    node: frozenset[str]


@dataclass(frozen=True)
class HealthCheck:
    test: tuple[str, ...]
    interval_s: float
    timeout_s: float
    start_period_s: float
    retries: int
    start_interval_s: float = 5  # Docker's default


@dataclass(frozen=True)
class Config:
    """The configuration of an image, under Docker's names."""

    reference: str
    tags: tuple[str, ...]
    user: str
    ports: tuple[str, ...]  # as in 8000/tcp
    environment: Mapping[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    workdir: str
    labels: Mapping[str, str]
    health: HealthCheck | None
    volumes: tuple[str, ...] = ()
    on_build: tuple[str, ...] = ()
    other: Document = field(default_factory=dict)  # all further values, under Docker's names


@dataclass(frozen=True)
class Names:
    """The names planned for an image: of two profiles that want the same one, only one gets it."""

    planned: tuple[str, ...]  # none for an image that was given
    version: str
    source: str = ""  # the address of this repository
    has_revision: bool = False  # whether this repository has the commit of the image's label


@dataclass(frozen=True)
class Builds:
    """The last builds on record: one without any cache, and one after a change of the sources."""

    cold_s: float | None
    rebuild_s: float | None


@dataclass(frozen=True)
class Installs:
    """The last deliveries to a cluster on record: of a first revision, and of a later one."""

    absent: str = ""
    cold_s: float | None = None
    warm_s: float | None = None


@dataclass(frozen=True)
class Answer:
    """The answer to a request; its status is 0 when there was none."""

    status: int
    content_type: str
    is_json: bool
    milliseconds: float


@dataclass(frozen=True)
class Process:
    pid: int
    uid: int
    gid: int
    command: str
    groups: tuple[int, ...] = ()  # besides its own


@dataclass(frozen=True)
class Container(Observation):
    """A service that runs with a read-only root file system, no capabilities and no new privileges."""

    read_only: str = ""  # why it did not start with a read-only root; empty if it did
    first_answer_s: float = 0.0  # from `docker start` to the first 200
    healthy_s: float | None = 0.0  # from `docker start` to Docker's `healthy`; None if that never came
    health: tuple[Answer, ...] = ()  # of the health check's path, asked repeatedly
    health_pages: Mapping[str, Answer] = field(default_factory=dict)
    answers: Mapping[str, Document] = field(
        default_factory=dict
    )  # of a static frontend's web server, by kind
    unfinished: Mapping[str, float | None] = field(default_factory=dict)  # until it ends such a request
    processes: tuple[Process, ...] = ()
    writable: tuple[str, ...] = ()  # the folders that its user may write to
    zombies: int = 0


@dataclass(frozen=True)
class Stop:
    """The end of a container that was stopped during a request, and whether the request was answered."""

    seconds: float
    exit_code: int
    answered: bool


@dataclass(frozen=True)
class Endurance(Observation):
    """A service left idle, then killed, then stopped."""

    memory_mb: float = 0.0  # private memory of its idle processes, in MB of 10^6 bytes
    cpus: float = 0.0  # processors that it uses while idle
    restarted_s: float | None = 0.0  # from the kill to the next 200; None if none came
    stop: Stop | None = None  # None if it did not restart


@dataclass(frozen=True)
class HealthTrial(Observation):
    """The exit codes of the image's health program in each case; None if it did not end in time."""

    codes: Mapping[str, int | None] = field(default_factory=dict)
    absent: str = ""


@dataclass(frozen=True)
class Configured(Observation):
    """A container started with a value for every variable that the contract accepts."""

    missing: tuple[str, ...] = ()  # the variables that did not reach the process
    port: int = 0  # the value of PORT; 0 if the contract does not accept PORT
    answers: bool = True  # whether it answers at that port
    agent: str = ""  # the chat agent that the backend's health names


@dataclass(frozen=True)
class Misconfigured:
    """A backend started with invalid values."""

    exit_code: int | None  # None if it kept running
    named: tuple[str, ...]  # the variables that its output names
    given: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unconfigured(Misconfigured):
    """A backend started without its required variables."""


@dataclass(frozen=True)
class Reloading(Observation):
    """The time from changing a source file to the answer that shows it, in the development image."""

    image: str = ""  # shared by all profiles that differ only in account and port
    milliseconds: float = 0.0


@dataclass(frozen=True)
class Pair(Observation):
    """Both services together, the backend under a host name that no build could know.

    `address_reached`, `end_to_end` and `chat` say what went wrong; they are empty if nothing did.
    """

    address_reached: str = ""  # GET /api/tasks through the frontend
    service_to_service_ms: float | None = 0.0  # None if the backend did not answer
    database_connection_ms: float | None = 0.0  # None if the backend's health does not report it
    first_page_ms: float = 0.0
    first_page_files: int = 0
    end_to_end_ms: float = 0.0
    end_to_end: str = ""  # from signing up to the list with the new task
    chat: str = ""  # from a message to the task that it requests


@dataclass(frozen=True)
class Composition:
    """Services that Compose would start with a combination of files, and the given settings."""

    development: bool
    database: str
    given: Mapping[str, str]
    document: Document

    @property
    def place(self) -> str:
        """The combination in words; empty for that of production."""
        words = ("development" * self.development, self.database * (self.database != "sqlite"))
        return " ".join(filter(None, words))


@dataclass(frozen=True)
class Compositions(Observation):
    remedy: str = "docker compose config"
    every: tuple[Composition, ...] = ()
    problems: tuple[str, ...] = ()  # of the files, which no combination of them shows


@dataclass(frozen=True)
class Template:
    """The settings of a checkout."""

    ignored: bool  # whether git ignores .env
    values: Mapping[str, str]  # in .env.example, by variable


@dataclass(frozen=True)
class Chart:
    """Objects that Helm renders with a set of values, by kind and name."""

    release: str
    development: bool  # with values-dev.yaml
    database: bool  # with the database in the cluster
    scripts: Mapping[str, str]  # of the chart's tests
    objects: Document

    @property
    def place(self) -> str:
        """The values, if they are not the default ones."""
        return ("" if self.database else "(external database)") if not self.development else "(development)"


@dataclass(frozen=True)
class Charts(Observation):
    """The chart with each of its sets of values."""

    every: tuple[Chart, ...] = ()
    absent: str = ""


@dataclass(frozen=True)
class Renderings(Observation):
    """The chart's objects with each set of values of its folder `ci`, by the set's name."""

    observed: Mapping[str, Document] = field(default_factory=dict)
    recorded: Mapping[str, Document] = field(default_factory=dict)
    absent: str = ""


@dataclass(frozen=True)
class Refusals(Observation):
    """What Helm has to say of values that the chart refuses, and its error."""

    every: Sequence[tuple[Sequence[str], str]] = ()
    absent: str = ""


@dataclass(frozen=True)
class Released:
    """The objects of a Helm release as the API server reports them; `absent` says why there are none."""

    objects: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)  # by kind and name
    name: str = ""
    flags: str = ""  # with which a task acts on it
    rendered: Document = field(default_factory=dict)  # what Helm installed, as in `Chart.objects`
    secret_keys: tuple[str, ...] = ()
    absent: str = ""
    drift: tuple[str, ...] = ()  # what is not as it was rendered
    extras: tuple[str, ...] = ()  # objects of the release, or with a way to its pods, that were not rendered
    exposed: tuple[str, ...] = ()  # where values of the Secret stand outside it
    permissions: tuple[str, ...] | None = ()  # of its account; None if this user may not ask
    refusal: str = ""  # why the application does not answer through its service
    connections: Mapping[str, bool] = field(default_factory=dict)  # as in `frontend to backend`

    def find(self, kind: str, name: str) -> Mapping[str, Any]:
        """Return an object, or an empty one."""
        return self.objects.get((kind, name), {})

    def of_kind(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """Return the objects of a kind."""
        return [found for (own, _), found in self.objects.items() if own == kind]

    def pods(self, app: str) -> Sequence[Mapping[str, Any]]:
        """Return the pods of a workload that are not being deleted."""
        return [
            pod
            for pod in self.of_kind("Pod")
            if pod["metadata"].get("labels", {}).get("app") == app
            and "deletionTimestamp" not in pod["metadata"]
        ]
