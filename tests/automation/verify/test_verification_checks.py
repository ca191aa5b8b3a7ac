"""Every rule of the contracts has a check, and each check fails when its rule is broken, and no other."""

import copy
import dataclasses
import types
import typing
from typing import Any

import pytest

from automation.console.errors import UsageError
from automation.contract import models, profiles
from automation.contract.models import SERVICES
from automation.verify.check import Outcome, chosen, registered
from automation.verify.facts import Config, Container, Names, Source
from tests.automation.verify.broken_files import COMPOSE, FILES
from tests.automation.verify.broken_images import IMAGES
from tests.automation.verify.broken_services import SERVICES_AT_WORK
from tests.automation.verify.verified import (
    MB,
    Break,
    Example,
    Scene,
    file,
    files,
    instead,
    scene,
    size,
    without,
)

SERVED = {
    "uncompressed": ("first page", "headers", "content-encoding", None),
    "its version": ("page", "headers", "server", "nginx/1.28.0"),
    "cached": ("health", "headers", "cache-control", "public"),
    "large bodies": ("large body", "status", "", 502),
    "a header more": ("script", "headers", "x-powered-by", "somebody"),
    "the backend's path": ("path outside", "status", "", 200),
}


def served(kind: str, part: str, name: str, value: Any) -> Break:
    def change(broken: Scene) -> None:
        answers = copy.deepcopy(dict(broken.facts["frontend"][Container].answers))
        answers[kind][part] = {**answers[kind][part], name: value} if name else value
        broken.change("frontend", Container, answers=answers)

    return change


BROKEN: list[Example] = [*FILES, *COMPOSE, *IMAGES, *SERVICES_AT_WORK]
BROKEN_OF_TASKFLOW: list[Example] = [
    ("build-arguments", "no ARG", instead("ARG PYTHONUNBUFFERED=1", "")),
    ("build-base", "another version", instead("node:24-alpine", "node:22-alpine", "frontend")),
    *(("static-serving", how, served(*edit)) for how, edit in SERVED.items()),
    ("slow-clients", "waits", lambda b: b.change("frontend", Container, unfinished={"header": None})),
    ("slow-clients", "nobody asked", lambda b: b.change("frontend", Container, unfinished={})),
    ("static-configuration", "no file", without("/etc/nginx/nginx.conf", "frontend")),
    ("packages", "an environment", files(file("/opt/venv/pyvenv.cfg"))),
    ("writable-places", "no logs", without("/app/logs", "backend")),
    ("output", "no pages", without("/usr/share/nginx/html/index.html", "frontend")),
]


WHOLE = {"image-config", "file-origins"}
"""Checks of everything in an image, which most of what breaks another rule fails, too."""


def both_sizes(backend: int, frontend: int) -> Break:
    def change(broken: Scene) -> None:
        size("backend", backend)(broken)
        size("frontend", frontend)(broken)

    return change


@pytest.mark.parametrize("name", profiles.names())
def test_a_profile_that_keeps_its_contract_fails_no_check(name: str) -> None:
    assert [finding for finding in scene(name).findings() if finding.outcome is Outcome.FAILED] == []


@pytest.mark.parametrize(("rule", "how", "broken"), BROKEN, ids=[f"{rule}: {how}" for rule, how, _ in BROKEN])
def test_a_broken_rule_fails_its_check_and_no_other(rule: str, how: str, broken: Break) -> None:
    made = scene()
    broken(made)
    assert rule in made.failed()
    assert made.failed() - {rule} <= WHOLE
    [*found] = [finding for finding in made.findings() if finding.outcome is Outcome.FAILED]
    assert all(finding.required and finding.observed and finding.remedy for finding in found)


@pytest.mark.parametrize(
    ("rule", "how", "broken"),
    BROKEN_OF_TASKFLOW,
    ids=[f"{rule}: {how}" for rule, how, _ in BROKEN_OF_TASKFLOW],
)
def test_a_broken_rule_of_the_static_profile_fails_its_check_and_no_other(
    rule: str, how: str, broken: Break
) -> None:
    made = scene("taskflow")
    broken(made)
    assert rule in made.failed()
    assert made.failed() - {rule} <= WHOLE


def test_there_is_a_broken_example_for_each_check() -> None:
    broken = {rule for rule, _, _ in (*BROKEN, *BROKEN_OF_TASKFLOW)}
    # Those of a release and of the chart have tests of their own.
    of_clusters = {
        check.name
        for check in registered()
        if check.name.startswith("chart-") or ".cluster" in check.function.__module__
    }
    assert {*broken, "size-together"} == {check.name for check in registered()} - of_clusters


def test_an_image_of_exactly_its_budget_passes() -> None:
    made = scene()
    both_sizes(150 * MB, 200 * MB)(made)
    assert made.failed() <= WHOLE


def test_two_images_within_their_budgets_can_be_too_large_together() -> None:
    made = scene("cluster")
    both_sizes(150 * MB, 200 * MB + 1)(made)
    assert made.failed() - WHOLE == {"size-together"}


def test_a_replaced_base_image_is_reported_and_not_judged() -> None:
    made = scene()
    for service, old in (("backend", "python:3.11-slim"), ("frontend", "node:24-alpine")):
        text = made.dockerfile(service).replace(old, "debian:13")
        made.rewrite(service, lambda _, text=text: text)  # type: ignore[misc]
        made.change(service, Source, replaced={old: "debian:13"})
    found = {finding.rule: finding for finding in made.findings() if finding.rule in {"base", "build-base"}}
    assert {finding.outcome for finding in found.values()} == {Outcome.NOT_APPLICABLE}
    assert found["build-base"].observed == "built on debian:13 instead of node:24-alpine"


def test_a_tag_that_only_an_explicit_build_sets_is_reported_and_not_judged() -> None:
    made = scene("uv")
    for service in SERVICES:
        made.change(service, Config, tags=(f"todo-{service}:uv",))
    [*found] = [finding for finding in made.findings() if finding.rule == "tags"]
    assert [finding.outcome for finding in found] == [Outcome.NOT_APPLICABLE] * 2
    assert found[0].observed == "latest: only   invoke build   sets it"


def test_an_image_that_was_given_is_judged_by_what_it_is_and_not_by_its_names() -> None:
    made = scene()
    made.change("backend", Config, tags=("example.com/other:v7",))
    made.change("backend", Names, planned=())
    [found] = [one for one in made.findings() if one.rule == "tags" and one.service == "backend"]
    assert found.outcome is Outcome.NOT_APPLICABLE
    assert made.failed() == set()


def test_a_container_that_does_not_start_fails_its_checks_with_the_reason() -> None:
    made = scene()
    made.change("backend", Container, failure="ended with exit code 3", remedy="read its logs")
    found = [finding for finding in made.findings() if finding.outcome is Outcome.FAILED]
    assert {finding.observed for finding in found} == {"ended with exit code 3"}
    assert {finding.service for finding in found} == {"backend"}
    assert {"start-time", "health-time", "read-only-root"} <= {finding.rule for finding in found}


@dataclasses.dataclass
class Reading:
    """Keys of a contract that were read."""

    keys: set[str] = dataclasses.field(default_factory=set)

    def watch(self, value: Any, prefix: str) -> Any:
        """Return the value, each of whose fields says when it is read."""
        if not isinstance(value, models.Model):
            return value
        names = set(type(value).model_fields)
        keys = self.keys

        def read(watched: Any, name: str) -> Any:
            if name in names:
                keys.add(f"{prefix}.{name}")
            return object.__getattribute__(watched, name)

        def body(namespace: dict[str, Any]) -> None:
            namespace |= {"__getattribute__": read, "__module__": kind.__module__}

        kind = type(value)
        watched: Any = object.__new__(types.new_class(kind.__name__, (kind,), exec_body=body))
        for name in names:
            object.__setattr__(watched, name, self.watch(getattr(value, name), f"{prefix}.{name}"))
        return watched


def keys_of(kind: Any, prefix: str) -> set[str]:
    """Return every key of a contract that has a value."""
    found = set()
    for name, field in kind.model_fields.items():
        hint = field.annotation
        if isinstance(hint, types.UnionType):
            [hint] = [member for member in typing.get_args(hint) if member is not types.NoneType]
        key = f"{prefix}.{name}"
        is_table = isinstance(hint, type) and issubclass(hint, models.Model)
        found |= keys_of(hint, key) if is_table else {key}
    return found


def test_every_key_of_the_contracts_is_read_by_a_check() -> None:
    reading = Reading()
    for name in profiles.names():
        made = scene(name)
        made.profile, made.rules = reading.watch(made.profile, "profile"), reading.watch(made.rules, "rules")
        list(made.findings())
    asked = keys_of(models.Profile, "profile") | keys_of(models.Rules, "rules")
    unread = {key for key in asked - reading.keys if not key.startswith("profile.kubernetes")}
    assert unread == {"profile.summary"}


def test_checks_are_chosen_by_name_and_similar_names_are_suggested() -> None:
    assert [check.name for check in chosen(["size", "port"])] == ["port", "size"]
    assert len(chosen([])) == len(registered())
    with pytest.raises(UsageError) as wrong:
        chosen(["helth-time"])
    assert "health-time" in wrong.value.why


def test_each_check_has_a_summary_and_needs_a_fact() -> None:
    for check in registered():
        assert check.summary.endswith("."), check.name
        assert check.needs, check.name
