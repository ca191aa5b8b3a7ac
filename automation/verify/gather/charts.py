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

OTHER_RELEASE = "shop"
"""The name of the release with every option: nothing may depend on the name."""
COMBINATIONS = ((False, True), (True, True), (False, False))
"""Whether with the values for development, and with the database in the cluster."""


_EVERYTHING = "ci/everything.yaml"


async def read(settings: Settings, profile: Profile) -> Charts:
    """Return what Helm renders with each set of values."""
    if profile.kubernetes is None:
        return Charts(absent="the profile is not for Kubernetes")
    try:
        helm = Helm(commands.find("helm", settings), release=RELEASE)
        folder = chart(settings, kubernetes(profile))
        *every, options = await asyncio.gather(
            *(_read(helm, folder, RELEASE, values(folder, *chosen), *chosen) for chosen in COMBINATIONS),
            _read(helm, folder, OTHER_RELEASE, everything(folder), development=False, database=True),
        )
        return Charts(every=tuple(every), options=options)
    except commands.ClusterUnavailableError as error:
        return Charts(absent=error.what)
    except ClusterError as error:
        return Charts(failure=" · ".join((error.what, *error.details)))


def values(folder: Path, development: bool, database: bool) -> tuple[str, ...]:
    """Return the arguments for a combination."""
    made = ("--values", str(folder / "values-dev.yaml")) if development else ()
    return ("--include-crds", *made, *(() if database else ("--set", "postgresql.enabled=false")))


def everything(folder: Path) -> tuple[str, ...]:
    """Return the arguments that turn on every option, for an upgrade in another namespace."""
    return ("--include-crds", "--is-upgrade", "--namespace=shop", "--values", str(folder / _EVERYTHING))


async def _read(
    helm: Helm, folder: Path, name: str, words: Iterable[str], development: bool, database: bool
) -> Chart:
    text = await helm.run("template", name, str(folder), *words)
    scripts = {file.stem: file.read_text(encoding="utf-8") for file in (folder / "tests").glob("*.py")}
    return Chart(name, development, database, scripts, named(release.documents(text)))


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
