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


OPTIONAL = {"Ingress", "HTTPRoute", "HorizontalPodAutoscaler"}
_EVERYTHING = "ci/everything.yaml"


async def read(settings: Settings, profile: Profile) -> Charts:
    """Return what Helm renders with each set of values."""
    if profile.kubernetes is None:
        return Charts(absent="the profile is not for Kubernetes")
    try:
        helm = Helm(commands.find("helm", settings), release=RELEASE)
        folder = chart(settings, kubernetes(profile))
        every = await asyncio.gather(*(_read(helm, folder, *chosen) for chosen in COMBINATIONS))
        return Charts(every=tuple(every), options=await options(helm, folder))
    except commands.ClusterUnavailableError as error:
        return Charts(absent=error.what)
    except ClusterError as error:
        return Charts(failure=" · ".join((error.what, *error.details)))


async def _read(helm: Helm, folder: Path, development: bool, database: bool) -> Chart:
    values = ["--values", str(folder / "values-dev.yaml")] if development else []
    values += [] if database else ["--set", "postgresql.enabled=false"]
    text = await helm.run("template", RELEASE, str(folder), *values)
    scripts = {file.stem: file.read_text(encoding="utf-8") for file in (folder / "tests").glob("*.py")}
    return Chart(RELEASE, development, database, scripts, named(release.documents(text)))


async def options(helm: Helm, folder: Path) -> Chart:
    """Return the objects that only options render, with the values that turn on each of them."""
    text = await helm.run("template", RELEASE, str(folder), "--values", str(folder / _EVERYTHING))
    found = named(one for one in release.documents(text) if one["kind"] in OPTIONAL)
    return Chart(RELEASE, development=False, database=True, scripts={}, objects=found)


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
