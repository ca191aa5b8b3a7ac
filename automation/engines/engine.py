"""The engines that run the application: the same verbs, whatever runs it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from automation.console.events import Emit
from automation.contract.environment import Environment
from automation.contract.models import SERVICES, Profile
from automation.process import addresses
from automation.settings import Settings

HEALTHY, UNHEALTHY = "healthy", "unhealthy"


@dataclass(frozen=True)
class UpOptions:
    """What a person asked for with `up`."""

    profile: str = ""
    """The profile's name; the default profile when empty."""
    production: bool = False
    """Run the built frontend and a backend that does not reload."""
    host: str = "127.0.0.1"
    """The address that the frontend listens on."""
    frontend_port: int = 3000
    backend_port: int = 8000
    auto_port: bool = False
    """Take the next port that is free instead of failing on one that is not."""
    foreground: bool = True
    """Stay and show the services' output; otherwise only keep them running."""
    database: str = ""
    """`sqlite` or `postgres`, where the engine brings the database; what the settings name when empty."""
    reason: str = ""
    """Why this engine was taken, told with the address."""


@dataclass(frozen=True)
class ServiceStatus:
    """A service as it is now."""

    state: str
    address: str
    port: int
    pid: int
    memory: int
    """Resident bytes of the service's processes."""
    detail: str = ""
    """What else there is to know about its state."""
    mend: str = ""
    """What brings it back to health, where that is known from here."""


@dataclass(frozen=True)
class Status:
    """The application as it is now."""

    engine: str
    state: str
    """`stopped`, `starting`, `running`, `unhealthy`, `stopping` or `crashed`."""
    mode: str = ""
    address: str | None = None
    since: float | None = None
    """Seconds since the epoch."""
    supervisor: int | None = None
    services: Mapping[str, ServiceStatus] = field(default_factory=dict)
    place: str = ""
    """Where it runs, for an engine that has several places."""

    def to_mapping(self) -> dict[str, Any]:
        """Return the status as plain data, each service under its own name; absent ones are null."""
        data = asdict(self)
        services = data.pop("services")
        return {
            **data,
            **{name: services.get(name) for name in (*SERVICES, *services)},
            "pids": {name: service["pid"] for name, service in services.items()},
            "ports": {name: service["port"] for name, service in services.items()},
        }


class Engine(Protocol):
    """A way of running the application."""

    name: str

    async def up(self, options: UpOptions, emit: Emit) -> None:
        """Start what is not running, wait until it is healthy, and stay with it where the options say so."""

    async def down(self, emit: Emit) -> None:
        """Stop what runs, and clear away what a crash left. Doing so twice is no error."""

    async def status(self) -> Status:
        """Return the application as it is now."""

    async def logs(self, services: Sequence[str], lines: int, emit: Emit, *, follow: bool) -> None:
        """Emit the last lines of the services' output; with `follow`, go on with what comes after."""

    def address(self) -> str | None:
        """Return the address that people open; None while nothing runs."""

    async def plan(self, options: UpOptions) -> tuple[str, ...]:
        """Return what `up` would do, a sentence each. Raises AutomationError as `up` would."""


def welcome(
    engine: str,
    address: str,
    options: UpOptions,
    profile: Profile,
    values: Environment,
    settings: Settings,
) -> tuple[str, ...]:
    """Return what a person wants to know once everything is healthy."""
    key = profile.backend.environment.model_key
    provider = values.values.get("AGENT_PROVIDER", profile.backend.environment.provider)
    agent = (
        f"agent: {values.values.get('AGENT_MODEL') or provider}"
        if values.values.get(f"{provider.upper()}_API_KEY")
        else f"agent: offline. Put {key} into {settings.env_file_name} for a model."
    )
    others = [
        f"http://{addresses.bracketed(host)}:{address.rpartition(':')[2]}"
        for host in addresses.from_elsewhere(options.host)
    ]
    reason = f": {options.reason}" if options.reason else ""
    end = "Ctrl-C stops everything" if options.foreground else "invoke down stops everything"
    return (
        "",
        f"The to-do chatbot is at {address}      {engine} engine{reason}",
        *([f"from other machines: {'  '.join(others)}"] if others else []),
        agent,
        f"{end} · invoke logs · invoke doctor",
        "",
    )
