"""Renders the chart with sets of values, to compare the results with those that are recorded."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree
from typing import Any

import yaml

from automation.contract.models import Profile
from automation.kubernetes import commands, release
from automation.kubernetes.commands import ClusterError, Helm
from automation.kubernetes.target import RELEASE, chart, kubernetes
from automation.paths import ROOT
from automation.settings import Settings
from automation.verify.facts import Refusals, Renderings
from automation.verify.gather.charts import named

RECORDED = ROOT / "deploy/helm/renderings"
REFUSED = RECORDED / "refused.yaml"
DEFAULT = "default"
"""The set of the default values. The others are the files in the chart's folder `ci`."""
_OTHER = ("--namespace=shop", "--is-upgrade")
# What Helm does not print: the notes, the values, and which files it packs.
_REPORT = """
apiVersion: v1
kind: Chart
metadata: {name: chart}
chart: {{ .Chart | toYaml | nindent 2 }}
files:
{{- range $path, $_ := .Files.Glob "**" }}
  - {{ $path }}
{{- end }}
{{- if eq .Release.Name "todo" }}
values: {{ .Values | toYaml | nindent 2 }}
{{- end }}
notes: {{ include (print .Template.BasePath "/NOTES.txt") . | splitList "\\n" | toYaml | nindent 2 }}
"""


@contextmanager
def reporting(folder: Path) -> Iterator[Path]:
    """Copy a chart, and make it also render what Helm does not print."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(copytree(folder, Path(place) / folder.name))
        (copy / "templates" / "report.yaml").write_text(_REPORT, encoding="utf-8")
        yield copy


def names(folder: Path) -> tuple[str, ...]:
    """Return the names of a chart's sets of values."""
    return (DEFAULT, *sorted(file.stem for file in (folder / "ci").glob("*.yaml")))


def arguments(folder: Path, name: str) -> tuple[str, ...]:
    """Return the arguments of Helm that render a set: its values as another release, in another namespace."""
    values = ("--values", str(folder / "ci" / f"{name}.yaml"), *_OTHER)
    release_name, words = (RELEASE, ()) if name == DEFAULT else ("shop", values)
    return ("template", release_name, str(folder), "--include-crds", *words)


async def texts(helm: Helm, folder: Path) -> dict[str, str]:
    """Return what Helm renders with each set of values. Raises ClusterError."""
    with reporting(folder) as copy:
        sets = names(copy)
        found = await asyncio.gather(*(helm.run(*arguments(copy, name)) for name in sets))
    return dict(zip(sets, found, strict=True))


def recorded() -> dict[str, Any]:
    """Return the recorded objects of each set of values."""
    files = (file for file in RECORDED.glob("*.yaml") if file != REFUSED)
    return {file.stem: named(release.documents(file.read_text(encoding="utf-8"))) for file in files}


async def read(settings: Settings, profile: Profile) -> Renderings:
    """Return what Helm renders with each set of values, and what is recorded."""
    if profile.kubernetes is None:
        return Renderings(absent="the profile is not for Kubernetes")
    try:
        helm = Helm(commands.find("helm", settings), release=RELEASE)
        found = await texts(helm, chart(settings, kubernetes(profile)))
    except commands.ClusterUnavailableError as error:
        return Renderings(absent=error.what)
    except ClusterError as error:
        return Renderings(failure=" · ".join((error.what, *error.details)))
    observed = {name: named(release.documents(text)) for name, text in found.items()}
    return Renderings(observed=observed, recorded=recorded())


async def read_refusals(settings: Settings, profile: Profile) -> Refusals:
    """Return what Helm says of the values that the chart has to refuse."""
    if profile.kubernetes is None:
        return Refusals(absent="the profile is not for Kubernetes")
    required = yaml.safe_load(REFUSED.read_text(encoding="utf-8"))
    try:
        helm = Helm(commands.find("helm", settings), release=RELEASE)
        folder = chart(settings, kubernetes(profile))
        found = await asyncio.gather(*(refusal(helm, folder, one["values"]) for one in required))
    except commands.ClusterUnavailableError as error:
        return Refusals(absent=error.what)
    return Refusals(every=[(one["error"], error) for one, error in zip(required, found, strict=True)])


async def refusal(helm: Helm, folder: Path, values: Any) -> str:
    """Return the error with which Helm refuses values; an empty text if it accepts them."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        yaml.safe_dump(values, file)
        file.flush()
        done = await helm.complete("template", RELEASE, str(folder), "--values", file.name)
    return done.errors if done.code else ""
