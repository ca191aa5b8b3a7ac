"""The causes of failures of Docker, its builds and registries."""

from collections.abc import Sequence
from dataclasses import replace

from automation.console.causes.cause import Cause

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

AGENT: Sequence[Cause] = (
    Cause(
        r"sign(ed)? in|log(ged)? ?in|unauthori[sz]ed|\b401\b",
        "nobody is signed in to Docker",
        ("docker login",),
    ),
    Cause(r"desktop.{0,40}(not|isn't) running", "Docker Desktop is not running", ("start Docker Desktop",)),
    Cause(
        r"(not|isn't) enabled|disabled|terms of (use|service)|beta features|not available",
        "its AI features are switched off",
        ("{enable}",),
    ),
    Cause(r"(rate|usage) limit|quota|\b429\b", "its usage limit is reached", ("the same command later",)),
)
"""Docker's AI agent. Value: `enable` (where its AI features are switched on)."""
