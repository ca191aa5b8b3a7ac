"""Checks of the Compose project: every value of what Compose starts is the contract's, and none is unknown.

Each row is a check of some places; `compose-model` is the check of all others.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from automation.contract.comparison import Difference, differences
from automation.contract.contract import Contract
from automation.verify.check import (
    STATIC,
    Check,
    Finding,
    check,
    filled,
    no_problem,
    register,
)
from automation.verify.checks.compose_model import required
from automation.verify.facts import Composition, Compositions

_PRODUCTION, _DEVELOPMENT, _BOTH = (False,), (True,), (False, True)
_SERVICE = r"services\.\w+"


@dataclass(frozen=True)
class _Row:
    name: str
    summary: str
    places: str
    """A pattern of the paths."""
    remedy: str
    modes: tuple[bool, ...] = _BOTH
    """Without and with the development overlay."""
    required: str = ""
    """The contract's figures, filled in from the profile and the rules."""


_ROWS = (
    _Row(
        "compose-services",
        "Compose has exactly the expected services, in their start order, with their images' health checks.",
        rf"{_SERVICE}(\.(depends_on|healthcheck)(\..*)?)?",
        "depends_on: {backend: {condition: service_healthy}}, {migrate: {condition: "
        "service_completed_successfully}}, no healthcheck, and nothing else in services",
    ),
    _Row(
        "compose-network",
        "Both services are on the contract's network, where they find each other by name.",
        rf"({_SERVICE}\.)?networks(\..*)?",
        "networks: {{profile.compose.network}: {driver: {profile.compose.network_driver}}}",
        required="{profile.compose.network} ({profile.compose.network_driver})",
    ),
    _Row(
        "compose-ports",
        "The services are published on the contract's ports, the backend only for this machine.",
        rf"{_SERVICE}\.ports(\..*)?",
        "ports: 127.0.0.1:{profile.compose.backend_port}:{profile.backend.port}, "
        "127.0.0.1:{profile.compose.frontend_port}:{profile.frontend.port}",
        required="{profile.compose.backend_port}:{profile.backend.port} "
        "{profile.compose.frontend_port}:{profile.frontend.port}",
    ),
    _Row(
        "compose-environment",
        "The backend gets the settings of .env, the frontend no secret, and only named proxies are trusted.",
        rf"{_SERVICE}\.environment(\..*)?",
        "environment: of the service backend, names only; FORWARDED_ALLOW_IPS with specific addresses",
    ),
    _Row(
        "restart-policy",
        "In production the services restart after a crash and after a reboot of the machine.",
        rf"{_SERVICE}\.restart",
        'restart: "{rules.production_restart}"',
        _PRODUCTION,
        "{rules.production_restart}",
    ),
    _Row(
        "development-restart-policy",
        "In development a failed service stays down, so that its error can be read.",
        rf"{_SERVICE}\.restart",
        'restart: "{rules.development_restart}"',
        _DEVELOPMENT,
        "{rules.development_restart}",
    ),
    _Row(
        "compose-data",
        "User data is in a named volume, which survives the containers.",
        rf"{_SERVICE}\.volumes\.(/data|/var/lib/postgresql/data)(\..*)?|volumes\.(data|postgres)(\..*)?",
        "volumes: [data:{rules.data_folder}]",
        required="a named volume at {rules.data_folder}",
    ),
    _Row(
        "production-mode",
        "In production no sources are mounted, nothing reloads and no development image runs.",
        rf"({_SERVICE}\.(image|build|command|entrypoint|volumes|tmpfs)|volumes)(\..*)?",
        "keep mounts, reloading and Dockerfile.dev in the development overlay",
        _PRODUCTION,
    ),
    _Row(
        "development-mounts",
        "In development the sources are mounted, and packages and builds stay in volumes.",
        rf"({_SERVICE}\.(volumes|tmpfs)|volumes)(\..*)?",
        "volumes: of the development overlay",
        _DEVELOPMENT,
        "{profile.compose.development_mounts}",
    ),
    _Row(
        "development-tag",
        "Development runs separate images, with the rules' development tag.",
        rf"{_SERVICE}\.image",
        "image: …:{rules.development_tag} in the development overlay",
        _DEVELOPMENT,
        "…:{rules.development_tag}",
    ),
    _Row(
        "compose-hardening",
        "Root file systems are read-only in production, and no service has more rights than it needs.",
        rf"{_SERVICE}\.(read_only|cap_\w+|security_opt|privileged|user|group_add|device\w*|gpus|pid|ipc|uts"
        r"|network_mode|userns_mode|cgroup\w*|sysctls|runtime|use_api_socket)(\..*)?",
        'read_only: true, cap_drop: [ALL], security_opt: ["no-new-privileges:true"], no more',
    ),
    _Row(
        "compose-model",
        "Every other value of the Compose files is the contract's, and no key is unknown.",
        ".*",
        "remove the key or value; if it is right, add it to automation/verify/checks/compose_model.py",
    ),
)  # fmt: skip


def found(contract: Contract, composition: Composition) -> Iterator[tuple[_Row, Difference]]:
    """Yield the differences of a combination, each with the first row of its place."""
    for difference in differences(required(contract, composition), composition.document):
        yield next(
            (row, difference)
            for row in _ROWS
            if composition.development in row.modes and re.fullmatch(row.places, difference.path)
        )


@check(STATIC, per_service=False, remedy="${NAME:?is not set. …} in services, networks, volumes or secrets")
def compose_files(compositions: Compositions) -> Finding:
    """The Compose files require each required setting, use no unknown one and do not name the project."""
    return no_problem(compositions.problems)


def _judge(row: _Row, contract: Contract, compositions: Compositions) -> Finding:
    return no_problem(
        (
            f"{composition.place} {difference}".lstrip()
            for composition in compositions.every
            for owner, difference in found(contract, composition)
            if owner is row
        ),
        required=filled(row.required, contract),
    )


for _row in _ROWS:
    function, takes = partial(_judge, _row), (Contract, Compositions)
    register(Check(_row.name, STATIC, _row.summary, takes, function, _row.remedy, per_service=False))
