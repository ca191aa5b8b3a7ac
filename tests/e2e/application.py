"""Start the application as a user does, next to any other instance on this machine.

Its database, settings, logs and ports are separate. It shares only the built frontend, whose name contains a
hash of its inputs.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ports import unused_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 300


@dataclass(frozen=True)
class Application:
    """A running application: its address, the name of its agent, and its tasks if the test started it."""

    address: str
    agent: str
    invoke: Callable[..., subprocess.CompletedProcess[str]] | None = None


@contextmanager
def own_application(
    folder: Path,
    agent: str,
    settings: Mapping[str, str],
    *,
    engine: str,
    profile: str,
    flags: Sequence[str] = ("--prod",),
    root: Path = ROOT,
) -> Iterator[Application]:
    """Run the application of `root` with its state in `folder`: as processes, containers or pods."""
    env_file = folder / ".env"
    lines = {"BETTER_AUTH_SECRET": secrets.token_urlsafe(32), **settings}
    env_file.touch(mode=0o600)
    env_file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    surroundings = {name: value for name, value in os.environ.items() if name not in APPLICATION_VARIABLES}
    surroundings |= {
        "TODO_STATE_DIR": str(folder / "run"),
        "TODO_DATA_DIR": str(folder / "data"),
        "TODO_ENV_FILE": str(env_file),
    }

    def invoke(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "invoke", *arguments]
        return subprocess.run(
            command,
            cwd=root,
            env=surroundings,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )

    ports = [f"--{service}-port={unused_port()}" for service in ("frontend", "backend")]
    start = ["up", "--engine", engine, "--profile", profile, *flags, "--detach", "--auto-port", *ports]
    stop = ["compose-down", "--volumes", "--yes"] if engine == "compose" else ["down"]
    if engine == "cluster":
        # A separate namespace, next to any existing release.
        where = ["--namespace", f"todo-e2e-{secrets.token_hex(3)}"]
        start = ["helm-install", *where, "--set", "frontend.service.nodePort=0"]
        stop = ["helm-uninstall", *where, "--data", "--yes"]
    try:
        started = invoke(*start)
        assert started.returncode == 0, f"the application did not start\n{started.stdout}{started.stderr}"
        status: dict[str, Any] = json.loads(invoke("status", "--json").stdout.splitlines()[-1])
        yield Application(status["address"], agent, invoke)
    except BaseException:
        sys.stderr.write(invoke("logs", "--lines", "100").stdout)
        raise
    finally:
        # Only the data of containers is outside the folder.
        stopped = invoke(*stop)
        assert stopped.returncode == 0, stopped.stderr


APPLICATION_VARIABLES = {
    "AGENT_MODEL",
    "AGENT_PROVIDER",
    "BETTER_AUTH_SECRET",
    "BETTER_AUTH_URL",
    "DATABASE_URL",
    "FRONTEND_URL",
    "GEMINI_API_KEY",
    "JWT_SECRET",
    "MAIL_FROM",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENROUTER_API_KEY",
    "SMTP_URL",
    "COMPOSE_PROJECT_NAME",
    "TODO_ENGINE",
}
"""Variables that the test must not inherit from the developer's shell."""


def address_for_containers() -> str:
    """Return an address of this machine that containers can reach: the gateway of Docker's own network.

    If containers run in a virtual machine, as with Docker Desktop, it is the loopback address, and the
    application gets the name of this machine inside containers.
    """
    form = "{{(index .IPAM.Config 0).Gateway}}"
    command = ["docker", "network", "inspect", "bridge", "--format", form]
    gateway = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    try:
        socket.create_server((gateway, 0)).close()
    except OSError:
        return "127.0.0.1"
    return gateway


def address_for_pods() -> str:
    """Return this machine's address on the network of the cluster's nodes."""
    form = "--output=jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}"
    command = ["kubectl", "get", "nodes", form]
    node = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((node, 9))
        address: str = probe.getsockname()[0]
        return address
