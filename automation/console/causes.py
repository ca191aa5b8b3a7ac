"""The table from what a program wrote to its cause and its remedies.

Each program has a sequence of causes, the most specific first. `find` returns the first one that matches:

    cause = causes.find(causes.REGISTRY, output, login="docker login")

`why`, `what` and `remedies` are format strings: `{0}` is the pattern's first group, `{match}` its match,
and a name such as `{login}` is a value that the caller passes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

_LONGEST = 300


@dataclass(frozen=True)
class Cause:
    """Why a program failed."""

    pattern: str
    """A regular expression; case does not matter."""
    why: str
    remedies: tuple[str, ...] = ()
    what: str = ""
    """The message, where this says more than "PROGRAM failed"."""
    kind: str = ""
    """What the caller chooses by: `unavailable` where nothing can be done with the program at all."""
    requires: str = ""
    """A value without which this is not the cause, such as the host that DOCKER_HOST names."""
    groups: tuple[str, ...] = ()
    """What the pattern's groups matched; set by `find`."""


def find(table: Sequence[Cause], output: str, **values: str) -> Cause | None:
    """Return the first cause whose pattern the output matches, its placeholders filled in."""
    for cause in table:
        if cause.requires and not values.get(cause.requires):
            continue
        if found := re.search(cause.pattern, output, re.IGNORECASE):
            groups = [_short(group or "") for group in found.groups()]
            named = {**values, "match": _short(found[0])}
            return replace(
                cause,
                why=cause.why.format(*groups, **named),
                what=cause.what.format(*groups, **named),
                remedies=tuple(remedy.format(*groups, **named) for remedy in cause.remedies),
                groups=tuple(groups),
            )
    return None


def _short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]


_RETRY = "then run the same command again"
_NETWORK = (
    r"lookup \S+(?: on \S+)?: |no such host|could not resolve"
    r"|temporary failure (?:in name resolution|resolving)|name or service not known|dns error|getaddrinfo"
    r"|EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT"
    r"|connection refused|connection timed out|i/o timeout|TLS handshake timeout|network is unreachable"
    r"|deadline exceeded|client error \(Connect\)|error sending request"
)
_CERTIFICATE = (
    r"x509:|CERTIFICATE_VERIFY_FAILED|certificate verify failed|invalid peer certificate|UnknownIssuer"
    r"|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(?:GET_ISSUER_CERT_LOCALLY|VERIFY_LEAF_SIGNATURE)"
    r"|unable to get local issuer certificate"
)
_RATE_LIMIT = r"toomanyrequests|rate limit"
_DISK_FULL = Cause(
    r"no space left on device|ENOSPC|disk quota exceeded",
    "no space left on the device that holds images and build caches",
    ("docker system df", "docker builder prune", "docker image prune"),
    what="Docker's disk is full",
)
_NO_PLUGIN = Cause(
    r"unknown command: docker (buildx|compose)\b",
    "docker does not know the command {0}: its plugin is not installed",
    (
        "sudo apt install docker-{0}-plugin   (packages of docker.com)",
        "sudo apt install docker-{0}   (packages of Debian)",
    ),
    what="Docker's plugin {0} is missing",
)
_NOT_REACHED = Cause(
    r"error during connect: (.*)|(unable to (?:parse|resolve) docker (?:host|endpoint).*)"
    r"|(invalid (?:bind address|proto|DOCKER_HOST).*)",
    "{0}{1}{2}",
    ("docker context use default",),
    what="the Docker daemon cannot be reached",
    kind="unavailable",
)

DOCKER: Sequence[Cause] = (
    _DISK_FULL,
    Cause(
        r"permission denied while trying to connect to the docker",
        "its socket is for root and for the group docker",
        ('sudo usermod -aG docker "$USER"   and log in again',),
        what="this user may not use the Docker daemon",
        kind="unavailable",
    ),
    Cause(
        r"cannot connect to the docker daemon at (\S+?)\.?(?:\s|$)",
        "nothing answers at {0}, which DOCKER_HOST names",
        ("unset DOCKER_HOST", "start Docker there"),
        what="the Docker daemon is not running",
        kind="unavailable",
        requires="host",
    ),
    Cause(
        r"cannot connect to the docker daemon at (\S+?)\.?(?:\s|$)",
        "nothing answers at {0}",
        ("sudo systemctl start docker", "start Docker Desktop"),
        what="the Docker daemon is not running",
        kind="unavailable",
    ),
    Cause(
        r"rpc error: code = Unavailable|error reading from server|http2: frame too large",
        "the connection to it was lost",
        ("docker version", "run the same command again"),
        what="the Docker daemon has stopped",
        kind="unavailable",
    ),
    Cause(
        r"context \"?([^\"\s]+)\"?: context not found",
        "DOCKER_CONTEXT or `docker context use` names it",
        ("docker context use default", "docker context ls"),
        what="Docker's context '{0}' does not exist",
        kind="unavailable",
    ),
    _NO_PLUGIN,
    replace(_NO_PLUGIN, pattern=r"'(buildx|compose)' is not a docker command"),
    replace(
        _NOT_REACHED,
        what="DOCKER_HOST is '{host}', where Docker cannot be reached",
        remedies=("unset DOCKER_HOST", "correct DOCKER_HOST"),
        requires="host",
    ),
    _NOT_REACHED,
)
"""The daemon and its command line."""

BUILD: Sequence[Cause] = (
    Cause(
        r"exporter is not supported for the docker driver",
        "its image store is not containerd's",
        ('add   "features": {{"containerd-snapshotter": true}}   to Docker\'s daemon.json and restart it',),
        what="this Docker cannot write OCI archives, which reproducible builds require",
    ),
    *DOCKER,
)
"""A build that fails outside any step."""

BUILD_STEP: Sequence[Cause] = (
    _DISK_FULL,
    Cause(
        r"heap out of memory|exit code: 137|signal: killed|cannot allocate memory",
        "it ran out of memory",
        ("give Docker more memory", "build one image at a time: --service backend, then --service frontend"),
    ),
    Cause(
        r"do not match the hashes|hash mismatch|EINTEGRITY",
        "a package differs from the one that the lock names",
        ("invoke lock",),
    ),
    Cause(
        r"npm error code EUSAGE|are in sync|No solution found|No matching distribution"
        r"|could not find a version|npm error code (?:ETARGET|E404)|was not found in the package registry",
        "the lock names a package that does not fit, or that the registry does not have",
        ("invoke lock",),
    ),
    Cause(
        r"Release file .* (?:is not valid yet|is expired)|Release file .*expired",
        "Debian's package lists have expired by this machine's clock",
        ("set BUILD_APTCONF_FILE to a file with settings for apt",),
    ),
    Cause(
        _CERTIFICATE,
        "the build does not trust the certificate of a package registry",
        (f"set BUILD_CA_FILE to a file with the CA's certificates, {_RETRY}",),
    ),
    Cause(
        _NETWORK,
        "a package registry cannot be reached",
        (
            f"check the network, {_RETRY}",
            "behind a company proxy, set BUILD_CA_FILE, BUILD_PIPCONF_FILE or BUILD_NPMRC_FILE, " + _RETRY,
            "invoke up --engine native   runs the application without images",
        ),
    ),
    Cause(
        r"image \S+: already exists",
        "another build made the same image at the same time",
        ("run the same command again",),
    ),
    Cause(
        r"exec format error",
        "this machine does not run programs of that platform",
        ("docker run --privileged --rm tonistiigi/binfmt --install all", "leave out --platform"),
    ),
    Cause(
        r"(?:failed to calculate checksum|failed to compute cache key)[^\n]*?\"?(/[^\s\":]+)\"?: not found",
        "{0} is not in the build context, which is {context} as {ignore} filters it",
        kind="missing file",
    ),
)
"""A step of a build: what it wrote, and the builder's error."""

BASE_IMAGE: Sequence[Cause] = (
    Cause(_CERTIFICATE, "the certificate of its registry is not trusted", ("add the CA to Docker's own",)),
    Cause(
        _NETWORK,
        "this machine does not have it, and its registry cannot be reached",
        (
            f"check the network, {_RETRY}",
            "invoke up --engine native   runs the application without images",
        ),
    ),
    Cause(_RATE_LIMIT, "its registry's rate limit is reached", ("docker login",)),
    Cause(
        r"authorization|denied|unauthorized|\b40[13]\b",
        "this machine does not have it, and its registry does not have it or does not show it to everyone",
        ("docker login",),
    ),
    Cause(r"no match for platform", "it is not available for this platform", ("choose another --platform",)),
    Cause(
        r"not found|manifest unknown|\b404\b",
        "this machine does not have it, and neither does its registry",
    ),
    Cause(r"invalid reference", "this is not the name of an image"),
)
"""The registry of a base image, asked by the builder."""

REGISTRY: Sequence[Cause] = (
    Cause(
        r"no basic auth credentials|authentication required|authorization failed|unauthorized|\b401\b",
        "the registry requires a login",
        ("{login}",),
    ),
    Cause(
        r"denied|forbidden|insufficient[_ ]scope|\b403\b",
        "the registry does not allow this user to push there",
        ("{login}   as a user who may push", "choose another --registry"),
    ),
    Cause(
        r"name unknown|repository .* (?:not|does not)",
        "the registry has no such repository",
        ("create the repository in the registry",),
    ),
    Cause(
        r"server gave HTTP response to HTTPS client",
        "the registry does not use TLS, which Docker's settings do not allow",
        ('add it to "insecure-registries" in Docker\'s daemon.json',),
    ),
    Cause(r"x509:|certificate", "the registry's certificate is not trusted", ("add its CA to Docker's own",)),
    Cause(
        r"connection refused|no such host|i/o timeout|deadline exceeded|network is unreachable|lookup ",
        "the registry cannot be reached",
        (f"check its address and the network, {_RETRY}",),
    ),
    Cause(_RATE_LIMIT, "the registry's rate limit is reached", (f"wait, {_RETRY}",)),
)
"""A registry that images are pushed to."""

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
