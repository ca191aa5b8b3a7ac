"""The base class of the engines that run the application."""

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import IO, Any, ClassVar, Self

from automation.console.errors import AutomationError
from automation.console.events import Emit, Notice, Result, step
from automation.contract import environment
from automation.contract.environment import Environment
from automation.contract.models import SERVICES, Profile
from automation.process import addresses, supervisor
from automation.process.instance import State
from automation.process.ports import Holder, settle
from automation.process.processes import Completed, Program
from automation.settings import Settings

_FIRST_PAGES = ("/", "/sign-in", "/sign-up")
_PAGE_SECONDS = 120.0


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
class Published:
    """Addresses of the services on this machine. Only the frontend is for others: it proxies /api."""

    host: str
    """The address that the frontend listens on."""
    ports: Mapping[str, int]

    @property
    def address(self) -> str:
        """The address that people open."""
        return self.address_of("frontend")

    @property
    def hosts(self) -> dict[str, str]:
        """The address that each service listens on."""
        return {"backend": addresses.LOOPBACK, "frontend": self.host}

    def address_of(self, service: str) -> str:
        """Return the address of a service."""
        return addresses.public(self.hosts[service], self.ports[service])

    def plan(self, frontend: str) -> tuple[str, ...]:
        """Return the last steps of a plan, which starts the services here."""
        return (
            "Migrate the database: python -m app.database.migrate.",
            f"Start the backend at {self.address_of('backend')}.",
            f"Start {frontend} at {self.address}.",
        )

    async def settled(self, *, search: bool, emit: Emit | None = None, holder: Holder | None = None) -> Self:
        """Return the same with free ports. Raises PortTakenError."""
        free = await settle(self.ports, self.hosts, search=search, emit=emit, holder=holder)
        return replace(self, ports=free)


@dataclass(frozen=True)
class ServiceStatus:
    """A service as it is now."""

    state: str
    """A `State`, or Kubernetes' own word for a pod."""
    address: str
    port: int = 0
    pid: int = 0
    memory: int = 0
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
    drift: tuple[str, ...] = ()
    """Changes made by hand since the installation."""
    restore: str = ""
    """The command that undoes these changes."""

    def to_mapping(self) -> dict[str, Any]:
        """Return the status as plain data, each service under its own name; absent ones are null."""
        data = asdict(self)
        services = data.pop("services")
        return {
            **data,
            **dict.fromkeys(SERVICES),
            **services,
            "pids": {name: service["pid"] for name, service in services.items()},
            "ports": {name: service["port"] for name, service in services.items()},
        }


@dataclass(frozen=True)
class Python:
    """A Python interpreter, which may be in a container."""

    program: Program
    words: tuple[str, ...] = ()
    """The first arguments of the program."""

    async def run(
        self,
        module: str,
        *arguments: str,
        seconds: float,
        stdin: str | IO[bytes] = "",
        output: IO[bytes] | int = subprocess.PIPE,
    ) -> Completed:
        """Run a module to its end, whatever its exit code. Raises AutomationError if it takes longer."""
        words = (*self.words, "-m", module, *arguments)
        try:
            return await self.program.complete(*words, seconds=seconds, stdin=stdin, output=output)
        except TimeoutError:
            raise AutomationError(f"{module} did not finish within {seconds:.0f} s") from None


def applied(migrations: int) -> str:
    """Return what a migration of the database did."""
    return f"{migrations} migration{'s' * (migrations != 1)} applied" if migrations else "up to date"


class Engine(ABC):
    """A way of running the application. Every method raises AutomationError if it cannot do its work."""

    name: ClassVar[str]

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def services(self) -> tuple[str, ...]:
        """The long-running services, the database included where the engine runs it."""
        return SERVICES

    @property
    @abstractmethod
    def written(self) -> float:
        """When the services last wrote or ended, in seconds since the epoch; 0 if never."""

    @abstractmethod
    async def running(self) -> bool:
        """Return whether the application runs, healthy or not."""

    @abstractmethod
    async def up(self, options: UpOptions, emit: Emit) -> None:
        """Start what is not running and wait until it is healthy; in the foreground, stay with it."""

    @abstractmethod
    async def down(self, emit: Emit) -> None:
        """Stop what runs and clean up after a crash. Stopping twice is not an error."""

    @abstractmethod
    async def status(self) -> Status:
        """Return the application as it is now."""

    @abstractmethod
    async def logs(self, services: Sequence[str], lines: int, emit: Emit, *, follow: bool) -> None:
        """Emit the last lines of the services' output; with `follow`, keep streaming new output."""

    @abstractmethod
    def address(self) -> str | None:
        """Return the address that people open; None while nothing runs."""

    @abstractmethod
    async def plan(self, options: UpOptions) -> tuple[str, ...]:
        """Return what `up` would do, one sentence each."""

    @abstractmethod
    async def backend_python(self) -> Python:
        """Return Python as the backend runs it, with its packages, its settings and its database."""

    async def data(self, *, ask: bool = True) -> str:  # noqa: ARG002 - for an engine that asks a daemon
        """Return where the data on this machine is; empty if there is none."""
        return ""

    def _plan_settings(self, profile: Profile) -> tuple[str, ...]:
        """Return the step of a plan that makes the settings file. Raises AutomationError for a wrong one."""
        name = self._settings.env_file_name
        if made := environment.initialise(self._settings, profile, dry_run=True):
            return (f"Create {name} with a generated {' and '.join(made)}.",)
        environment.read(self._settings, profile).require_valid(name)
        return ()

    async def _open_pages(self, address: str, emit: Emit) -> None:
        """Request the pages that people see first, so that nobody waits for them to be compiled."""
        with step(emit, "pages") as current:
            current.progress("compiling the first page")
            async with supervisor.client() as asking:
                for path in _FIRST_PAGES:
                    await supervisor.answer(asking, f"{address}{path}", _PAGE_SECONDS)
            current.detail = "the first page is ready"

    async def _welcome(
        self, address: str, options: UpOptions, profile: Profile, values: Environment, emit: Emit
    ) -> None:
        """Greet a person once everything is healthy."""
        given, default = values.values, profile.backend.environment
        provider = given.get("AGENT_PROVIDER", default.provider)
        agent = f"agent: offline. Set {default.model_key} in {self._settings.env_file_name} to use a model."
        if given.get(f"{provider.upper()}_API_KEY"):
            agent = f"agent: {given.get('AGENT_MODEL') or provider}"
        others = "  ".join(
            f"http://{addresses.bracketed(host)}:{address.rpartition(':')[2]}"
            for host in addresses.from_elsewhere(options.host)
        )
        reason = f": {options.reason}" if options.reason else ""
        end = "Ctrl-C stops everything" if options.foreground else "invoke down stops everything"
        lines = (
            f"The to-do chatbot is at {address}      {self.name} engine{reason}",
            f"from other machines: {others}" if others else "",
            agent,
            f"{end} · invoke logs · invoke doctor",
        )
        emit(Notice(("", *filter(None, lines), "")))
        emit(Result((await self.status()).to_mapping()))
