"""Talking to a cluster through kubectl, which knows people's contexts, credentials and proxies."""

import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from automation.console.errors import AutomationError
from automation.process import logs, processes, programs
from automation.process.programs import Program
from automation.settings import Settings

PATIENCE_S = 30.0
"""Seconds that a short command may take."""

FIELD_MANAGER = "todo"
"""Who the API server writes down as the maker of what is applied."""

_REQUEST_S = 8
"""Seconds that the API server has for one answer: a failure is to be explained within ten."""
_LAST_LINES = 8


class ClusterError(AutomationError):
    """The cluster, or a program that talks to it, refused or failed."""


class ClusterUnavailableError(ClusterError):
    """There is no kubectl, no context, or no API server that answers."""


class NoContextError(ClusterUnavailableError):
    """kubectl knows no context of that name, or none at all."""


@dataclass(frozen=True)
class Kubectl:
    """The program, and where it is pointed."""

    program: Program
    context: str = ""
    """The context; the current one when empty."""
    namespace: str = ""

    @classmethod
    def find(cls, settings: Settings, *, context: str = "", namespace: str = "") -> Self:
        """Return kubectl as PATH has it. Raises ClusterUnavailableError when it has none."""
        program = programs.find("kubectl", settings.environ, settings.root)
        if program is None:
            raise ClusterUnavailableError(
                "kubectl is not installed",
                why="there is no program kubectl on PATH",
                remedies=["install it as https://kubernetes.io/docs/tasks/tools/ says"],
            )
        return cls(program, context, namespace)

    @property
    def where(self) -> tuple[str, ...]:
        """The flags that every command carries."""
        return (*self.lasting, f"--request-timeout={_REQUEST_S}s")

    @property
    def lasting(self) -> tuple[str, ...]:
        """The flags of a command whose answer takes as long as something in the cluster does."""
        words = [f"--context={self.context}"] if self.context else []
        return (*words, *([f"--namespace={self.namespace}"] if self.namespace else []))

    async def complete(
        self, *arguments: str, stdin: str = "", seconds: float = PATIENCE_S
    ) -> programs.Completed:
        """Run a short command to its end, whatever its exit code. Raises ClusterUnavailableError."""
        try:
            return await self.program.complete(*self.where, *arguments, stdin=stdin, seconds=seconds)
        except TimeoutError:
            raise ClusterUnavailableError(
                f"the cluster does not answer: kubectl {arguments[0]} took more than {seconds:.0f} s",
                remedies=["kubectl cluster-info"],
            ) from None

    async def run(self, *arguments: str, stdin: str = "") -> str:
        """Return what a short command printed. Raises ClusterError when it fails."""
        done = await self.complete(*arguments, stdin=stdin)
        if done.code:
            raise explain(done.errors or done.output, f"kubectl {arguments[0]}", self.program.environ)
        return done.output

    async def json(self, *arguments: str) -> Any:
        """Return the document that a short command printed. Raises ClusterError."""
        text = await self.run(*arguments, "--output=json")
        return json.loads(text) if text.strip() else {}

    async def items(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the objects of the list that `get` printed. Raises ClusterError."""
        return list((await self.json("get", *arguments)).get("items", []))

    async def apply(self, *documents: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Bring objects to what the documents say; return them. They reach it through its standard input.

        On the server's side: nothing of a Secret's values is kept in an annotation. Raises ClusterError.
        """
        applied = await self.run(
            "apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}",
            "--filename=-", "--output=json",
            stdin="\n".join(json.dumps({**each}) for each in documents),
        )  # fmt: skip
        document = json.loads(applied)
        return list(document["items"]) if document["kind"] == "List" else [document]

    async def until_gone(self, *what: str, seconds: float) -> None:
        """Wait until objects, as `get` takes them, are gone. Raises ClusterError that names what stays."""
        words = ("wait", "--for=delete", *what, f"--timeout={seconds:.0f}s")
        done = await self.program.complete(*self.lasting, *words, seconds=seconds + PATIENCE_S)
        if done.code:
            raise explain(done.errors or done.output, "kubectl wait", self.program.environ)

    async def watch(self, *arguments: str) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
        """Yield `ADDED`, `MODIFIED` or `DELETED` with each object of a kind as it changes.

        Ends when the API server ends the watch, which it does from time to time.
        """
        async with self.program.running(
            *self.lasting, "get", *arguments, "--watch", "--output-watch-events", "--output=json", grace=1.0
        ) as process:
            # Unlike all else that kubectl prints as JSON, each change is one line.
            async for line in processes.lines(process):
                try:
                    document = json.loads(line)
                except ValueError:
                    continue  # a warning
                yield document["type"], document["object"]


def explain(output: str, command: str, environ: Mapping[str, str]) -> ClusterError:
    """Return the error for what a failed command wrote: cause and remedy where they are known."""
    for pattern, make in _CAUSES:
        if found := re.search(pattern, output, re.IGNORECASE):
            return make(found, environ)
    lines = [logs.clean(line) for line in output.splitlines() if line.strip()]
    said = [re.sub(r"^(error|Error)( from server)?: ", "", line) for line in lines[-_LAST_LINES:]]
    return ClusterError(f"{command} failed", why="it says:" if said else "", details=said)


_Make = Callable[[re.Match[str], Mapping[str, str]], ClusterError]


def _no_context(found: re.Match[str], environ: Mapping[str, str]) -> ClusterError:
    named = (
        f"KUBECONFIG is {environ['KUBECONFIG']}"
        if "KUBECONFIG" in environ
        else "kubectl has no cluster to talk to"
    )
    what = f"there is no context {found[1]!r}" if found.lastindex and found[1] else "no cluster is configured"
    return NoContextError(what, why=named, remedies=["kubectl config get-contexts", "minikube start"])


def _unreachable(found: re.Match[str], _environ: Mapping[str, str]) -> ClusterError:
    return ClusterUnavailableError(
        "the cluster's API server is not reached",
        why=found[0].strip().splitlines()[0][:200],
        remedies=["minikube start", "kubectl config use-context NAME", "kubectl cluster-info"],
    )


def _not_signed_in(found: re.Match[str], _environ: Mapping[str, str]) -> ClusterError:
    return ClusterUnavailableError(
        "the cluster does not accept the credentials of this context",
        why=f"{found[0].strip().splitlines()[0][:200]}; they may have expired",
        remedies=[
            "minikube update-context",
            "sign in anew with your provider's tool",
            "kubectl config get-contexts",
        ],
    )


def _forbidden(found: re.Match[str], _environ: Mapping[str, str]) -> ClusterError:
    return ClusterError(
        "the cluster does not let this user do it",
        why=found[0].strip().splitlines()[0][:300],
        remedies=["kubectl auth can-i --list", "kubectl config get-contexts"],
    )


def _port_taken(found: re.Match[str], _environ: Mapping[str, str]) -> ClusterError:
    return ClusterError(
        f"the port {found[1]} of the nodes is taken",
        why="another release or service has it: a port of the nodes is the whole cluster's",
        remedies=[
            "--set frontend.service.nodePort=0, and the cluster chooses one",
            f"kubectl get services --all-namespaces | grep {found[1]}",
        ],
    )


_NO_CONTEXT = (
    "current-context is not set|current-context must exist|no configuration has been provided|"
    "invalid configuration: no"
)
_NOT_SIGNED_IN = "certificate has expired|You must be logged in|Unauthorized|provide credentials"
_UNREACHABLE = (
    r"connection refused|no route to host|i/o timeout|Client\.Timeout|no such host|TLS handshake timeout|"
    "context deadline exceeded|Unable to connect to the server|Kubernetes cluster unreachable|was refused"
)
_CAUSES: Sequence[tuple[str, _Make]] = (
    (r"context was not found for specified context: (\S+)", _no_context),
    (r'context "?([\w@:./-]+)"? (?:does not exist|not found)', _no_context),
    (r"cannot locate context (\S+)", _no_context),
    (_NO_CONTEXT, _no_context),
    (r"nodePort: Invalid value: (\d+): provided port is already allocated", _port_taken),
    (rf"[^\n]*(?:{_NOT_SIGNED_IN})[^\n]*", _not_signed_in),
    (r"[^\n]*(?:is forbidden: User|cannot \w+ resource)[^\n]*", _forbidden),
    (rf"[^\n]*(?:{_UNREACHABLE})[^\n]*", _unreachable),
)
