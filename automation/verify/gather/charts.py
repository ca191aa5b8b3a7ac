"""Renders the chart of a profile with each of its sets of values, without a cluster."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from automation.contract.models import Profile
from automation.kubernetes import commands, release
from automation.kubernetes.commands import ClusterError, Helm
from automation.kubernetes.target import RELEASE, chart, kubernetes
from automation.settings import Settings
from automation.verify.facts import Chart, Charts, Document

COMBINATIONS = ((False, True), (True, True), (False, False))
"""Whether with the values for development, and with the database in the cluster."""


async def read(settings: Settings, profile: Profile) -> Charts:
    """Return what Helm renders with each set of values."""
    if profile.kubernetes is None:
        return Charts(absent="the profile is not for Kubernetes")
    try:
        helm = Helm(commands.find("helm", settings), release=RELEASE)
        folder = chart(settings, kubernetes(profile))
        every = (_read(helm, folder, values(folder, *chosen), *chosen) for chosen in COMBINATIONS)
        return Charts(every=tuple(await asyncio.gather(*every)))
    except commands.ClusterUnavailableError as error:
        return Charts(absent=error.what)
    except ClusterError as error:
        return Charts(failure=" · ".join((error.what, *error.details)))


def values(folder: Path, development: bool, database: bool) -> tuple[str, ...]:
    """Return the arguments for a combination."""
    made = ("--values", str(folder / "values-dev.yaml")) if development else ()
    return ("--include-crds", *made, *(() if database else ("--set", "postgresql.enabled=false")))


async def _read(helm: Helm, folder: Path, words: Iterable[str], development: bool, database: bool) -> Chart:
    text = await helm.run("template", RELEASE, str(folder), *words)
    scripts = {file.stem: file.read_text(encoding="utf-8") for file in (folder / "tests").glob("*.py")}
    return Chart(RELEASE, development, database, scripts, named(release.documents(text)))


def named(objects: Iterable[Mapping[str, Any]]) -> Document:
    """Return objects by kind and name, without values that are empty."""
    return {
        f"{found['kind']} {found['metadata']['name']}": _without_nothing({**found, "kind": None})
        for found in objects
    }


def _without_nothing(value: Any) -> Any:
    """Leave out what a template has rendered as null."""
    if isinstance(value, Mapping):
        return {key: _without_nothing(own) for key, own in value.items() if own is not None}
    return [_without_nothing(own) for own in value] if isinstance(value, list) else value
