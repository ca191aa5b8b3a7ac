"""The contract of a profile: what one way of shipping the application requires.

A profile is a TOML file that is read into these frozen models. Every number and name of a profile is taken
from them; the rules for all profiles stand in `deploy/rules.toml`. The types carry the constraints, and the
JSON Schemas beside the files are generated from them (`invoke profiles --schema`).

Names end in their unit: `_s` seconds, `_ms` milliseconds, `_mb` megabytes (10^6 bytes).
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from automation.console.errors import unknown

SERVICES = ("backend", "frontend")
"""The services of every profile, in the order in which they start."""


def _form(pattern: str, words: str) -> Any:
    """Return the constraint of a text. The words complete "it must be …"; editors show them too."""
    return Field(pattern=pattern, json_schema_extra={"patternErrorMessage": words})


Amount = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=1, le=65535)]
AbsolutePath = Annotated[str, _form(r"^/\S*$", "a path that begins with /")]
Folder = Annotated[str, _form(r"^/\S+$", "a path that begins with /, and not the root")]
Repository = Annotated[
    str, _form(r"^[a-z0-9]+([._-][a-z0-9]+)*$", "an image name: lowercase letters, digits and dashes")
]
TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
Tag = Annotated[str, _form(f"^{TAG}$", "a tag: letters, digits, dots, dashes and underscores")]
Reference = Annotated[
    str,
    _form(
        rf"^[a-z0-9][a-z0-9._/-]*:(?!latest$){TAG}$",
        "an image with a tag other than latest, as in python:3.13-slim",
    ),
]
Quantity = Annotated[
    str, _form(r"^\d+(\.\d+)?(m|k|Ki|[MGT]i?)?$", "a quantity of Kubernetes, as in 500m or 128Mi")
]
Words = Annotated[tuple[str, ...], Field(min_length=1)]


class Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        regex_engine="python-re",
        use_attribute_docstrings=True,
    )


class User(Model):
    """The account that a container's processes run as."""

    name: str
    group: str
    uid: Count
    gid: Count


class Health(Model):
    """The HEALTHCHECK of an image."""

    path: AbsolutePath
    interval_s: Count
    timeout_s: Count
    start_period_s: Amount
    retries: Count


class Environment(Model):
    accepted: tuple[str, ...]
    """Variables that must reach the process when they are set."""
    fixed: Mapping[str, str]
    """Variables that the image sets, with their values."""
    build_arguments: Mapping[str, str] = {}
    """Variables that are arguments of the build, with their values."""


class BackendEnvironment(Environment):
    model_key: str
    """The variable that holds the model provider's key; when it is unset the offline agent answers."""
    provider: str
    """The provider of that key: the value of AGENT_PROVIDER."""
    required: tuple[str, ...]


class Service(Model):
    """The image of a service and its containers."""

    image: Repository
    tags: tuple[Tag, ...]
    """Tags beside the one made from the content; `vX.Y.Z` stands for the version."""
    base: Reference
    """The image that the service's runtime is assembled from."""
    stages: Words
    """The specification's names of the build stages; a build has at least as many."""
    workdir: Folder
    command: Words
    development_command: Words
    """The command of the image of `Dockerfile.dev`."""
    port: Port
    user: User
    health: Health
    size_max_mb: Count
    """The budget: the image's largest size, unpacked."""
    size_aim_mb: Count
    """The target: the size that the image should have, unpacked."""
    writable: tuple[Folder, ...]
    """The folders that the process writes to; everything else is read-only."""


class Frontend(Service):
    output: Literal["server", "static"]
    """A Node server, or files for nginx."""
    build_base: Reference
    """The image that the frontend is built in."""
    environment: Environment


class Backend(Service):
    packages: str
    """The virtual environment that holds the packages, or `system` for the interpreter's own."""
    environment: BackendEnvironment


class Compose(Model):
    network: str
    network_driver: str
    frontend_port: Port
    backend_port: Port
    development_mounts: Mapping[str, str]
    """Project folders and their places in the development containers."""


class Probe(Model):
    path: AbsolutePath
    initial_delay_s: Amount
    period_s: Count
    timeout_s: Count


class Resources(Model):
    """Requests or limits of a container, in Kubernetes notation."""

    cpu: Quantity
    memory: Quantity


class Workload(Model):
    """A Deployment and its Service."""

    name: str
    tier: str
    replicas: Count
    service: str
    service_type: Literal["NodePort", "ClusterIP"]
    service_port: Port
    readiness: Probe
    liveness: Probe
    node_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """The port on the node; 0 for a Service without one."""


class Kubernetes(Model):
    """The Helm release of a profile."""

    chart: str
    chart_version: str
    application_version: str
    keywords: tuple[str, ...]
    namespace: str
    pull_policy: Literal["Never", "IfNotPresent", "Always"]
    max_surge: Amount
    max_unavailable: Amount
    requests: Resources
    limits: Resources
    config_map: str
    config: Mapping[str, str]
    secret: str
    secret_keys: tuple[str, ...]
    frontend: Workload
    backend: Workload
    cpu_min: Quantity
    """The bounds of the whole release, in Kubernetes notation."""
    cpu_max: Quantity
    memory_min: Quantity
    memory_max: Quantity
    image_load_max_s: Amount
    pod_start_max_s: Amount
    cold_install_max_s: Amount
    warm_install_max_s: Amount


class Profile(Model):
    name: str
    summary: str
    frontend: Frontend
    backend: Backend
    compose: Compose
    kubernetes: Kubernetes | None = None

    def service(self, name: str) -> Frontend | Backend:
        """Return the service called `frontend` or `backend`. Raises UsageError for another name."""
        if name not in SERVICES:
            raise unknown("service", name, SERVICES)
        return self.frontend if name == "frontend" else self.backend


class Times(Model):
    """Time budgets of every profile."""

    build_max_s: Amount
    """Building either image without a cache."""
    cached_rebuild_max_s: Amount
    """Rebuilding both images after one changed line."""
    start_max_s: Amount
    """From starting a container to its first healthy answer."""
    stop_max_s: Amount
    """From SIGTERM to the end of the process, after which Docker kills it."""
    health_max_ms: Amount
    service_to_service_max_ms: Amount
    """From the frontend's container to the backend and back."""
    database_connection_max_ms: Amount
    hot_reload_max_ms: Amount
    first_page_max_ms: Amount
    """The first page with everything that it loads."""
    end_to_end_max_ms: Amount
    """A request through the frontend and the backend to the database."""


class Memory(Model):
    """Memory, processor and size budgets of every profile."""

    frontend_max_mb: Amount
    backend_max_mb: Amount
    frontend_cpus: Annotated[float, Field(ge=0)]
    """The most processors that the idle frontend uses."""
    backend_cpus: Annotated[float, Field(ge=0)]
    images_together_max_mb: Amount
    """Both images of a profile whose own budgets do not allow more."""


class Ignored(Model):
    """A known vulnerability that does not fail a scan until a day."""

    id: Annotated[str, _form(r"^(CVE-\d+-\d+|GHSA(-\w{4}){3})$", "an identifier such as CVE-2026-1234")]
    reason: Annotated[str, Field(min_length=10)]
    """Why it does no harm here, or what it waits for."""
    expires: date
    """The last day on which it is ignored."""


class Exceptions(Model):
    """The vulnerabilities that are ignored."""

    ignored: tuple[Ignored, ...] = ()


class Rules(Model):
    labels: tuple[str, ...]
    production_restart: str
    development_restart: str
    development_tag: str
    health_pages: tuple[AbsolutePath, ...]
    data_folder: Folder
    """The folder of the embedded database, which is a volume."""
    forbidden_programs: tuple[str, ...]
    """Compilers, package managers, shells and clients that no runtime image may contain."""
    tools_image: Reference
    """The image with the tools of every build."""
    build_steps: Mapping[str, tuple[str, ...]]
    """The instructions of a service's Dockerfiles whose effect no image shows."""
    not_built: Mapping[str, tuple[str, ...]]
    """Patterns of a service's files that no build needs; its build context has all others."""
    nginx: tuple[str, ...]
    """The directives of a static frontend's web server, each after its file and the blocks it is in."""
    times: Times
    memory: Memory
