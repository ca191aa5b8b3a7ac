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
from automation.docker.dockerfile import Dockerfile, parse
from automation.images.plan import Options, Plan, plan_all
from automation.paths import ROOT
from automation.verify.check import Outcome, registered
from automation.verify.facts import Building, Config, Development, Leaks, Names, Source
from automation.verify.gather import inspection
from automation.verify.gather.sources import building
from tests.automation.verify.verified import Facts, scene

DATA: dict[str, Any] = json.loads(Path(__file__).with_name("dockerfiles.json").read_text(encoding="utf-8"))
EDITS: list[list[str]] = DATA["edits"]
"""The file, the text that is replaced, its replacement, and the check that fails."""
SURVIVORS: dict[str, str] = DATA["survivors"]
"""Patterns of the instructions whose removal the text does not show to be wrong, with the reason."""
CONFIGURED = ("USER", "WORKDIR", "EXPOSE", "CMD", "ENTRYPOINT", "ENV", "HEALTHCHECK", "FROM", "COPY", "ARG")
READ = {Source, Leaks, Config, Names, Building}
CHECKS = [
    check
    for check in registered()
    if check.per_service
    and ({*check.needs} <= READ or check.name in {"user", "writable-places"})
    and check.name not in {"tags", "labels", "label-values"}  # a text has neither
]
CURRENT = settings.load({})
RULES = profiles.load_rules()
PLANS = {
    (plan.profile, plan.dockerfile): plan
    for options in (Options(), Options(development=True))
    for plan in asyncio.run(
        plan_all(CURRENT, [profiles.load(name) for name in profiles.names()], SERVICES, options)
    )
}
SCENES = {name: scene(name) for name in profiles.names()}
FILES = [f"{service}/Dockerfile{kind}" for service in SERVICES for kind in ("", ".dev")]
WRITTEN = {file: parse((ROOT / file).read_text(encoding="utf-8")) for file in FILES}


def failed(plan: Plan, text: str) -> set[str]:
    """Return the checks that a Dockerfile fails when it is built for a profile."""
    try:
        written = parse(text)
        dockerfile = written.resolve(target=plan.target, arguments=plan.arguments)
    except AutomationError:
        return {"docker build"}
    contract = Contract(profiles.load(plan.profile), RULES, plan.service)
    together = building([(plan, written), *of_the_other_mode(plan)])
    facts: Facts = {**SCENES[plan.profile].facts[plan.service], Building: together}
    if plan.dockerfile.endswith(".dev"):
        facts |= {Development: Development(dockerfile)}
        checks = [check for check in registered() if {*check.needs} & {Development, Building}]
    else:
        facts |= {Source: Source(dockerfile), Config: inspection.declared_config(dockerfile)}
        facts |= {Names: Names(plan.references, plan.version)}
        checks = CHECKS
    found = (check.evaluate(contract, facts) for check in checks if check.only in {"", plan.service})
    return {finding.rule for finding in found if finding.outcome is Outcome.FAILED}


def of_the_other_mode(plan: Plan) -> Iterator[tuple[Plan, Dockerfile]]:
    """Yield the service's plan for development, for that of production, or the other way, with its file."""
    file = f"{plan.service}/Dockerfile"
    other = file if plan.dockerfile != file else f"{file}.dev"
    yield PLANS[plan.profile, other], WRITTEN[other]


def everywhere(file: str, text: str) -> set[str]:
    """Return the checks that a Dockerfile fails for any profile."""
    return set().union(*(failed(PLANS[name, file], text) for name in profiles.names()))


def anywhere(file: str, text: str) -> bool:
    """Return whether a Dockerfile fails a check for some profile."""
    return any(failed(PLANS[name, file], text) for name in profiles.names())


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


@pytest.mark.parametrize("file", FILES)
def test_the_dockerfile_passes_for_every_profile(file: str) -> None:
    assert everywhere(file, (ROOT / file).read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize("file", FILES)
def test_every_instruction_that_is_removed_fails_a_check(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    left = [line for line, changed in without_lines(text) if not anywhere(file, changed)]
    assert [line for line in left if not any(re.match(known, line) for known in SURVIVORS)] == []


@pytest.mark.parametrize("file", FILES)
def test_every_step_that_is_changed_or_added_fails_a_check(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    places = [*re.finditer(r"^(RUN|ENV|SHELL|USER|HEALTHCHECK|ENTRYPOINT|CMD) ", text, re.MULTILINE)]
    assert places
    changes = [f"{text[: at.start()]}{new}{text[at.end() :]}" for at in places for new in (
        f"RUN true\n{at[0]}", f"SHELL [\"/bin/bash\", \"-c\"]\n{at[0]}", f"{at[0]}CHANGED=1 ",
    )]  # fmt: skip
    changes += [f"# {name}=changed\n{text}" for name in ("syntax", "check", "escape")]
    assert [changed for changed in changes if not anywhere(file, changed)] == []


@pytest.mark.parametrize(("file", "old", "new", "check"), EDITS, ids=[f"{e[0]}: {e[2][:40]}" for e in EDITS])
def test_an_edit_fails_its_check(file: str, old: str, new: str, check: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert old in text
    assert check in everywhere(file, text.replace(old, new))
