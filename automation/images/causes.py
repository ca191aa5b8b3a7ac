"""Why a build failed: the step's own last lines, and cause and remedy where they are known."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automation.console.errors import AutomationError
from automation.docker import cli
from automation.images.plan import Plan
from automation.images.progress import Lint, Progress

_LAST_LINES = 12
_INSTRUCTION = 60
_FOLLOWS = "then the same command again"
_PROXY = f"behind a company proxy, set BUILD_CA_FILE, BUILD_PIPCONF_FILE or BUILD_NPMRC_FILE, {_FOLLOWS}"

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


@dataclass(frozen=True)
class _Cause:
    pattern: str
    why: str
    remedies: tuple[str, ...]


# Looked for in what the step wrote and in its error, the most telling first.
_IN_STEPS: Sequence[_Cause] = (
    _Cause(
        r"heap out of memory|exit code: 137|signal: killed|cannot allocate memory",
        "the memory was not enough",
        ("give Docker more memory", "--service backend, then --service frontend: one build at a time"),
    ),
    _Cause(
        r"do not match the hashes|hash mismatch|EINTEGRITY",
        "a package is not the one that the lock names",
        ("invoke lock",),
    ),
    _Cause(
        r"npm error code EUSAGE|are in sync|No solution found|No matching distribution"
        r"|could not find a version|npm error code (?:ETARGET|E404)|was not found in the package registry",
        "the lock names a package that does not fit, or that the registry does not have",
        ("invoke lock",),
    ),
    _Cause(
        r"Release file .* (?:is not valid yet|is expired)|Release file .*expired",
        "Debian's package lists are past their date for this machine's clock",
        ("set BUILD_APTCONF_FILE to a file of apt's settings",),
    ),
    _Cause(
        _CERTIFICATE,
        "the certificate of a package registry is not trusted in the build",
        (f"set BUILD_CA_FILE to the CA's certificates, {_FOLLOWS}",),
    ),
    _Cause(_NETWORK, "a package registry is not reached", (f"check the network, {_FOLLOWS}", _PROXY)),
    _Cause(
        r"exec format error",
        "this machine does not run programs of that platform",
        ("docker run --privileged --rm tonistiigi/binfmt --install all", "leave out --platform"),
    ),
    _Cause(
        r"failed to calculate checksum|failed to compute cache key|\"?/\S+\"?: not found",
        "the Dockerfile copies a file that the build does not see",
        ("let it through in the .dockerignore file beside the Dockerfile",),
    ),
)

# Why a base image cannot be used; another one always can be named.
_AT_BASES: Sequence[_Cause] = (
    _Cause(_CERTIFICATE, "the certificate of its registry is not trusted", ("add the CA to Docker's own",)),
    _Cause(_NETWORK, "it is not here, and its registry is not reached", (f"check the network, {_FOLLOWS}",)),
    _Cause(
        r"toomanyrequests|rate limit",
        "its registry gives this address no more images for now",
        ("docker login",),
    ),
    _Cause(
        r"authorization|denied|unauthorized|\b40[13]\b",
        "it is not here, and its registry does not have it or does not show it to everyone",
        ("docker login",),
    ),
    _Cause(r"no match for platform", "it is not made for this platform", ("another --platform",)),
    _Cause(r"not found|manifest unknown|\b404\b", "it is not here, and its registry does not have it", ()),
    _Cause(r"invalid reference", "that is not the name of an image", ()),
)


def explain(plan: Plan, progress: Progress, environ: Mapping[str, str]) -> AutomationError:
    """Return the error for a failed build from what it told."""
    step = progress.failed
    said = "\n".join(progress.rest)
    if step is None and re.search(r"exporter is not supported for the docker driver", said, re.IGNORECASE):
        return AutomationError(
            "this Docker cannot write OCI archives, without which no build is reproducible",
            why="its image store is not containerd's",
            remedies=[
                'add   "features": {"containerd-snapshotter": true}   to Docker\'s daemon.json and restart it'
            ],
        )
    if step is None:
        return cli.explain(said, f"building {plan.dockerfile}", environ)
    if base := re.match(r"\[internal\] load metadata for (\S+)", step.name):
        return _base_failed(plan, base[1], step.error)
    written = [*step.lines, *([step.partial] if step.partial.strip() else [])]
    text = "\n".join((*written, step.error))
    code = re.search(r"exit code: (\d+)", step.error)
    where = f"{plan.dockerfile}, {step.stage} {step.position}" if step.position else plan.dockerfile
    what = f"{where}: {_short(step.text)} {f'ended with exit code {code[1]}' if code else 'failed'}"
    details = written[-_LAST_LINES:] or [step.error.strip()]
    if cli.NO_SPACE.search(text):
        full = cli.explain(text, "", environ)
        return AutomationError(what, why=full.why, details=details, remedies=full.remedies)
    for cause in _IN_STEPS:
        if re.search(cause.pattern, text, re.IGNORECASE):
            return AutomationError(what, why=cause.why, details=details, remedies=cause.remedies)
    return AutomationError(what, why="its last lines:" if written else "", details=details)


def wrong_platform(plan: Plan, lint: Lint) -> AutomationError:
    """Return the error for a base image that is here, and for another platform."""
    found = re.search(r"image (\S+) was pulled .*expected \"(\S+)\"", lint.text)
    base, platform = found.groups() if found else ("IMAGE", plan.platform)
    return AutomationError(
        f"{plan.dockerfile}: the base image {base} is here for another platform than {platform}",
        why=lint.text.partition(": ")[2],
        remedies=[f"docker pull --platform {platform} {base}", "leave out --platform"],
    )


def _base_failed(plan: Plan, base: str, error: str) -> AutomationError:
    name = base.removeprefix("docker.io/library/").removeprefix("docker.io/")
    found = next((each for each in _AT_BASES if re.search(each.pattern, error, re.IGNORECASE)), None)
    return AutomationError(
        f"{plan.dockerfile}: the base image {name} cannot be used",
        why=found.why if found else " ".join(error.split()),
        remedies=[
            *(remedy.format(name=name) for remedy in (found.remedies if found else ())),
            f"--base {name}=OTHER   (docker image ls shows what is here)",
        ],
    )


def _short(instruction: str) -> str:
    return instruction if len(instruction) <= _INSTRUCTION else f"{instruction[: _INSTRUCTION - 1]}…"
