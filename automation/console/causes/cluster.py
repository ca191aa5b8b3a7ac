"""The causes of failures of kubectl, Helm and pods."""

from collections.abc import Sequence

from automation.console.causes.cause import Cause

CLUSTER: Sequence[Cause] = (
    Cause(
        r"another operation \(install/upgrade/rollback\) is in progress",
        "Helm locks a release during an operation",
        ("helm history {release} --namespace {namespace}", "invoke helm-uninstall {where}"),
        what="another operation on the release {release} is in progress, or was interrupted",
    ),
    Cause(
        r"context was not found for specified context: (\S+)|cannot locate context (\S+)"
        r"|context \"?([\w@:./-]+)\"? (?:does not exist|not found)",
        "kubectl reads {configuration}",
        ("kubectl config get-contexts", "minikube start"),
        what="there is no context '{0}{1}{2}'",
        kind="no context",
    ),
    Cause(
        r"current-context is not set|current-context must exist|no configuration has been provided"
        r"|invalid configuration: no",
        "kubectl reads {configuration}",
        ("kubectl config get-contexts", "minikube start"),
        what="no cluster is configured",
        kind="no context",
    ),
    Cause(
        r"nodePort: Invalid value: (\d+): provided port is already allocated",
        "another release or service has it; a port of the nodes belongs to the whole cluster",
        ("--set frontend.service.nodePort=0", "kubectl get services --all-namespaces | grep {0}"),
        what="the port {0} of the nodes is taken",
    ),
    Cause(
        r"[^\n]*(?:certificate has expired|You must be logged in|Unauthorized|provide credentials)[^\n]*",
        "{match}; they may have expired",
        ("minikube update-context", "log in again with your provider's tool", "kubectl config get-contexts"),
        what="the cluster rejects the credentials of this context",
        kind="unavailable",
    ),
    Cause(
        r"[^\n]*(?:is forbidden: User|cannot \w+ resource)[^\n]*",
        "{match}",
        ("kubectl auth can-i --list", "kubectl config get-contexts"),
        what="the cluster does not allow this user to do that",
    ),
    Cause(
        r"[^\n]*(?:connection refused|no route to host|i/o timeout|Client\.Timeout|no such host"
        r"|TLS handshake timeout|context deadline exceeded|Unable to connect to the server"
        r"|Kubernetes cluster unreachable|was refused)[^\n]*",
        "{match}",
        ("minikube start", "kubectl config use-context NAME", "kubectl cluster-info"),
        what="the cluster's API server cannot be reached",
        kind="unavailable",
    ),
)
"""kubectl and Helm. Values: `release`, `namespace`, `where` (both as flags) and `configuration` (a path)."""

_MORE_MEMORY = ("increase resources.limits.memory in the values",)
_INSTALL = "invoke helm-install {where}"
_DATABASE = (
    f"correct DATABASE_URL in .env, then   {_INSTALL}",
    "leave DATABASE_URL empty for a PostgreSQL in the cluster",
)

POD: Sequence[Cause] = (
    Cause(
        r"(?m)^state ErrImageNeverPull$",
        "the node does not have the image {image} and may not pull it (imagePullPolicy: Never)",
        ("invoke minikube-load", "correct image.repository and image.tag in the values"),
    ),
    Cause(
        r"(?m)^state (?:ErrImagePull|ImagePullBackOff|InvalidImageName)$",
        "the node does not have the image {image} and cannot pull it",
        ("invoke minikube-load", "correct image.repository and image.tag in the values"),
    ),
    Cause(
        r"(?m)^cluster .*secrets? \"([^\"]+)\" not found",
        "there is no Secret {0}",
        (
            f"{_INSTALL}   without another secret.name creates one from .env",
            "{kubectl} create secret generic {0} --from-env-file=FILE",
        ),
    ),
    Cause(
        r"(?m)^cluster .*couldn't find key (\S+) in Secret (?:\S+/)?(\S+)",
        "the Secret {1} has no {0}",
        (f"add {{0}} to .env, then   {_INSTALL}",),
    ),
    Cause(r"(?m)^cluster .*configmap \"([^\"]+)\" not found", "there is no ConfigMap {0}", (_INSTALL,)),
    Cause(
        r"(?m)^state Unschedulable$",
        "no node has room for it, or none accepts it",
        (
            "decrease resources.requests in the values",
            "minikube start --cpus 4 --memory 4096",
            "kubectl describe nodes",
        ),
    ),
    Cause(r"(?m)^(?:state|last) OOMKilled$", "it exceeded its memory limit of {memory}", _MORE_MEMORY),
    Cause(
        r"(?:failed to resolve host|could not translate host name) '?\"?([^'\":\s]+)",
        "the cluster does not know the database's host {0}",
        _DATABASE,
    ),
    Cause(
        r"connection to server at \"([^\"]+)\".*?(?:connection refused|timeout expired|no route to host)",
        "nothing answers at the database's address {0}",
        _DATABASE,
    ),
    Cause(
        r"password authentication failed|no password supplied",
        "the database rejects the password",
        (_DATABASE[0], "invoke helm-uninstall --data {where}   deletes a database in the cluster"),
    ),
    Cause(
        r"(BETTER_AUTH_SECRET|JWT_SECRET|DATABASE_URL)[^\n]*(?:missing|required|at least|not a)",
        "the setting {0} is missing or wrong",
        ("invoke env-check --profile cluster",),
    ),
    Cause(r"ENOMEM|MemoryError|heap out of memory", "it ran out of memory", _MORE_MEMORY),
    Cause(r"read-only file system", "it writes to a read-only directory", ("mount a volume there",)),
    Cause(
        r"(?m)^component migrations$",
        "the database's schema could not be updated; the previous release continues to serve",
        (f"fix what its output reports, then   {_INSTALL}",),
    ),
    Cause(
        r"(?m)^cluster .*(?:executable file not found|no such file or directory)",
        "the image does not contain the program that it should run",
        (f"invoke build, then   {_INSTALL}",),
    ),
    Cause(r"(?m)^exit (\d+)$", "its program ended with exit code {0}{error}", ("read its output above",)),
    Cause(
        r"(?m)^probe (.*)$",
        "it runs, but fails its probe: {0}",
        ("compare the probes in the values with what the application serves", "invoke logs"),
    ),
)
"""A pod that does not run: lines of its facts, each with a name, and its output."""
