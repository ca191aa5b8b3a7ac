"""Reads the config and the content of images, and the config that a Dockerfile declares; nothing is run."""

import io
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import IO, Any

from automation.console.errors import AutomationError
from automation.docker.archive import Layer
from automation.docker.cli import Docker
from automation.docker.dockerfile import Dockerfile, Instruction
from automation.verify.facts import Config, HealthCheck, ImageLeaks
from automation.verify.gather import content
from automation.verify.gather.content import Content, Searched
from automation.verify.gather.leaks import Leak, Scan

_READ = {
    *("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "WorkingDir", "Labels", "Healthcheck", "Volumes"),
    *("OnBuild", "ArgsEscaped"),  # the last means nothing on Linux
}
_NANOSECONDS = 10**9
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class Inspector:
    """Reads images; a layer that several of them have is read once."""

    def __init__(self, docker: Docker) -> None:
        self._docker = docker
        self._layers: dict[str, Layer[Searched]] = {}
        self._leaks: dict[str, tuple[Leak, ...]] = {}

    async def config(self, reference: str) -> Config:
        """Return the configuration of an image. Raises AutomationError if it does not exist."""
        found = await self._docker.images(reference)
        if reference not in found:
            raise AutomationError(f"there is no image {reference}", remedies=["invoke build"])
        return read_config(reference, found[reference])

    async def content(self, reference: str) -> Content:
        """Return the file system of an image. Raises AutomationError."""
        return await self._docker.save(reference, partial(content.read, known=self._layers))

    async def searched(self, reference: str, known: Mapping[str, str]) -> tuple[Content, ImageLeaks]:
        """Return the file system of an image, and its secrets, also those that this machine knows.

        A registry serves layers to anybody who asks, so a file that a later layer deletes is searched too.
        Raises AutomationError if there is no such image.
        """
        with Scan(self._docker.settings, known) as scan:

            def keep(path: str, file: IO[bytes]) -> None:
                # The layer that is being read is the next that will be known.
                scan.add(len(self._layers), path, file, area="image")

            image = await self._docker.save(reference, partial(content.read, keep=keep, known=self._layers))
            for owner, name, text in texts(image.config):
                scan.add(owner, owner, io.BytesIO(text.encode()), area="image", name=name)
            try:
                found: Mapping[Hashable, tuple[Leak, ...]] = await scan.leaks()
            except AutomationError as error:
                return image, ImageLeaks(failure=error.what, remedy=" or ".join(error.remedies))
        self._leaks |= {
            name: found.get(at, ()) for at, name in enumerate(self._layers) if name not in self._leaks
        }
        layers = [leak for layer in image.layers for leak in self._leaks[layer.name]]
        files = [
            Leak("a file of secrets", path)
            for layer in image.layers
            for path, file in layer.found.items()
            if file.is_secret
        ]
        config, history = (found.get(owner, ()) for owner in ("the configuration", "the history"))
        return image, ImageLeaks(
            *(tuple(dict.fromkeys(map(str, leaks))) for leaks in ([*files, *layers], config, history))
        )


def texts(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield what an image's configuration says, as files for the scanner: a part, a name and a text."""
    config = document.get("config") or {}
    labels = (f"{name}={value}" for name, value in (config.get("Labels") or {}).items())
    yield "the configuration", "variables.env", "\n".join([*(config.get("Env") or ()), *labels])
    commands = (config.get("Entrypoint"), config.get("Cmd"), (config.get("Healthcheck") or {}).get("Test"))
    lines = [" ".join(words or ()) for words in commands]
    yield "the configuration", "commands.sh", "\n".join([*lines, *(config.get("OnBuild") or ())])
    steps = [str(step.get("created_by", "")) for step in document.get("history") or ()]
    yield "the history", "history.sh", "\n".join(steps)
    # BuildKit writes the arguments of a RUN as |2 NAME=value NAME=value before the command.
    built = (step for step in steps if step.startswith(("|", "RUN |", "ARG", "ENV")))
    yield "the history", "arguments.env", "\n".join(word for step in built for word in step.split())


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
