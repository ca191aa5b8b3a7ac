"""What is observed of a profile's files, images and containers: plain data, gathered once and then judged.

A fact never says whether something is right. One that could not be had in full says so in `failure`, and
every check that looks at it then fails with these words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from automation.docker.dockerfile import Dockerfile, parse
from automation.verify.gather.archive import Content


@dataclass(frozen=True)
class Source:
    """The Dockerfile of a service, read for a profile."""

    dockerfile: Dockerfile
    replaced: Mapping[str, str] = field(default_factory=dict)
    """Base images that stand in for others, as the build was told: by the one that they replace."""


@dataclass(frozen=True)
class Sources:
    """The Dockerfiles of both services, read for a profile."""

    backend: Dockerfile
    frontend: Dockerfile


@dataclass(frozen=True)
class Development:
    """The service's Dockerfile.dev."""

    dockerfile: Dockerfile = field(default_factory=lambda: parse(""))
    failure: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Context:
    """The files that a build of the service sees."""

    files: tuple[str, ...]
    leaks: tuple[str, ...] = ()
    """The secrets in those of them that are settings, with the file; never the secret."""


@dataclass(frozen=True)
class Locks:
    """Packages that are in the locks for development alone."""

    python: frozenset[str]
    node: frozenset[str]


@dataclass(frozen=True)
class HealthCheck:
    """An image's HEALTHCHECK. Times are in seconds."""

    test: tuple[str, ...]
    interval_s: float
    timeout_s: float
    start_period_s: float
    retries: int


@dataclass(frozen=True)
class Config:
    """What an image says of itself."""

    reference: str
    tags: tuple[str, ...]
    user: str
    ports: tuple[str, ...]
    """As in 8000/tcp."""
    environment: Mapping[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    workdir: str
    labels: Mapping[str, str]
    health: HealthCheck | None
    volumes: tuple[str, ...] = ()
    """The folders that get a volume without a name when nobody gives them one."""
    on_build: tuple[str, ...] = ()
    """The instructions for what is built on the image."""


@dataclass(frozen=True)
class Names:
    """What the build was told to call the image."""

    planned: tuple[str, ...]
    """Every name with its tag. Of two profiles that want the same one, only one gets it."""
    version: str


@dataclass(frozen=True)
class Contents:
    """What both images of a profile hold."""

    backend: Content
    frontend: Content


@dataclass(frozen=True)
class Answer:
    """What a service answered."""

    status: int
    """Zero when it did not answer."""
    content_type: str
    is_json: bool
    milliseconds: float


@dataclass(frozen=True)
class Process:
    """A process in a container."""

    pid: int
    uid: int
    gid: int
    command: str


@dataclass(frozen=True)
class Stop:
    """How a container ended that was asked to while a request was in flight."""

    seconds: float
    exit_code: int
    answered: bool
    """Whether the request got its answer."""


@dataclass(frozen=True)
class Container:
    """A service that runs: root file system read-only, no capabilities, no new privileges."""

    failure: str = ""
    remedy: str = ""
    read_only: str = ""
    """What kept it from starting with a read-only root; empty where nothing did."""
    first_answer_s: float = 0.0
    """From `docker start` to the first 200."""
    healthy_s: float | None = 0.0
    """From `docker start` to Docker's healthy; None when it never came."""
    health: tuple[Answer, ...] = ()
    """The path of the contract, asked again and again."""
    health_pages: Mapping[str, Answer] = field(default_factory=dict)
    """Each of the paths under which every service tells its health."""
    page_encoding: str = ""
    """How the page at `/` comes to those who take gzip."""
    processes: tuple[Process, ...] = ()
    writable: tuple[str, ...] = ()
    """The folders that the process may write to."""
    zombies: int = 0
    """Orphans that had ended and that nobody collected."""


@dataclass(frozen=True)
class Endurance:
    """A service that is left idle, whose process is killed, and that is asked to end at last."""

    failure: str = ""
    remedy: str = ""
    memory_mb: float = 0.0
    """What its processes keep for themselves while nobody uses it; MB of 10^6 bytes."""
    cpus: float = 0.0
    """Processors that it keeps busy while nobody uses it."""
    restarted_s: float | None = 0.0
    """From the death of its process, as in production, to the next 200; None when none came."""
    stop: Stop | None = None
    """None when it had not come back from the death of its process."""


@dataclass(frozen=True)
class Configured:
    """A container started with every variable that the contract accepts, each with a value of its own."""

    failure: str = ""
    remedy: str = ""
    missing: tuple[str, ...] = ()
    """The variables that did not reach the process with their values."""
    port: int = 0
    """The port that PORT asked for; 0 where the contract does not accept PORT."""
    answers: bool = True
    """Whether it answers at that port."""
    agent: str = ""
    """What the backend's health calls the agent that answers in the chat."""


@dataclass(frozen=True)
class Unconfigured:
    """A backend started without the variables that the contract requires."""

    exit_code: int | None
    """None when it did not end in the time that a start may take."""
    named: tuple[str, ...]
    """Those of the variables that its last words name."""


@dataclass(frozen=True)
class Misconfigured:
    """A backend started with values that its environment's rules refuse."""

    exit_code: int | None
    """None when it did not end in the time that a start may take."""
    given: tuple[str, ...]
    """The variables with such values."""
    named: tuple[str, ...]
    """Those of them that its last words name."""


@dataclass(frozen=True)
class Reloading:
    """The development image at work."""

    failure: str = ""
    remedy: str = ""
    image: str = ""
    """The development image that was measured: one for all profiles that differ only in account and port."""
    milliseconds: float = 0.0
    """From a change of a source file to the answer that shows it."""


@dataclass(frozen=True)
class Pair:
    """Both services of a profile at work together, the backend under a name that no build could know."""

    failure: str = ""
    remedy: str = ""
    address_reached: str = ""
    """What went wrong on the way to the address given at the start; empty where nothing did."""
    service_to_service_ms: float | None = 0.0
    """None when the backend did not answer."""
    database_connection_ms: float | None = 0.0
    """None when the backend's health does not tell."""
    first_page_ms: float = 0.0
    first_page_files: int = 0
    end_to_end_ms: float = 0.0
    end_to_end: str = ""
    """What went wrong from signing up to the list with the new task; empty where nothing did."""
    chat: str = ""
    """What went wrong from a message in the chat to the task that it asks for; empty where nothing did."""


@dataclass(frozen=True)
class ComposeService:
    """A service as Compose sees it, overlays and variables filled in."""

    image: str
    restart: str
    ports: tuple[tuple[int, int], ...]
    """The host's port and the container's."""
    networks: tuple[str, ...]
    depends_on: Mapping[str, str]
    """What each service that it waits for must have come to, as in service_healthy."""
    mounts: Mapping[str, str]
    """Folders of the project by where the container has them, relative to the project."""
    volumes: tuple[str, ...]
    """Where the container has volumes with names or, in development, without."""
    command: tuple[str, ...]
    environment: Mapping[str, str]
    """Empty where a variable is passed on that nobody has set."""
    read_only: bool
    cap_drop: tuple[str, ...]
    security_options: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    """The host's addresses of the ports; empty where a port is published on all of them."""
    named: Mapping[str, str] = field(default_factory=dict)
    """Volumes with names, by where the container has them."""
    entrypoint: tuple[str, ...] = ()
    """What is started instead of the image's own."""
    health_check: tuple[str, ...] | None = None
    """What asks for its health instead of the image's own: NONE where nothing does."""
    dockerfile: str = ""
    """What its image is built from, and empty where it is not built."""
    target: str = ""
    user: str = ""
    """The account instead of the image's own."""
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    namespaces: Mapping[str, str] = field(default_factory=dict)
    """What it shares, as in `pid: host`."""


@dataclass(frozen=True)
class Composition:
    """A Compose project."""

    failure: str = ""
    remedy: str = "docker compose config"
    services: Mapping[str, ComposeService] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)
    """The drivers of the networks, by their names."""
    volumes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The options of the volumes' drivers, by the volumes' names."""


@dataclass(frozen=True)
class Production(Composition):
    """The project that `docker compose up` starts."""

    given: Mapping[str, str] = field(default_factory=dict)
    """Variables that it was given as .env gives them."""


@dataclass(frozen=True)
class Developing(Composition):
    """The project with the overlay for development."""


@dataclass(frozen=True)
class Template:
    """What a checkout says of settings and secrets."""

    ignored: bool
    """Whether git leaves .env out."""
    names: tuple[str, ...]
    """The variables in the template."""
    leaks: tuple[str, ...]
    """Secrets in the template."""
    defaults: tuple[str, ...]
    """Where code, Compose files or the chart have a value for a secret."""


@dataclass(frozen=True)
class Builds:
    """What the last builds of an image took; None where none is on record."""

    cold_s: float | None
    """Everything from nothing."""
    rebuild_s: float | None
    """After a change of the sources."""
