"""Why a pod does not run: from its state, its events and its last lines to a cause and a remedy."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automation.kubernetes.kubectl import ClusterError
from automation.kubernetes.pods import Pod

_LAST_LINES = 12
_LAST_EVENTS = 4
_ERROR = re.compile(r"\b\w*(?:Error|Exception)\b( \[\w+\])?:|\b(?:error|fatal|panic):", re.IGNORECASE)


@dataclass(frozen=True)
class Happening:
    """An event of the cluster."""

    reason: str
    message: str
    warning: bool = False
    count: int = 1


@dataclass(frozen=True)
class Cause:
    """What is likely the matter, and what to do."""

    why: str
    remedies: tuple[str, ...]


def read_events(documents: Sequence[Mapping[str, Any]]) -> tuple[Happening, ...]:
    """Return the events, the oldest first."""

    def when(document: Mapping[str, Any]) -> str:
        return str(document.get("lastTimestamp") or document.get("eventTime") or "")

    return tuple(
        Happening(
            each.get("reason", ""),
            each.get("message", ""),
            each.get("type") == "Warning",
            each.get("count") or 1,
        )
        for each in sorted(documents, key=when)
    )


def explain(
    pod: Pod, events: Sequence[Happening], lines: Sequence[str], *, namespace: str, context: str = ""
) -> ClusterError:
    """Return the error that tells the pod, its state, events and last lines, the cause and the remedy."""
    cause = find_cause(pod, events, lines, namespace)
    told = [each for each in events if each.warning] or list(events)
    where = f"{f'--context {context} ' if context else ''}--namespace {namespace}"
    state = pod.state if not pod.message else f"{pod.state}: {pod.message}"
    details = [f"state    {state}{_ending(pod)}"]
    details += [f"event    {each.reason}: {_short(each.message)}" for each in told[-_LAST_EVENTS:]]
    details += [f"output   {line}" for line in _telling(lines)]
    return ClusterError(
        f"{_complaint(pod)}: pod {pod.name} is {pod.state}",
        why=cause.why,
        details=details,
        remedies=[*cause.remedies, f"kubectl {where} describe pod {pod.name}"],
    )


def find_cause(pod: Pod, events: Sequence[Happening], lines: Sequence[str], namespace: str = "") -> Cause:
    """Return what is likely the matter."""
    said = " ".join((pod.message, *(each.message for each in events if each.warning)))
    output = "\n".join(lines)
    if pod.state in {"ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff", "InvalidImageName"}:
        return Cause(
            f"the node does not have the image {pod.image}, and "
            + (
                "may not pull it (imagePullPolicy: Never)"
                if pod.state == "ErrImageNeverPull"
                else "cannot pull it"
            ),
            (
                "invoke minikube-load",
                "correct image.repository and image.tag",
                "kubectl get nodes -o yaml | grep todo-",
            ),
        )
    if found := re.search(r'secrets? "([^"]+)" not found', said):
        own = f"--namespace {namespace} " if namespace else ""
        return Cause(
            f"there is no Secret {found[1]}",
            (
                "invoke helm-install without another secret.name makes one from .env",
                f"kubectl {own}create secret generic {found[1]} --from-env-file=FILE",
            ),
        )
    if found := re.search(r"couldn't find key (\S+) in Secret (\S+)", said):
        return Cause(
            f"the Secret {found[2].rpartition('/')[2]} has no {found[1]}",
            (f"put {found[1]} into .env, then   invoke helm-install",),
        )
    if found := re.search(r'configmap "([^"]+)" not found', said):
        return Cause(f"there is no ConfigMap {found[1]}", ("invoke helm-install",))
    if pod.state == "Unschedulable":
        return Cause(
            "no node has room for it, or none may take it",
            (
                "ask for less: resources.requests of the values",
                "minikube start --cpus 4 --memory 4096",
                "kubectl describe nodes",
            ),
        )
    if "OOMKilled" in {pod.state, pod.last_reason}:
        return Cause(
            f"it needed more memory than its limit of {pod.memory_limit or 'this node'}, and was killed",
            _MORE_MEMORY,
        )
    for pattern, cause in _OUTPUT:
        if found := re.search(pattern, output, re.IGNORECASE):
            return Cause(cause.why.format(*found.groups()), cause.remedies)
    if pod.component == "migrations":
        return Cause(
            "the database's schema could not be brought up to date; the release before goes on serving",
            ("correct what its output says, then   invoke helm-install",),
        )
    if "executable file not found" in said or "no such file or directory" in said:
        return Cause(
            "the image does not hold the program that it is to run",
            ("invoke build, then   invoke helm-install",),
        )
    if pod.exit_code is not None and pod.state not in {"Running", "Ready"}:
        why = f"its program ended with exit code {pod.exit_code}"
        error = next((line.strip() for line in reversed(lines) if _ERROR.search(line)), "")
        return Cause(f"{why}: {_short(error)}" if error else why, ("read its output above",))
    probes = [each for each in events if each.reason == "Unhealthy"]
    if probes:
        return Cause(
            f"it runs, and does not answer as it should: {_short(probes[-1].message)}",
            ("compare the probes of the values with what the application serves", "invoke logs"),
        )
    return Cause(
        "it has not become ready in time", ("invoke logs", "the same command with a longer --timeout")
    )


_MORE_MEMORY = ("raise resources.limits.memory of the values",)
_DATABASE = (
    "correct DATABASE_URL in .env, then   invoke helm-install",
    "leave DATABASE_URL empty for a PostgreSQL in the cluster",
)
_OUTPUT: Sequence[tuple[str, Cause]] = (
    (
        r"(?:failed to resolve host|could not translate host name) '?\"?([^'\":\s]+)",
        Cause("the database's host {0} is not known in the cluster", _DATABASE),
    ),
    (
        r"connection to server at \"([^\"]+)\".*?(?:connection refused|timeout expired|no route to host)",
        Cause("nothing answers at the database's address {0}", _DATABASE),
    ),
    (
        r"password authentication failed|no password supplied",
        Cause(
            "the database refuses the password",
            (
                "correct DATABASE_URL in .env, then   invoke helm-install",
                "a database in the cluster without its data:   invoke helm-uninstall --data",
            ),
        ),
    ),
    (
        r"(BETTER_AUTH_SECRET|JWT_SECRET|DATABASE_URL)[^\n]*(?:missing|required|at least|not a)",
        Cause("the setting {0} is missing or wrong", ("invoke env-check --profile cluster",)),
    ),
    (r"(?:ENOMEM|MemoryError|heap out of memory)", Cause("it ran out of memory", _MORE_MEMORY)),
    (r"read-only file system", Cause("it writes to a place that is read-only", ("mount a volume there",))),
)  # fmt: skip


def _telling(lines: Sequence[str]) -> Sequence[str]:
    """Return the last lines; where the error itself comes before them, after it."""
    last = lines[-_LAST_LINES:]
    if any(_ERROR.search(line) for line in last):
        return last
    return [*[line for line in lines[:-_LAST_LINES] if _ERROR.search(line)][-1:], *last]


def _complaint(pod: Pod) -> str:
    if pod.component == "migrations":
        return "the migrations failed" if pod.exit_code else "the migrations do not start"
    return f"the {pod.component} {'does not become ready' if pod.state == 'Running' else 'does not start'}"


def _ending(pod: Pod) -> str:
    if pod.exit_code is None:
        return ""
    times = f", started again {pod.restarts} times" if pod.restarts > 1 else ""
    reason = f" ({pod.last_reason})" if pod.last_reason and pod.last_reason != pod.state else ""
    return f", ended last with exit code {pod.exit_code}{reason}{times}"


def _short(message: str) -> str:
    text = " ".join(message.split())
    return text if len(text) <= 200 else f"{text[:199]}…"
