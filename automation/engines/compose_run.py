"""One run of the containers: the choices that it was started with, kept on disk for later commands."""

from collections.abc import Mapping
from dataclasses import dataclass

from automation.docker import compose_project
from automation.docker.compose_project import Container
from automation.engines.engine import ServiceStatus
from automation.process import addresses
from automation.process.instance import State


@dataclass(frozen=True)
class ComposeRun:
    """The choices that containers were started with."""

    project: str
    files: tuple[str, ...]
    profile: str
    mode: str
    """`development` or `production`."""
    database: str
    host: str
    """The address that the frontend is published on."""
    ports: Mapping[str, int]
    """This machine's ports, by service."""
    network_prefix: str
    since: float
    """Seconds since the epoch."""

    @property
    def address(self) -> str:
        """The address that people open."""
        return self.address_of("frontend")

    @property
    def hosts(self) -> dict[str, str]:
        """Where each service is published. Only the frontend is for others: it proxies /api."""
        return addresses.published(self.host)

    def address_of(self, service: str) -> str:
        """Return the address of a service on this machine."""
        return addresses.public(self.hosts[service], self.ports[service])

    @property
    def fixed(self) -> tuple[str, ...]:
        """The choices that only `down` can change."""
        return (self.profile, self.mode, self.database)

    def __str__(self) -> str:
        """Return the fixed choices in words."""
        database = {"sqlite": " with SQLite", compose_project.DATABASE: " with PostgreSQL in a container"}
        return f"the {self.profile} profile in {self.mode} mode{database.get(self.database, '')}"

    def status_of(self, container: Container, memory: int) -> ServiceStatus:
        """Return the status of a service."""
        state = State.STOPPED if container.state in {"exited", "created", "dead"} else State.UNHEALTHY
        if container.healthy:
            state = State.HEALTHY
        elif container.state == "running" and container.health == "starting":
            state = State.STARTING
        elif container.paused:
            state = State.PAUSED
        fix = f"{unpause(container)}   or   invoke compose-up" if container.paused else ""
        port = self.ports.get(container.service, 0)
        address = self.address_of(container.service) if port else ""
        return ServiceStatus(state, address, port, container.pid, memory, fix=fix)


def is_up(container: Container) -> bool:
    """Return whether Docker keeps the container running."""
    return container.paused or container.state in {"running", "restarting"}


def unpause(container: Container) -> str:
    """Return the command that resumes a paused container."""
    return f"docker unpause {container.name}"
