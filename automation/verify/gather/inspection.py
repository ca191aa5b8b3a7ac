"""Reads what images say about themselves and what they contain; nothing is run."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from automation.console.errors import AutomationError
from automation.docker.archive import Layer
from automation.docker.cli import Docker
from automation.verify.facts import Config, HealthCheck
from automation.verify.gather import content
from automation.verify.gather.content import Content, Searched
from automation.verify.gather.leaks import Search

_NANOSECONDS = 10**9


class Inspector:
    """Reads images; a layer that several of them have is read once."""

    def __init__(self, docker: Docker, search: Search) -> None:
        self._docker = docker
        self._search = search
        self._layers: dict[str, Layer[Searched]] = {}

    async def config(self, reference: str) -> Config:
        """Return the configuration of an image. Raises AutomationError if it does not exist."""
        found = await self._docker.images(reference)
        if reference not in found:
            raise AutomationError(f"there is no image {reference}", remedies=["invoke build"])
        return read_config(reference, found[reference])

    async def content(self, reference: str) -> Content:
        """Return the file system of an image. Raises AutomationError."""
        read = partial(content.read, search=self._search, known=self._layers)
        return await self._docker.save(reference, read)


def read_config(reference: str, document: Mapping[str, Any]) -> Config:
    """Return the configuration in the document of `docker image inspect`."""
    config = document.get("Config") or {}
    health = config.get("Healthcheck") or {}
    return Config(
        reference=reference,
        tags=tuple(document.get("RepoTags") or ()),
        user=config.get("User") or "",
        ports=tuple(sorted(config.get("ExposedPorts") or ())),
        environment=dict(pair.split("=", 1) for pair in config.get("Env") or () if "=" in pair),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        workdir=config.get("WorkingDir") or "",
        labels=config.get("Labels") or {},
        health=_health_check(health) if health.get("Test") else None,
        volumes=tuple(sorted(config.get("Volumes") or ())),
        on_build=tuple(config.get("OnBuild") or ()),
    )


def _health_check(document: Mapping[str, Any]) -> HealthCheck:
    def seconds(name: str, default: float) -> float:
        return float(document.get(name) or default * _NANOSECONDS) / _NANOSECONDS

    # The defaults are Docker's.
    return HealthCheck(
        tuple(document["Test"]),
        seconds("Interval", 30),
        seconds("Timeout", 30),
        seconds("StartPeriod", 0),
        int(document.get("Retries") or 3),
    )
