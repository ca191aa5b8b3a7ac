"""Every single edit of a profile, or of the rules, is refused when it is read, or fails a check."""

import asyncio
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from automation import paths, settings
from automation.contract import profiles
from automation.contract.models import SERVICES, Model, Profile, Rules
from automation.verify.facts import Charts, Installs, Released
from automation.verify.gather import charts
from tests.automation.verify.verified import MB, Scene, file, scene
from tests.mutants.edits import Document, Edit, edits

SURVIVORS: dict[str, str] = json.loads(Path(__file__).with_name("profiles.json").read_text(encoding="utf-8"))
"""Patterns of the keys whose values no check can contradict, with the reason."""
PROGRAMS = settings.load({"PATH": str(Path(sys.executable).parent)})


def every_edit(document: Document) -> Iterator[Edit]:
    """Yield the edits, and for each figure also those that allow next to nothing."""
    for edit in edits(document):
        yield edit
        if edit.how == "change" and isinstance(edit.value, int | float) and not isinstance(edit.value, bool):
            yield from (Edit("change", edit.path, figure) for figure in (0, 1))


def read(kind: type[Model], document: Document) -> Any:
    """Return the document as it is read, None if it is refused."""
    try:
        return kind.model_validate_json(json.dumps(document))
    except ValidationError:
        return None


def unnoticed(made: Scene, kind: type[Model], document: Document) -> set[str]:
    """Return the keys that have edits which are read without an error, none of which fails a check."""
    before = made.failed()
    failing: set[str] = set()
    passing: set[str] = set()
    for edit in every_edit(document):
        key = ".".join(str(part) for part in edit.path if not isinstance(part, int))
        changed = read(kind, edit.apply(document)) if key != "kubernetes" else None
        if changed is not None and key not in failing:
            setattr(made, "rules" if kind is Rules else "profile", changed)
            (failing if made.fails(but=before) else passing).add(key)
    return passing - failing


def container(name: str) -> Document:
    profile = profiles.load("cluster").kubernetes
    assert profile is not None
    resources = {"requests": profile.requests.model_dump(), "limits": profile.limits.model_dump()}
    return {"name": name, "resources": resources}


@pytest.mark.parametrize("name", profiles.names())
def test_every_edit_of_a_profile_is_noticed(name: str) -> None:
    made = scene(name)
    for service in SERVICES:
        made.add_files(service, file("/app/large", size=2 * MB))  # more than the smallest budget
    if made.profile.kubernetes is not None:
        made.whole[Charts] = asyncio.run(charts.read(PROGRAMS, made.profile))
        made.whole[Installs] = Installs(cold_s=1, warm_s=1)
        made.whole[Released] = Released(released(), secret_keys=made.profile.kubernetes.secret_keys)
    document = tomllib.loads((paths.profiles(paths.ROOT) / f"{name}.toml").read_text(encoding="utf-8"))
    left = unnoticed(made, Profile, document)
    assert sorted(key for key in left if not any(re.fullmatch(known, key) for known in SURVIVORS)) == []


def test_every_edit_of_the_rules_is_noticed() -> None:
    document = tomllib.loads(paths.rules(paths.ROOT).read_text(encoding="utf-8"))
    left = unnoticed(scene("cluster"), Rules, document)
    left &= unnoticed(scene("standalone"), Rules, document)
    left &= unnoticed(scene("taskflow"), Rules, document)
    assert sorted(key for key in left if not any(re.fullmatch(known, key) for known in SURVIVORS)) == []


def released() -> dict[tuple[str, str], Document]:
    """Return the objects that the figures of a release are read from."""
    times = {"PodScheduled": "2026-11-27T10:00:00Z", "Ready": "2026-11-27T10:00:05Z"}
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": time} for kind, time in times.items()
    ]
    template = {"spec": {"containers": [container("backend")]}}
    profile = profiles.load("cluster").kubernetes
    assert profile is not None
    return {
        ("ConfigMap", profile.config_map): {"data": dict(profile.config)},
        ("Deployment", "todo-backend"): {"spec": {"replicas": 1, "template": template}},
        ("Pod", "todo-backend-1"): {
            "metadata": {"name": "todo-backend-1"},
            "status": {"conditions": conditions},
        },
    }
