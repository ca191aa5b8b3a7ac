"""Run the programs that talk to a cluster: kubectl, Helm, minikube and kind."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from automation.console import causes
from automation.console.errors import AutomationError
from automation.process import logs, programs
from automation.process.programs import Completed, Program
from automation.settings import Settings

TIMEOUT_SECONDS = 30.0
INSTALL = {
    "kubectl": "https://kubernetes.io/docs/tasks/tools/",
    "helm": "https://helm.sh/docs/intro/install/",
    "minikube": "https://minikube.sigs.k8s.io/docs/start/",
    "kind": "https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
}
_LAST_LINES = 8


class ClusterError(AutomationError):
    """The cluster, or a program that talks to it, failed."""


class ClusterUnavailableError(ClusterError):
    """A program is missing, no context is configured, or the API server does not answer."""


class NoContextError(ClusterUnavailableError):
    """kubectl has no context of that name, or none at all."""


def find(name: str, settings: Settings, *alternatives: str) -> Program:
    """Return a program from PATH. Raises ClusterUnavailableError if it is not installed."""
    program = programs.find(name, settings.environ, settings.root)
    if program is None:
        raise ClusterUnavailableError(
            f"{name} is not installed",
            why=f"PATH has no program {name}",
            remedies=[f"install it: {INSTALL[name]}", *alternatives],
        )
    return program


_ERRORS = {"": ClusterError, "unavailable": ClusterUnavailableError, "no context": NoContextError}


async def complete(
    program: Program, *arguments: str, stdin: str = "", seconds: float = TIMEOUT_SECONDS
) -> Completed:
    """Return the result of a command, whatever its exit code. Raises ClusterUnavailableError on timeout."""
    try:
        return await program.complete(*arguments, stdin=stdin, seconds=seconds)
    except TimeoutError:
        raise ClusterUnavailableError(
            f"{_named(program, arguments)} did not finish within {seconds:.0f} s",
            why="the cluster is slow or does not answer",
            remedies=["kubectl cluster-info"],
        ) from None


async def run(
    program: Program,
    *arguments: str,
    stdin: str = "",
    seconds: float = TIMEOUT_SECONDS,
    place: Mapping[str, str] | None = None,
) -> str:
    """Return the output of a command. Raises ClusterError if it fails, with the names in `place`."""
    done = await complete(program, *arguments, stdin=stdin, seconds=seconds)
    if done.code:
        # `helm lint` writes the reason to its output.
        lint = done.output if "lint" in arguments else ""
        said = "\n".join(filter(None, (lint, done.errors))) or done.output
        raise explain(said, _named(program, arguments), program.environ, place)
    return done.output


def explain(
    said: str, command: str, environ: Mapping[str, str], place: Mapping[str, str] | None = None
) -> ClusterError:
    """Return the error for the output of a failed command, with cause and fix where they are known.

    Args:
        said: what the command wrote.
        command: its name, for the message.
        environ: its environment.
        place: the `release` and the `namespace` that it worked on.
    """
    place = place or {}
    values = {
        "release": place.get("release", ""),
        "namespace": place.get("namespace", ""),
        "where": flags(place),
        "configuration": environ.get("KUBECONFIG", "~/.kube/config"),
    }
    if cause := causes.find(causes.CLUSTER, said, **values):
        return _ERRORS[cause.kind](cause.what, why=cause.why, remedies=cause.remedies)
    lines = [logs.clean(line) for line in said.splitlines() if line.strip()]
    details = [re.sub(r"^(error|Error)( from server)?: ", "", line) for line in lines[-_LAST_LINES:]]
    return ClusterError(f"{command} failed", why="its last lines:" if details else "", details=details)


def flags(place: Mapping[str, str]) -> str:
    """Return the flags of a task that name a release and its namespace."""
    return " ".join(f"--{name} {value}" for name, value in place.items() if value)


def _named(program: Program, arguments: Sequence[str]) -> str:
    words = [word for word in arguments if not word.startswith("-")]
    return " ".join([Path(program.path).stem, *words[:3]])
