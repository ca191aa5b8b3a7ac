"""The programs that talk to a cluster: kubectl, Helm 3 and 4, minikube and kind."""

import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from automation.console import causes
from automation.console.errors import AutomationError
from automation.process import files, logs, processes
from automation.process.processes import Completed, Guarded, Program
from automation.settings import Settings

FIELD_MANAGER = "todo"
"""The name under which the API server records who applied a field."""

_TIMEOUT_SECONDS = 30.0
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


_ERRORS = {"": ClusterError, "unavailable": ClusterUnavailableError, "no context": NoContextError}


def find(name: str, settings: Settings, *alternatives: str) -> Program:
    """Return a program from PATH. Raises ClusterUnavailableError if it is not installed."""
    program = processes.find(name, settings.environ, settings.root)
    if program is None:
        raise ClusterUnavailableError(
            f"{name} is not installed",
            why=f"PATH has no program {name}",
            remedies=[f"install it: {INSTALL[name]}", *alternatives],
        )
    return program


@dataclass(frozen=True)
class Client:
    """A program with a context, a namespace and a release, each empty for none."""

    program: Program
    context: str = ""
    namespace: str = ""
    release: str = ""

    context_flag: ClassVar[str] = "--context"
    timeout_seconds: ClassVar[float] = _TIMEOUT_SECONDS

    @property
    def flags(self) -> tuple[str, ...]:
        given = {self.context_flag: self.context, "--namespace": self.namespace}
        return tuple(f"{flag}={value}" for flag, value in given.items() if value)

    async def complete(self, *arguments: str, stdin: str = "", seconds: float = 0) -> Completed:
        """Return the result of a command, whatever its exit code.

        Raises ClusterUnavailableError if it takes longer than `seconds`, by default those of the program.
        """
        seconds = seconds or self.timeout_seconds
        try:
            return await self.program.complete(*self.flags, *arguments, stdin=stdin, seconds=seconds)
        except TimeoutError:
            raise ClusterUnavailableError(
                f"{self._command(arguments)} did not finish within {seconds:.0f} s",
                why="the cluster is slow or does not answer",
                remedies=["kubectl cluster-info"],
            ) from None

    async def run(self, *arguments: str, stdin: str = "", seconds: float = 0) -> str:
        """Return the output of a command. Raises ClusterError if it fails."""
        done = await self.complete(*arguments, stdin=stdin, seconds=seconds)
        if done.code:
            # `helm lint` writes the reason to its output.
            lint = done.output if "lint" in arguments else ""
            output = "\n".join(filter(None, (lint, done.errors))) or done.output
            place = {"release": self.release, "namespace": self.namespace}
            raise explain(output, self._command(arguments), self.program.environ, place)
        return done.output

    def _command(self, arguments: Sequence[str]) -> str:
        words = [word for word in arguments if not word.startswith("-")]
        return " ".join([Path(self.program.path).stem, *words[:3]])


class Kubectl(Client):
    """Reads, applies and watches objects."""

    @classmethod
    def find(cls, settings: Settings, *, context: str = "") -> Self:
        """Return kubectl from PATH. Raises ClusterUnavailableError if it is not installed."""
        return cls(find("kubectl", settings), context)

    def __str__(self) -> str:
        return " ".join(["kubectl", *(flag.replace("=", " ") for flag in self.flags)])

    async def complete(self, *arguments: str, stdin: str = "", seconds: float = 0) -> Completed:
        # Keeps the explanation of an API server that does not answer under ten seconds.
        timeout = () if seconds else ("--request-timeout=8s",)
        return await super().complete(*timeout, *arguments, stdin=stdin, seconds=seconds)

    async def json(self, *arguments: str) -> Any:
        """Return the JSON document that a command prints, {} if it prints nothing."""
        text = await self.run(*arguments, "--output=json")
        return json.loads(text) if text.strip() else {}

    async def items(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the objects that `kubectl get` lists."""
        return list((await self.json("get", *arguments)).get("items", []))

    async def apply(self, *documents: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Apply documents and return the resulting objects.

        The documents go through standard input, and server-side: no annotation repeats a Secret's values.
        """
        words = ("apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}")
        text = "\n".join(json.dumps({**document}) for document in documents)
        return objects(await self.run(*words, "--filename=-", "--output=json", stdin=text))

    async def wait_until_deleted(self, *what: str, seconds: float) -> None:
        """Wait until objects are deleted. Raises ClusterError that names the ones that remain."""
        timeout = f"--timeout={seconds:.0f}s"
        await self.run("wait", "--for=delete", *what, timeout, seconds=seconds + _TIMEOUT_SECONDS)

    def running(self, *arguments: str) -> AbstractAsyncContextManager[Guarded]:
        """Run a command for as long as the block lasts."""
        return self.program.running(*self.flags, *arguments, grace=1.0)

    async def watch(self, *arguments: str) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
        """Yield `ADDED`, `MODIFIED` or `DELETED` with each changed object while the watch lasts."""
        watch = ("--watch", "--output-watch-events", "--output=json")
        async with self.running("get", *arguments, *watch) as process:
            # Unlike other JSON output of kubectl, each change is one line.
            async for line in processes.lines(process):
                try:
                    document = json.loads(line)
                except ValueError:
                    continue  # a warning
                yield document["type"], document["object"]


@dataclass(frozen=True)
class Revision:
    number: int
    status: str
    """Helm's own word: deployed, superseded, failed, pending-upgrade, …"""
    description: str
    chart: str
    """The chart with its version, as in todo-chatbot-chart-1.0.0."""


class Helm(Client):
    """Installs, upgrades and rolls back one release. No command waits for pods."""

    context_flag = "--kube-context"
    timeout_seconds = 60.0

    async def upgrade(self, chart: Path, values: Sequence[str], *, stdin: str) -> int:
        """Install or upgrade the release and return the number of the new revision.

        `values` are Helm's flags; they override `stdin`, which is a document of values.
        """
        flags = ("--install", "--reset-values", "--history-max=10", "--values=-", *values, "--output=json")
        text = await self.run("upgrade", self.release, str(chart), *flags, stdin=stdin)
        return int(json.loads(text)["version"])

    async def history(self) -> tuple[Revision, ...]:
        """Return the revisions of the release, the oldest first; none if it is not installed."""
        try:
            text = await self.run("history", self.release, "--output=json")
        except ClusterError as error:
            if "release: not found" in error.details:
                return ()
            raise
        keys = ("status", "description", "chart")
        return tuple(
            Revision(int(found["revision"]), *(found.get(key, "") for key in keys))
            for found in json.loads(text)
        )

    async def rollback(self, revision: int) -> None:
        await self.run("rollback", self.release, str(revision))

    async def uninstall(self) -> None:
        """Remove the release if it is installed."""
        await self.run("uninstall", self.release, "--ignore-not-found")

    async def package(self, chart: Path, destination: Path) -> str:
        """Lint a chart, write its archive to a directory and return the archive's path."""
        await self.run("lint", "--strict", "--quiet", str(chart))
        files.make_directory(destination)
        text = await self.run("package", str(chart), "--destination", str(destination))
        return text.rpartition(":")[2].strip()


def objects(text: str) -> list[dict[str, Any]]:
    """Return the objects in JSON output of kubectl: a list, or documents one after the other."""
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        text = text[end:]
        found += document["items"] if document["kind"] == "List" else [document]
    return found


def explain(
    output: str, command: str, environ: Mapping[str, str], place: Mapping[str, str] | None = None
) -> ClusterError:
    """Return the error for the output of a failed command, with cause and fix where they are known.

    `place` has the `release` and the `namespace` that it worked on.
    """
    named = {"release": "", "namespace": "", **(place or {})}
    configuration = environ.get("KUBECONFIG", "~/.kube/config")
    if cause := causes.find(causes.CLUSTER, output, **named, where=flags(named), configuration=configuration):
        return _ERRORS[cause.kind](cause.what, why=cause.why, remedies=cause.remedies)
    lines = [logs.clean(line) for line in output.splitlines() if line.strip()]
    details = [re.sub(r"^(error|Error)( from server)?: ", "", line) for line in lines[-_LAST_LINES:]]
    return ClusterError(f"{command} failed", why="its last lines:" if details else "", details=details)


def flags(place: Mapping[str, str]) -> str:
    """Return the flags of a task that name a release and its namespace."""
    return " ".join(f"--{name} {value}" for name, value in place.items() if value)
