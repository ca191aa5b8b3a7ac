"""Every single edit of the configuration of an image, and of what it answers, fails a check."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from automation.contract.contract import Contract
from automation.docker.archive import Layer
from automation.verify.check import Outcome, registered
from automation.verify.facts import Config, Container
from automation.verify.gather.content import Content, Searched
from automation.verify.gather.inspection import read_config
from tests.automation.verify.verified import NGINX, Facts, file, scene
from tests.mutants.edits import Document, Edit, edits

DATA: dict[str, Any] = json.loads(Path(__file__).with_name("images.json").read_text(encoding="utf-8"))
IMAGES: dict[str, dict[str, Document]] = DATA["images"]
"""Output of `docker image inspect` for the images of two profiles, with the variables by name."""
SURVIVORS: dict[str, str] = DATA["survivors"]
"""Patterns of the edits that change nothing of what runs, with the reason."""
CHECKS = [check for check in registered() if Config in check.needs and check.name != "tags"]


@pytest.mark.parametrize("service", ["backend", "frontend"])
@pytest.mark.parametrize("name", IMAGES)
def test_every_edit_of_an_images_configuration_fails_a_check(name: str, service: str) -> None:
    made = scene(name)
    contract, facts, document = (
        Contract(made.profile, made.rules, service),
        made.facts[service],
        IMAGES[name][service],
    )
    every = [
        *edits(document),
        *(Edit("add", (key,), value) for key, value in DATA["keys"].items()),
        *(Edit("add", ("Env", key), value) for key, value in DATA["variables"].items()),
    ]
    assert failed(contract, facts, document) == set()
    survivors = [str(edit) for edit in every if not failed(contract, facts, edit.apply(document))]
    assert [edit for edit in survivors if not any(re.fullmatch(place, edit) for place in SURVIVORS)] == []


def test_every_edit_of_what_nginx_answers_fails_its_check() -> None:
    recorded = json.loads(Path(__file__).with_name("serving.json").read_text(encoding="utf-8"))
    contract, [check] = scene("taskflow"), [one for one in registered() if one.name == "static-serving"]

    def passes(answers: Document) -> bool:
        facts = {Container: Container(answers=answers)}
        return (
            check.evaluate(Contract(contract.profile, contract.rules, "frontend"), facts).outcome
            is Outcome.PASSED
        )

    assert passes(recorded["answers"])
    survivors = [str(edit) for edit in edits(recorded["answers"]) if passes(edit.apply(recorded["answers"]))]
    assert [
        edit for edit in survivors if not any(re.fullmatch(place, edit) for place in recorded["survivors"])
    ] == []


def test_every_directive_of_nginx_that_is_removed_or_changed_fails_its_check() -> None:
    made = scene("taskflow")
    contract, [check] = (
        Contract(made.profile, made.rules, "frontend"),
        [one for one in registered() if one.name == "static-configuration"],
    )

    def outcome(texts: dict[str, str]) -> Outcome:
        found = {name: Searched(text) for name, text in texts.items()}
        content = Content((Layer(tuple(map(file, texts)), found),))
        return check.evaluate(contract, {Content: content}).outcome

    assert outcome(NGINX) is Outcome.PASSED
    count = 0
    for name, text in NGINX.items():
        for found in re.finditer(r"^ *([a-z]\w+ [^{}#]*?);$", text, re.MULTILINE):
            before, after = text[: found.start(1)], text[found.end() :]
            for edit in ("", f"{found[1]} more;"):
                count += 1
                assert outcome({**NGINX, name: before + edit + after}) is Outcome.FAILED, found[1]
    assert outcome({**NGINX, "/etc/nginx/other.conf": "gzip off;"}) is Outcome.FAILED
    assert count > 200


def failed(contract: Contract, facts: Facts, document: Document) -> set[str]:
    """Return the names of the checks that fail."""
    variables = [f"{name}={value}" for name, value in document.get("Env", {}).items()]
    config = read_config("todo", {"Config": {**document, "Env": variables}})
    found = (
        check.evaluate(contract, {**facts, Config: config})
        for check in CHECKS
        if check.only in {"", contract.name}
    )
    return {finding.rule for finding in found if finding.outcome is Outcome.FAILED}
