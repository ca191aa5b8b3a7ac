"""The two services of a native run: their commands and environments."""

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automation import paths
from automation.contract import environment
from automation.contract.models import Profile
from automation.engines.engine import Published, UpOptions
from automation.process import addresses, processes
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
    values: Mapping[str, str]
    """The application's settings."""
    places: Published
    mark: str

    migration = (sys.executable, "-m", "app.database.migrate")

    @property
    def environ(self) -> dict[str, str]:
        """The shell's environment without the application's settings and secrets."""
        own = {*self.values, *_FOREIGN}
        base = environment.without_application(self.settings.environ, self.profile)
        return {name: value for name, value in base.items() if name not in own} | {processes.MARK: self.mark}

    @property
    def backend_environ(self) -> dict[str, str]:
        """The backend's whole environment."""
        origins = addresses.origins(self.places.host, self.places.ports["frontend"])
        return {
            **self.environ,
            "AGENT_PROVIDER": self.profile.backend.environment.provider,
            "FRONTEND_URL": self.places.address,
            "BETTER_AUTH_URL": self.values.get("FRONTEND_URL", self.places.address),
            "LOG_FORMAT": "json" if self.options.production else "console",
            **self.values,
            "TRUSTED_ORIGINS": ",".join(filter(None, (self.values.get("TRUSTED_ORIGINS"), *origins))),
            "DATA_DIR": str(self.settings.data_dir),
            "HOST": self.places.hosts["backend"],
            "PORT": str(self.places.ports["backend"]),
            "PYTHONPATH": str(paths.backend_source(self.settings.root)),
            "PYTHONUNBUFFERED": "1",
        }

    def backend(self) -> Service:
        """Return the backend as a service."""
        source = str(paths.backend_source(self.settings.root))
        reloading = ("app.reloading", "--reload", "--reload-dir", source)
        server = ("uvicorn",) if self.options.production else reloading
        host, port = self.places.hosts["backend"], self.places.ports["backend"]
        drain_seconds = 10 if self.options.production else 1
        return Service(
            name="backend",
            command=(
                sys.executable, "-m", *server, "app.main:app", "--host", host, "--port", str(port),
                "--timeout-graceful-shutdown", str(drain_seconds),
            ),
            cwd=self.settings.root / "backend",
            environ=self.backend_environ,
            port=port,
            address=self.places.address_of("backend"),
            health=f"http://{host}:{port}/ready",
            grace=drain_seconds + 2.0,
        )  # fmt: skip

    def frontend(self, build: Path | None) -> Service:
        """Return the frontend as a service: from the build, or the development server without one."""
        folder = paths.frontend(self.settings.root)
        host, port = self.places.host, self.places.ports["frontend"]
        near = addresses.LOOPBACK if host in addresses.EVERYWHERE else addresses.bracketed(host)
        own = {
            "API_URL": f"http://{self.places.hosts['backend']}:{self.places.ports['backend']}",
            "HOSTNAME": host,
            "PORT": str(port),
            "NODE_ENV": "production" if build else "development",
        }
        if "VERSION" in self.values:
            own["VERSION"] = self.values["VERSION"]
        if build:
            command = node.node(str(build / "server.js"))
        else:
            script = str(folder / "node_modules" / "next" / "dist" / "bin" / "next")
            command = node.node(script, "dev", "--hostname", host, "--port", str(port))
            own["DEV_ALLOWED_HOSTS"] = addresses.development_hosts(host, self.values)
            own["DEV_BUILD_FOLDER"] = self._build_folder
        return Service(
            name="frontend",
            command=command,
            cwd=build or folder,
            environ={**node.environ(self.environ), **own},
            port=port,
            address=self.places.address,
            health=f"http://{near}:{port}/health",
        )

    @property
    def _build_folder(self) -> str:
        """The name of a build folder for this run only; empty for the clone's usual state directory."""
        state = self.settings.state_dir
        usual = state == self.settings.root / ".run"
        return "" if usual else hashlib.sha256(str(state).encode()).hexdigest()[:12]
