"""The two services of a native run: their ports, addresses, commands and environments."""

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from automation import paths
from automation.console.events import Emit
from automation.contract import environment
from automation.contract.environment import Environment
from automation.contract.models import Profile
from automation.engines.engine import UpOptions
from automation.process import addresses
from automation.process.ports import PortTakenError, settle, taken
from automation.process.supervisor import Service
from automation.project import node
from automation.settings import Settings

# The shell may set these for other programs; they must not decide here.
_FOREIGN = ("PORT", "HOST", "HOSTNAME", "NODE_ENV", "NODE_OPTIONS", "PYTHONHOME", "PYTHONPATH")


@dataclass(frozen=True)
class NativeServices:
    """The services as they will be started."""

    settings: Settings
    options: UpOptions
    profile: Profile
    ports: Mapping[str, int]

    migration = (sys.executable, "-m", "app.database.migrate")

    @classmethod
    async def settle(
        cls, settings: Settings, options: UpOptions, profile: Profile, emit: Emit | None = None
    ) -> Self:
        """Return the services with free ports. Raises PortTakenError."""
        hosts = addresses.published(options.host)
        settled = await settle(options.ports, hosts, search=options.auto_port, emit=emit)
        return cls(settings, options, profile, settled)

    @property
    def address(self) -> str:
        """The address that people open."""
        return self.address_of("frontend")

    def address_of(self, service: str) -> str:
        """Return the address of a service on this machine."""
        return addresses.public(self._host(service), self.ports[service])

    async def port_taken(self, service: str) -> PortTakenError:
        """Return the error that names who holds the service's port."""
        return await taken(service, self._host(service), self.ports)

    def base_environ(self, values: Environment) -> dict[str, str]:
        """Return the shell's environment without the application's settings and secrets."""
        own = {*values.values, *_FOREIGN}
        base = environment.without_application(self.settings.environ, self.profile)
        return {name: value for name, value in base.items() if name not in own}

    def backend_environ(self, base: Mapping[str, str], values: Environment) -> dict[str, str]:
        """Return the backend's whole environment."""
        given = values.values
        origins = addresses.origins(self.options.host, self.ports["frontend"])
        return {
            **base,
            "AGENT_PROVIDER": self.profile.backend.environment.provider,
            "FRONTEND_URL": self.address,
            "BETTER_AUTH_URL": given.get("FRONTEND_URL", self.address),
            "LOG_FORMAT": "json" if self.options.production else "console",
            **given,
            "TRUSTED_ORIGINS": ",".join(filter(None, (given.get("TRUSTED_ORIGINS"), *origins))),
            "DATA_DIR": str(self.settings.data_dir),
            "HOST": self._host("backend"),
            "PORT": str(self.ports["backend"]),
            "PYTHONPATH": str(paths.backend_source(self.settings.root)),
            "PYTHONUNBUFFERED": "1",
        }

    def backend(self, environ: Mapping[str, str]) -> Service:
        """Return the backend as a service."""
        source = str(paths.backend_source(self.settings.root))
        reloading = ("app.reloading", "--reload", "--reload-dir", source)
        server = ("uvicorn",) if self.options.production else reloading
        host, port = self._host("backend"), self.ports["backend"]
        drain_seconds = 10 if self.options.production else 1
        return Service(
            name="backend",
            command=(
                sys.executable, "-m", *server, "app.main:app", "--host", host, "--port", str(port),
                "--timeout-graceful-shutdown", str(drain_seconds),
            ),
            cwd=self.settings.root / "backend",
            environ=environ,
            port=port,
            address=self.address_of("backend"),
            health=f"http://{host}:{port}/ready",
            grace=drain_seconds + 2.0,
        )  # fmt: skip

    def frontend(self, base: Mapping[str, str], values: Environment, build: Path | None) -> Service:
        """Return the frontend as a service: from the build, or the development server without one."""
        folder = paths.frontend(self.settings.root)
        host, port = self._host("frontend"), self.ports["frontend"]
        script = str(folder / "node_modules" / "next" / "dist" / "bin" / "next")
        near = addresses.LOOPBACK if host in addresses.EVERYWHERE else addresses.bracketed(host)
        local = f"http://{near}:{port}"
        own = {
            "API_URL": f"http://{self._host('backend')}:{self.ports['backend']}",
            "HOSTNAME": host,
            "PORT": str(port),
            "NODE_ENV": "production" if build else "development",
        }
        if "VERSION" in values.values:
            own["VERSION"] = values.values["VERSION"]
        if build is None:
            own["DEV_ALLOWED_HOSTS"] = addresses.development_hosts(self.options.host, values.values)
            own["DEV_BUILD_FOLDER"] = self._build_folder
        return Service(
            name="frontend",
            command=node.node(str(build / "server.js"))
            if build
            else node.node(script, "dev", "--hostname", host, "--port", str(port)),
            cwd=build or folder,
            environ={**node.environ(base), **own},
            port=port,
            address=self.address,
            health=f"{local}/health",
            warm_up=f"{local}/",
        )

    @property
    def _build_folder(self) -> str:
        """The name of a build folder for this run only; empty for the clone's usual state directory."""
        state = self.settings.state_dir
        usual = state == self.settings.root / ".run"
        return "" if usual else hashlib.sha256(str(state).encode()).hexdigest()[:12]

    def _host(self, service: str) -> str:
        return addresses.published(self.options.host)[service]
