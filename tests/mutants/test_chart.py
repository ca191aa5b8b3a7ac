"""Every single edit of the chart's templates, of its values and of what it renders fails a check."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation import settings
from automation.contract import profiles
from automation.contract.contract import Contract
from automation.kubernetes import release
from automation.kubernetes.target import RELEASE, kubernetes
from automation.kubernetes.target import chart as folder_of
from automation.verify.check import Outcome, registered
from automation.verify.checks import chart as checks
from automation.verify.checks.chart_model import required
from automation.verify.facts import Chart, Charts
from automation.verify.gather import charts
from tests.mutants.edits import Document, edits

PROFILE = profiles.load("cluster")
CONTRACT = Contract(PROFILE, profiles.load_rules(), "")
CHART = folder_of(settings.load(), kubernetes(PROFILE))
HELM = str(Path(sys.executable).with_name("helm"))
SURVIVORS: dict[str, str] = json.loads(Path(__file__).with_name("chart.json").read_text(encoding="utf-8"))
"""Patterns of the edits that change nothing of what the default values render, with the reason."""
_COPIES = 4
EXTRA = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
CONDITIONS = (
    ".Release.IsUpgrade",
    'ne .Release.Name "todo"',
    'ne .Release.Namespace "default"',
    *(f".Values.{name}" for name in ("imagePullSecrets", "ingress.enabled", "secret.checksum")),
    "gt (int .Values.backend.replicaCount) 1",
)
"""What is true in some releases only."""
[OPTIONS] = (check for check in registered() if check.name == "chart-options")


@pytest.fixture(scope="module")
def read() -> Charts:
    current = settings.load({"PATH": str(Path(HELM).parent)})
    return asyncio.run(charts.read(current, PROFILE))


@pytest.fixture(scope="module")
def rendered(read: Charts) -> tuple[Chart, ...]:
    return read.every


def failed(wanted: Document, objects: Document) -> set[str]:
    """Return the names of the checks that fail."""
    return {name for name, _ in checks.found(wanted, objects)}


def test_every_edit_of_a_rendered_object_fails_a_check(rendered: tuple[Chart, ...]) -> None:
    assert len(rendered) == len(charts.COMBINATIONS)
    names = set()
    for chart in rendered:
        wanted = required(CONTRACT, chart)
        assert failed(wanted, chart.objects) == set()
        found = {str(edit): failed(wanted, edit.apply(chart.objects)) for edit in edits(chart.objects)}
        assert [edit for edit, checks in found.items() if not checks] == []
        names |= set().union(*found.values())
    assert names == {check.name for check in registered() if check.name.startswith("chart-")} - {OPTIONS.name}


def test_every_edit_of_what_options_render_fails_their_check(read: Charts) -> None:
    assert read.options is not None
    objects, scripts = read.options.objects, read.options.scripts
    assert passes_options(objects, scripts)
    found = (str(edit) for edit in edits(objects) if passes_options(edit.apply(objects), scripts))
    assert [*found] == []


def passes_options(objects: Document, scripts: Mapping[str, str]) -> bool:
    """Return whether the check of the options passes."""
    chart = Chart(charts.OTHER_RELEASE, development=False, database=True, scripts=scripts, objects=objects)
    return OPTIONS.evaluate(CONTRACT, {Charts: Charts(options=chart)}).outcome is Outcome.PASSED


def of_values() -> Iterator[tuple[str, str, str]]:
    """Yield each edit of the values: its name, the file and the file's text."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    values: dict[str, Any] = json.loads(json.dumps(yaml.safe_load(text)))
    for edit in edits(values):
        yield f"values {edit}", "values.yaml", json.dumps(edit.apply(values))


def of_templates() -> Iterator[tuple[str, str, str]]:
    """Yield objects that only some releases have, and the removal of each line of the templates."""
    for condition in CONDITIONS:
        yield condition, "templates/extra.yaml", f"{{{{- if {condition} }}}}\n{EXTRA}{{{{- end }}}}\n"
    yield "a further folder", "crds/extra.yaml", EXTRA
    for file in sorted([*CHART.glob("templates/*.yaml"), *CHART.glob("templates/*.tpl")]):
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        for number, line in enumerate(lines):
            if line.strip() and not line.strip().startswith("#"):
                text = "".join([*lines[:number], *lines[number + 1 :]])
                yield f"{file.name}: {line.strip()}", f"templates/{file.name}", text


@pytest.mark.parametrize("every", [of_values, of_templates])
def test_every_edit_of_the_chart_is_refused_or_fails_a_check(
    every: Any, rendered: tuple[Chart, ...], tmp_path: Path
) -> None:
    copies = [Path(shutil.copytree(CHART, tmp_path / str(number))) for number in range(_COPIES)]
    work = [*every()]
    parts = [work[number::_COPIES] for number in range(_COPIES)]
    with ThreadPoolExecutor(_COPIES) as pool:
        found = pool.map(partial(survivors_of, rendered[0]), copies, parts)
    unexplained = [
        name
        for part in found
        for name in part
        if not any(re.fullmatch(pattern, name) for pattern in SURVIVORS)
    ]
    assert unexplained == []


def survivors_of(chart: Chart, copy: Path, part: list[tuple[str, str, str]]) -> list[str]:
    """Return the edits that are neither refused by Helm nor fail a check."""
    survivors, wanted = [], required(CONTRACT, chart)
    for name, place, text in part:
        file = copy / place
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        plain = objects_of(RELEASE, copy, charts.values(copy, development=False, database=True))
        if plain is not None and not failed(wanted, plain):
            objects = objects_of(charts.OTHER_RELEASE, copy, charts.everything(copy))
            if objects is not None and passes_options(objects, chart.scripts):
                survivors.append(name)
        file.write_text(before, encoding="utf-8")
    return survivors


def objects_of(release_name: str, folder: Path, words: Sequence[str]) -> Document | None:
    """Return what Helm renders, None if it or the cluster refuses it."""
    command = [HELM, "template", release_name, str(folder), *words]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    try:
        return None if done.returncode else charts.named(release.documents(done.stdout))
    except (yaml.YAMLError, KeyError, TypeError):
        return None
