"""The engines that run the application: one protocol, whatever runs it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from automation.console.events import Emit
from automation.contract import environment
from automation.contract.environment import Environment
from automation.contract.models import SERVICES, Profile
from automation.process import addresses
from automation.process.instance import State
from automation.settings import Settings


@dataclass(frozen=True)
class UpOptions:
    """The options of `up`."""

    profile: str = ""
    """The default profile when empty."""
    production: bool = False
    """Run the built frontend and a backend that does not reload."""
    host: str = addresses.LOOPBACK
    """The address that the frontend listens on."""
    frontend_port: int = 3000
    backend_port: int = 8000
    auto_port: bool = False
    """Take the next free port instead of failing on a taken one."""
    foreground: bool = True
    """Stay and stream the services' output; otherwise return once they are healthy."""
    database: str = ""
    """`sqlite` or `postgres`, for an engine that runs the database; the settings decide when empty."""
    reason: str = ""
    """Why this engine was chosen, shown with the address."""

    @property
    def mode(self) -> str:
        """`production` or `development`."""
        return "production" if self.production else "development"

    @property
    def ports(self) -> dict[str, int]:
        """The wanted ports by service."""
        return {"backend": self.backend_port, "frontend": self.frontend_port}


@dataclass(frozen=True)
class ServiceStatus:
    """A service as it is now."""

    state: str
    """A `State`, or Kubernetes' own word for a pod."""
    address: str
    port: int
    pid: int
    memory: int
    """Resident bytes of the service's processes."""
    detail: str = ""
    fix: str = ""
    """The command that makes it healthy again, if known."""


@dataclass(frozen=True)
class Status:
    """The application as it is now."""

    engine: str
    state: State
    mode: str = ""
    address: str | None = None
    since: float | None = None
    """Seconds since the epoch."""
    supervisor: int | None = None
    services: Mapping[str, ServiceStatus] = field(default_factory=dict)
    place: str = ""
    """The release, for an engine that runs in several places."""

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
    """A way of running the application. Every method raises AutomationError if it cannot do its work."""

    name: str

    @property
    def services(self) -> tuple[str, ...]:
        """The long-running services, the database included where the engine runs it."""

    @property
    def written(self) -> float:
        """When the services last wrote or ended, in seconds since the epoch; 0 if never."""

    async def running(self) -> bool:
        """Return whether the application runs, healthy or not."""

    async def up(self, options: UpOptions, emit: Emit) -> None:
        """Start what is not running and wait until it is healthy; in the foreground, stay with it."""

    async def down(self, emit: Emit) -> None:
        """Stop what runs and clean up after a crash. Stopping twice is not an error."""

    async def status(self) -> Status:
        """Return the application as it is now."""

    async def logs(self, services: Sequence[str], lines: int, emit: Emit, *, follow: bool) -> None:
        """Emit the last lines of the services' output; with `follow`, keep streaming new output."""

    def address(self) -> str | None:
        """Return the address that people open; None while nothing runs."""

    async def plan(self, options: UpOptions) -> tuple[str, ...]:
        """Return what `up` would do, one sentence each."""


def making_settings(settings: Settings, profile: Profile) -> tuple[str, ...]:
    """Return the step of a plan that makes the settings file. Raises AutomationError for an invalid one."""
    made = environment.initialise(settings, profile, dry_run=True)
    if made:
        return (f"Make {settings.env_file_name} with a generated {' and '.join(made)}.",)
    environment.read(settings, profile).require_valid(settings.env_file_name)
    return ()


def welcome(
    engine: str,
    address: str,
    options: UpOptions,
    profile: Profile,
    values: Environment,
    settings: Settings,
) -> tuple[str, ...]:
    """Return the lines that greet a person once everything is healthy."""
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
