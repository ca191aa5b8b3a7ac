"""Every single edit of what Compose starts fails a check, in every combination of the files."""

import asyncio
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from automation import settings
from automation.contract import profiles
from automation.contract.contract import Contract
from automation.docker.cli import Docker
from automation.verify.check import Outcome, registered
from automation.verify.checks import compose
from automation.verify.facts import Composition, Compositions
from automation.verify.gather import composition
from tests.mutants.edits import Document, Edit, edits

ROOT = settings.load({}).root
RULES = profiles.load_rules()
DATA: dict[str, Any] = json.loads(Path(__file__).with_name("compose.json").read_text(encoding="utf-8"))
KEYS: Document = DATA["keys"]
"""Keys of a service that Compose knows, with values that no service of this project has."""
COPIED = {
    *("docker-compose.yml", "deploy", "compose", "backend", "frontend", "Dockerfile", "Dockerfile.dev"),
    *(file.name for file in (ROOT / "deploy/compose").iterdir()),
}
SURVIVORS: dict[str, str] = DATA["survivors"]
"""Patterns of the edits that change nothing of what runs, with the reason."""


def failed(contract: Contract, composition: Composition) -> set[str]:
    """Return the names of the checks that fail."""
    return {row.name for row, _ in compose.found(contract, composition)}


@pytest.mark.parametrize("combination", composition.COMBINATIONS, ids=str)
@pytest.mark.parametrize("name", profiles.names())
def test_every_edit_of_the_compose_model_fails_a_check(
    name: str, combination: tuple[bool, str, bool]
) -> None:
    contract = Contract(profiles.load(name), RULES, "backend")
    document, given = asyncio.run(composition.render(Docker.find(settings.load()), contract, *combination))

    def read(changed: Document) -> Composition:
        return Composition(*combination[:2], given, composition.normal(changed, ROOT))

    assert failed(contract, read(document)) == set()
    every = [*edits(document)]
    every += [
        Edit("add", ("services", service, key), value)
        for service, own in document["services"].items()
        for key, value in KEYS.items()
        if (own.get(key) or {}) != (value or {})
    ]
    survivors = [edit for edit in every if not failed(contract, read(edit.apply(document)))]
    unexplained = [
        str(edit) for edit in survivors if not any(re.fullmatch(place, str(edit)) for place in SURVIVORS)
    ]
    assert unexplained == []


@pytest.mark.parametrize(("file", "old", "new", "check"), DATA["sources"])
def test_an_edit_of_a_file_fails_its_check(file: str, old: str, new: str, check: str, tmp_path: Path) -> None:
    root = Path(shutil.copytree(ROOT, tmp_path / "copy", ignore=lambda _, names: {*names} - COPIED))
    text = (root / file).read_text(encoding="utf-8")
    assert old in text
    (root / file).write_text(text.replace(old, new), encoding="utf-8")
    docker = Docker.find(replace(settings.load(), root=root))
    contract = Contract(profiles.load(), RULES, "backend")
    every = asyncio.run(composition.read(docker, contract))
    facts = {Compositions: every}
    own = (one for one in registered() if one.needs == (Compositions,))
    assert check in {one.name for one in own if one.evaluate(contract, facts).outcome is Outcome.FAILED}
