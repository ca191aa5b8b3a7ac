"""Every single edit of the chart's templates, of its values and of what it renders fails a check."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema_rs import ValidationError, validator_for

from automation import settings
from automation.contract import profiles
from automation.contract.contract import Contract
from automation.kubernetes import release
from automation.kubernetes.target import RELEASE, kubernetes
from automation.kubernetes.target import chart as folder_of
from automation.verify.check import Check, Outcome, registered
from automation.verify.checks import chart as checks
from automation.verify.checks.chart_model import required
from automation.verify.facts import Chart, Charts, Refusals, Renderings
from automation.verify.gather import charts, renderings
from automation.verify.gather.renderings import DEFAULT
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
OPTIONS, REFUSALS = (
    next(check for check in registered() if check.name == name)
    for name in ("chart-options", "chart-refusals")
)


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
    assert names == {check.name for check in registered() if check.name.startswith("chart-")} - {
        OPTIONS.name,
        REFUSALS.name,
    }


def test_an_edit_of_what_a_set_of_values_renders_fails_the_check_of_options() -> None:
    recorded = renderings.recorded()
    for name, objects in recorded.items():
        place = min(objects)
        for edited in ({**objects, place: {}}, {**objects, "Job more": objects[place]}, {}):
            observed = {**recorded, name: edited}
            fact = Renderings(observed=observed, recorded=recorded)
            assert outcome(OPTIONS, fact) is Outcome.FAILED, name


def outcome(judge: Check, fact: Renderings | Refusals) -> Outcome:
    """Return what a check says of a fact."""
    return judge.evaluate(CONTRACT, {type(fact): fact}).outcome


def test_the_chart_renders_what_is_recorded_and_refuses_the_recorded_values() -> None:
    current = settings.load({"PATH": str(Path(HELM).parent)})
    assert outcome(OPTIONS, asyncio.run(renderings.read(current, PROFILE))) is Outcome.PASSED
    refusals = asyncio.run(renderings.read_refusals(current, PROFILE))
    assert outcome(REFUSALS, refusals) is Outcome.PASSED
    for number, (lines, error) in enumerate(refusals.every):
        for line in lines:
            one = [*refusals.every]
            one[number] = (lines, error.replace(line, ""))
            assert outcome(REFUSALS, replace(refusals, every=one)) is Outcome.FAILED, line


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


def of_checks() -> Iterator[tuple[str, str, str]]:
    """Yield the removal of each check of values that contradict each other."""
    text = (CHART / "templates" / "checks.yaml").read_text(encoding="utf-8")
    for call in re.findall(r"^\{\{- fail .*$", text, re.MULTILINE):
        yield f"checks.yaml {call}", "templates/checks.yaml", text.replace(call, "")


@pytest.mark.parametrize("every", [of_values, of_templates])
def test_every_edit_of_the_chart_is_refused_or_fails_a_check(every: Any, tmp_path: Path) -> None:
    recorded = renderings.recorded()

    def survives(copy: Path) -> bool:
        sets = (DEFAULT, *sorted(recorded.keys() - {DEFAULT}))
        return all(rendered_by(copy, name) == recorded[name] for name in sets)

    assert unexplained(every(), survives, tmp_path) == []


def test_every_removal_of_a_rule_of_the_schema_fails_a_check() -> None:
    # As Helm validates, but without a process for each of some thousand validations.
    schema, defaults = (
        yaml.safe_load((CHART / file).read_text(encoding="utf-8"))
        for file in ("values.schema.json", "values.yaml")
    )
    values = [merged(defaults, one["values"]) for one in required_refusals() if "about" in one]
    required = [*errors(schema, values)]
    removals = (edit for edit in edits(schema) if str(edit).startswith("remove"))
    survivors = [str(edit) for edit in removals if [*errors(edit.apply(schema), values)] == required]
    assert [one for one in survivors if not is_explained(f"schema {one}")] == []


def errors(schema: Document, values: Sequence[Document]) -> Iterator[set[tuple[str, str]]]:
    """Yield what a schema says of each values; nothing if the schema itself is wrong."""
    try:
        validator = validator_for(schema)
    except ValidationError:
        return
    for one in values:
        yield {(error.message, str(error.instance_path)) for error in validator.iter_errors(one)}


def merged(defaults: Document, values: Document) -> Document:
    """Return the values as Helm combines them: null removes a default."""
    found = dict(defaults)
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(found.get(key), dict):
            value = merged(found[key], value)
        found[key] = value
    return {key: value for key, value in found.items() if value is not None}


def required_refusals() -> list[Document]:
    """Return the recorded values that the chart refuses."""
    found: list[Document] = yaml.safe_load(renderings.REFUSED.read_text(encoding="utf-8"))
    return found


def test_every_removal_of_a_check_of_the_values_fails_a_check(tmp_path: Path) -> None:
    required = [one for one in required_refusals() if "about" not in one]

    def survives(copy: Path) -> bool:
        found = (
            template(RELEASE, copy, "--values", "-", given=json.dumps(one["values"])) for one in required
        )
        return all(one["error"][0] in done.stderr for one, done in zip(required, found, strict=True))

    assert unexplained(of_checks(), survives, tmp_path) == []


def unexplained(
    edited: Iterable[tuple[str, str, str]], survives: Callable[[Path], bool], place: Path
) -> list[str]:
    """Return the names of the edits that survive, without those whose reason is known."""
    work = [*edited]

    def of(number: int) -> list[str]:
        with renderings.reporting(CHART) as report:
            copy = Path(shutil.copytree(report, place / str(number)))
        return [one[0] for one in work[number::_COPIES] if with_edit(copy, one, survives)]

    with ThreadPoolExecutor(_COPIES) as pool:
        found = [name for part in pool.map(of, range(_COPIES)) for name in part]
    return [name for name in found if not is_explained(name)]


def is_explained(name: str) -> bool:
    """Return whether it is known why an edit survives."""
    return any(re.fullmatch(pattern, name) for pattern in SURVIVORS)


def with_edit(copy: Path, edit: tuple[str, str, str], survives: Callable[[Path], bool]) -> bool:
    """Return whether an edit of a copy survives."""
    _, place, text = edit
    file = copy / place
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    survived = survives(copy)
    file.write_text(before, encoding="utf-8")
    return survived


def template(*words: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run `helm template`."""
    command = [HELM, "template", *map(str, words)]
    return subprocess.run(command, input=given, capture_output=True, encoding="utf-8", check=False)


def rendered_by(folder: Path, name: str) -> Document | None:
    """Return what Helm renders with a set of values, None if it or the cluster refuses it."""
    done = template(*renderings.arguments(folder, name)[1:])
    try:
        return None if done.returncode else charts.named(release.documents(done.stdout))
    except (yaml.YAMLError, KeyError, TypeError):
        return None
