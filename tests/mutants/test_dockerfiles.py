"""Edits of the Dockerfiles, each of which fails the checks of the text and of the image that it declares."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation import settings
from automation.console.errors import AutomationError
from automation.contract import profiles
from automation.contract.contract import Contract
from automation.contract.models import SERVICES
from automation.docker.dockerfile import parse
from automation.images.plan import Options, Plan, plan_all
from automation.paths import ROOT
from automation.verify.check import Outcome, registered
from automation.verify.facts import Config, Development, Leaks, Names, Source
from automation.verify.gather import inspection
from tests.automation.verify.verified import Facts, scene

DATA: dict[str, Any] = json.loads(Path(__file__).with_name("dockerfiles.json").read_text(encoding="utf-8"))
EDITS: list[list[str]] = DATA["edits"]
"""The file, the text that is replaced, its replacement, and the check that fails."""
SURVIVORS: dict[str, str] = DATA["survivors"]
"""Patterns of the instructions whose removal the text does not show to be wrong, with the reason."""
CONFIGURED = ("USER", "WORKDIR", "EXPOSE", "CMD", "ENTRYPOINT", "ENV", "HEALTHCHECK", "FROM", "COPY", "ARG")
READ = {Source, Leaks, Config, Names, Development}
CHECKS = [
    check
    for check in registered()
    if check.per_service
    and (
        {*check.needs} <= {Source, Leaks, Config, Names, Development}
        or check.name in {"user", "writable-places"}
    )
    and check.name not in {"tags", "labels", "label-values"}  # a text has neither
]
CURRENT = settings.load({})
RULES = profiles.load_rules()
PLANS = {
    (plan.profile, plan.service): plan
    for plan in asyncio.run(
        plan_all(CURRENT, [profiles.load(name) for name in profiles.names()], SERVICES, Options())
    )
}


def failed(plan: Plan, text: str) -> set[str]:
    """Return the checks that a Dockerfile fails when it is built for a profile."""
    try:
        dockerfile = parse(text).resolve(target=plan.target, arguments=plan.arguments)
    except AutomationError:
        return {"docker build"}
    profile = profiles.load(plan.profile)
    contract = Contract(profile, RULES, plan.service)
    facts: Facts = {
        **scene(plan.profile).facts[plan.service],
        Source: Source(dockerfile),
        Config: inspection.declared_config(dockerfile),
        Names: Names(plan.references, plan.version),
    }
    found = (check.evaluate(contract, facts) for check in CHECKS if check.only in {"", plan.service})
    return {finding.rule for finding in found if finding.outcome is Outcome.FAILED}


def without_lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield the text without each of its instructions, and how that begins."""
    lines = text.splitlines(keepends=True)
    start = 0
    while start < len(lines):
        end = start + 1
        while lines[end - 1].rstrip().endswith("\\") and end < len(lines):
            end += 1
        if lines[start].split(" ")[0] in CONFIGURED:
            yield " ".join("".join(lines[start:end]).split())[:80], "".join([*lines[:start], *lines[end:]])
        start = end


@pytest.mark.parametrize("service", SERVICES)
def test_the_dockerfile_passes_for_every_profile(service: str) -> None:
    text = (ROOT / service / "Dockerfile").read_text(encoding="utf-8")
    assert [failed(PLANS[name, service], text) for name in profiles.names()] == [set()] * len(
        profiles.names()
    )


@pytest.mark.parametrize("service", SERVICES)
def test_every_instruction_that_is_removed_fails_a_check(service: str) -> None:
    text = (ROOT / service / "Dockerfile").read_text(encoding="utf-8")
    left = [
        line
        for line, changed in without_lines(text)
        if not any(failed(PLANS[name, service], changed) for name in profiles.names())
    ]
    assert [line for line in left if not any(re.match(known, line) for known in SURVIVORS)] == []


@pytest.mark.parametrize(("file", "old", "new", "check"), EDITS, ids=[f"{e[0]}: {e[2][:40]}" for e in EDITS])
def test_an_edit_fails_its_check(file: str, old: str, new: str, check: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert old in text
    changed = text.replace(old, new)
    service = file.partition("/")[0]
    found = [failed(PLANS[name, service], changed) for name in profiles.names()]
    assert check in set().union(*found)
