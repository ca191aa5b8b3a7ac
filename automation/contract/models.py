"""A profile is a TOML file that says what one way of shipping this application requires.

The file is read strictly into frozen dataclasses: a key that is not known, is missing, or has the wrong
type is an error that names the file, the key and what would be right. Everything that needs a figure or a
name of a profile takes it from here. What holds for every profile stands in `deploy/rules.toml`.

Units stand in the names: `_s` seconds, `_ms` milliseconds, `_mb` megabytes of 10^6 bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from automation.console.errors import UsageError

SERVICES = ("backend", "frontend")
"""The services of every profile, in the order in which they start."""


@dataclass(frozen=True)
class User:
    """The account that a container's processes run as."""

    name: str
    group: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Health:
    """How a container's health is asked for: an image's HEALTHCHECK."""

    path: str
    interval_s: int
    timeout_s: int
    start_period_s: int
    retries: int


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The variables of a service."""

    accepted: tuple[str, ...]
    """Variables that must reach the process when it is started with them."""
    fixed: Mapping[str, str]
    """Variables that the image itself sets, with their values."""
    build_arguments: Mapping[str, str] = field(default_factory=dict)
    """Variables that the specification wants as arguments of the build, with their values."""


@dataclass(frozen=True, kw_only=True)
class BackendEnvironment(Environment):
    """The variables of the backend."""

    model_key: str
    """The variable that holds the key of the model's provider; without it the offline agent answers."""
    provider: str
    """The provider whose key that is: the value of AGENT_PROVIDER."""
    required: tuple[str, ...]
    """The variables without which the backend does not start."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """What the image of a service must be, and the containers started from it."""

    image: str
    """The image's repository, without a registry."""
    tags: tuple[str, ...]
    """Tags beside the one made from the content; `vX.Y.Z` stands for the version."""
    base: str
    """The image that the service's runtime is assembled from."""
    stages: tuple[str, ...]
    """The specification's names of the build's stages; a build has at least as many."""
    workdir: str
    command: tuple[str, ...]
    """What the image runs in production."""
    development_command: tuple[str, ...]
    """What the image of `Dockerfile.dev` runs."""
    port: int
    user: User
    health: Health
    size_max_mb: int
    """The most that the image may have unpacked."""
    size_aim_mb: int
    """What the image should have at most, unpacked."""
    writable: tuple[str, ...]
    """The folders of the image that its process writes to; everything else is read-only."""


@dataclass(frozen=True, kw_only=True)
class Frontend(Service):
    """The frontend of a profile."""

    output: Literal["server", "static"]
    """A Node server, or files for nginx."""
    build_base: str
    """The image that the frontend is built in."""
    environment: Environment


@dataclass(frozen=True, kw_only=True)
class Backend(Service):
    """The backend of a profile."""

    packages: str
    """The virtual environment that holds the packages, or `system`: the interpreter's own."""
    environment: BackendEnvironment


@dataclass(frozen=True)
class Compose:
    """The Compose project of a profile."""

    network: str
    network_driver: str
    frontend_port: int
    """The port of this machine that leads to the frontend."""
    backend_port: int
    development_mounts: Mapping[str, str]
    """Folders of the project and where the development containers have them."""


@dataclass(frozen=True)
class Probe:
    """A probe of Kubernetes."""

    path: str
    initial_delay_s: int
    period_s: int
    timeout_s: int


@dataclass(frozen=True)
class Resources:
    """Requests or limits of a container, in Kubernetes' own notation."""

    cpu: str
    memory: str


@dataclass(frozen=True)
class Workload:
    """A deployment and its service."""

    name: str
    tier: str
    replicas: int
    service: str
    service_type: Literal["NodePort", "ClusterIP"]
    service_port: int
    readiness: Probe
    liveness: Probe
    node_port: int = 0
    """The port of the node, where the service has one."""


@dataclass(frozen=True)
class Kubernetes:
    """The Helm release of a profile."""

    chart: str
    chart_version: str
    application_version: str
    keywords: tuple[str, ...]
    namespace: str
    pull_policy: Literal["Never", "IfNotPresent", "Always"]
    max_surge: int
    max_unavailable: int
    requests: Resources
    limits: Resources
    config_map: str
    config: Mapping[str, str]
    secret: str
    secret_keys: tuple[str, ...]
    frontend: Workload
    backend: Workload
    cpu_min: str
    """What the whole release uses at least and at most, in Kubernetes' own notation."""
    cpu_max: str
    memory_min: str
    memory_max: str
    image_load_max_s: int
    pod_start_max_s: int
    cold_install_max_s: int
    warm_install_max_s: int


@dataclass(frozen=True)
class Profile:
    """One way of shipping the application."""

    name: str
    summary: str
    frontend: Frontend
    backend: Backend
    compose: Compose | None = None
    kubernetes: Kubernetes | None = None

    def service(self, name: str) -> Frontend | Backend:
        """Return the service called `frontend` or `backend`. Raises UsageError for another name."""
        if name == "frontend":
            return self.frontend
        if name == "backend":
            return self.backend
        raise UsageError(f"there is no service {name!r}", why="the services are backend, frontend")


@dataclass(frozen=True)
class Times:
    """How long things may take, whatever the profile."""

    build_max_s: int
    """Either image from nothing."""
    cached_rebuild_max_s: int
    """Both images after one changed line."""
    start_max_s: int
    """From starting a container to its first healthy answer."""
    stop_max_s: int
    """From SIGTERM to the end of the process: after this time Docker kills it."""
    health_max_ms: int
    service_to_service_max_ms: int
    """From the frontend's container to the backend and back."""
    database_connection_max_ms: int
    hot_reload_max_ms: int
    first_page_max_ms: int
    """The first page with everything that it loads."""
    end_to_end_max_ms: int
    """A request that goes through the frontend and the backend to the database."""


@dataclass(frozen=True)
class Memory:
    """What containers may use, whatever the profile."""

    frontend_max_mb: int
    backend_max_mb: int
    frontend_cpus: float
    """Processors that the frontend keeps busy while nobody uses it, at most."""
    backend_cpus: float
    images_together_max_mb: int
    """Both images of a profile whose own limits do not allow more."""


@dataclass(frozen=True)
class Rules:
    """What holds for every profile."""

    labels: tuple[str, ...]
    production_restart: str
    development_restart: str
    development_tag: str
    health_pages: tuple[str, ...]
    """Where every service reports its health, whatever path its health check uses."""
    data_folder: str
    """The folder of the embedded database, which is a volume."""
    forbidden_programs: tuple[str, ...]
    """Compilers, package managers, shells and clients that no runtime image may hold."""
    times: Times
    memory: Memory
