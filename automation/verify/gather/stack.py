"""Starts both services of a profile in a sandbox, as production does."""

import asyncio
import secrets
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property

from automation.console.errors import AutomationError
from automation.contract.contract import Contract
from automation.contract.models import Profile, Rules
from automation.verify.facts import Container
from automation.verify.gather.sandbox import READ_ONLY, Sandbox

_MIGRATE = ("python", "-m", "app.database.migrate")
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Running:
    """A service that was started."""

    contract: Contract
    container: str
    port: int = 0
    fact: Container = field(default_factory=Container)

    @property
    def address(self) -> str:
        """Address for this machine."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def health(self) -> str:
        """The address of its health check."""
        return f"{self.address}{self.contract.service.health.path}"

    @property
    def user(self) -> str:
        """The account of its processes, as Docker takes it."""
        return f"{self.contract.service.user.uid}:{self.contract.service.user.gid}"


@dataclass(frozen=True)
class Stack:
    """The services of a profile and the sandbox that they run in."""

    sandbox: Sandbox
    profile: Profile
    rules: Rules
    images: Mapping[str, str]
    host: str = field(default_factory=lambda: f"backend-{secrets.token_hex(4)}")  # unknown to every build

    @cached_property
    def required(self) -> dict[str, str]:
        """The backend's required variables, with values."""
        return dict.fromkeys(self.profile.backend.environment.required, secrets.token_urlsafe(48))

    def contract(self, service: str) -> Contract:
        """Return the contract of a service."""
        return Contract(self.profile, self.rules, service)

    def run(self, service: str, environ: Mapping[str, str]) -> AbstractAsyncContextManager[str]:
        """Run a container of a service for as long as the block lasts."""
        return self.sandbox.running(self.images[service], options=self._options(service), environ=environ)

    async def start(self) -> dict[str, Running]:
        """Start the backend, on a migrated database, and the frontend."""
        volume = f"{self.sandbox.name}-data"
        await self.sandbox.docker.run("volume", "create", "--label", self.sandbox.label, volume)
        backend, frontend = await asyncio.gather(self._start_backend(volume), self._start("frontend"))
        return {"backend": backend, "frontend": frontend}

    async def _start_backend(self, volume: str) -> Running:
        options = (*self._options("backend", volume), "--no-healthcheck")
        migration = self.sandbox.running(
            self.images["backend"], *_MIGRATE, options=options, environ=self.required
        )
        async with migration as container:
            code = await self.sandbox.exit_code(container, self.rules.times.start_max_s)
            if code != 0:
                why = await self.sandbox.last_words(container)
                failure = f"could not migrate its database (exit code {code}): {why}"
                fact = Container(failure=failure, remedy=" ".join(_MIGRATE))
                return Running(self.contract("backend"), container, fact=fact)
        return await self._start("backend", volume)

    async def _start(self, service: str, volume: str = "") -> Running:
        """Start a service; one that does not start with a read-only root gets a writable one."""
        options = self._options(service, volume)
        first = await self._try_start(service, options)
        if not first.fact.failure:
            return first
        await self.sandbox.remove(first.container)
        second = await self._try_start(service, [option for option in options if option != READ_ONLY])
        if second.fact.failure:
            return second
        return replace(second, fact=replace(second.fact, read_only=first.fact.failure))

    async def _try_start(self, service: str, options: list[str]) -> Running:
        contract, most = self.contract(service), self.rules.times.start_max_s
        environ = self.required
        if service == "frontend":
            address = f"http://{self.host}:{self.profile.backend.port}"
            names = [name for name in ("API_URL", "NEXT_PUBLIC_API_URL") if name in contract.accepted]
            environ = dict.fromkeys(names[:1], address)
        alias = ["--network-alias", self.host] if service == "backend" else []
        container = await self.sandbox.create(
            self.images[service],
            options=("--publish", f"127.0.0.1::{contract.service.port}", *alias, *options),
            environ=environ,
        )
        running = Running(contract, container)
        began = time.monotonic()
        try:
            await self.sandbox.start(container)
            port = await self.sandbox.host_port(container, contract.service.port)
            running = replace(running, port=port)
            await self.sandbox.first_answer(container, running.health, most * 1.5)
            first_answer = time.monotonic() - began
            healthy = await self._healthy(container, began)
        except AutomationError as error:
            remedy = "docker run the image and read its output"
            return replace(running, fact=Container(failure=error.what, remedy=remedy))
        return replace(running, fact=Container(first_answer_s=first_answer, healthy_s=healthy))

    async def _healthy(self, container: str, began: float) -> float | None:
        """Return the seconds until Docker reported the container as healthy; None if it did not."""
        while True:
            health = (await self.sandbox.inspect(container))["State"].get("Health")
            if health is not None and health["Status"] == "healthy":
                return time.monotonic() - began
            if health is None or time.monotonic() > began + self.rules.times.start_max_s:
                return None
            await asyncio.sleep(_POLL_SECONDS)

    def _options(self, service: str, volume: str = "") -> list[str]:
        """Return the options for a read-only root and the writable folders: temporary, or the volume."""
        contract, user = self.contract(service), self.profile.service(service).user
        options = [READ_ONLY]
        for folder in contract.writable:
            if volume and folder == self.rules.data_folder:
                options.append(f"--mount=type=volume,src={volume},dst={folder}")
            else:
                options.append(f"--tmpfs={folder}:uid={user.uid},gid={user.gid},mode=0755")
        return options
