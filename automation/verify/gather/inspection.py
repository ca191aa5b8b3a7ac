"""Reads the config and the content of images, and the config that a Dockerfile declares; nothing is run."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from automation.console.errors import AutomationError
from automation.docker.archive import Layer
from automation.docker.cli import Docker
from automation.docker.dockerfile import Dockerfile, Instruction
from automation.verify.facts import Config, HealthCheck
from automation.verify.gather import content
from automation.verify.gather.content import Content, Searched
from automation.verify.gather.leaks import Search

_READ = {
    *("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "WorkingDir", "Labels", "Healthcheck", "Volumes"),
    *("OnBuild", "ArgsEscaped"),  # the last means nothing on Linux
}
_NANOSECONDS = 10**9
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


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
        other={name: value for name, value in config.items() if value and name not in _READ},
    )


def declared_config(dockerfile: Dockerfile) -> Config:
    """Return the configuration that a resolved Dockerfile sets for its target.

    What the target inherits from an external base image is unknown, and counts as not set.
    """
    config: dict[str, Any] = {}
    ports: dict[str, None] = {}
    workdir = PurePosixPath("/")
    for stage in dockerfile.lineage(dockerfile.target):
        for instruction in stage.instructions:
            text = stage.expand(instruction.text)
            match instruction.keyword:
                case "USER":
                    config["User"] = text
                case "WORKDIR":
                    workdir /= text
                    config["WorkingDir"] = str(workdir)
                case "EXPOSE":
                    ports |= {port if "/" in port else f"{port}/tcp": None for port in text.lower().split()}
                case "CMD" | "ENTRYPOINT" as keyword:
                    words = instruction.exec_form
                    config[keyword.capitalize()] = ("/bin/sh", "-c", text) if words is None else words
                case "STOPSIGNAL" | "SHELL":
                    config[{"STOPSIGNAL": "StopSignal"}.get(instruction.keyword, "Shell")] = text
                case "VOLUME":
                    config["Volumes"] = {**config.get("Volumes", {}), **dict.fromkeys(text.split())}
                case "ONBUILD":
                    config["OnBuild"] = [*config.get("OnBuild", ()), text]
                case "LABEL":
                    config["Labels"] = {**config.get("Labels", {}), **instruction.pairs}
                case "HEALTHCHECK":
                    config["Healthcheck"] = _declared_health_check(instruction)
    environment = [f"{name}={value}" for name, value in dockerfile.target.environment.items()]
    return read_config("", {"Config": {**config, "ExposedPorts": ports, "Env": environment}})


def _declared_health_check(instruction: Instruction) -> Mapping[str, Any]:
    """Return the health check as `docker image inspect` shows it."""
    form, _, rest = instruction.text.partition(" ")
    words = replace(instruction, text=rest.strip()).exec_form
    test = ("CMD-SHELL", rest.strip()) if words is None else ("CMD", *words)
    return {
        "Test": ("NONE",) if form.upper() == "NONE" else test,
        "Interval": _nanoseconds(instruction, "interval"),
        "Timeout": _nanoseconds(instruction, "timeout"),
        "StartPeriod": _nanoseconds(instruction, "start-period"),
        "StartInterval": _nanoseconds(instruction, "start-interval"),
        "Retries": next(filter(str.isdecimal, instruction.flag("retries")), None),
    }


def _nanoseconds(instruction: Instruction, flag: str) -> float:
    parts = _DURATION.findall(" ".join(instruction.flag(flag)))
    return sum(float(number) * _SECONDS[unit] for number, unit in parts) * _NANOSECONDS


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
        seconds("StartInterval", 5),
    )
