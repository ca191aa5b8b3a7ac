"""Invalid requests, the Compose model, the table of findings, and the cleanup after a failure."""

import asyncio
import itertools
from dataclasses import replace
from typing import Any, cast

import pytest

from automation import settings
from automation.console.errors import UsageError
from automation.contract import profiles
from automation.contract.models import SERVICES
from automation.docker.cli import Docker
from automation.paths import ROOT
from automation.process.processes import Completed
from automation.verify import report
from automation.verify.check import Finding, Outcome, chosen, not_applicable
from automation.verify.gather import composition, sandbox
from automation.verify.verifier import Verification, Verifier


@pytest.mark.parametrize(
    ("document", "path", "seen"),
    [
        ({"user": "0"}, "user", "0"),
        ({"privileged": True}, "privileged", True),
        ({"entrypoint": ["/bin/sh"]}, "entrypoint", ["/bin/sh"]),
        ({"entrypoint": None}, "entrypoint", None),
        ({"entrypoint": []}, "entrypoint", []),
        ({"healthcheck": {"disable": True}}, "healthcheck.disable", True),
        ({"build": {"dockerfile_inline": "FROM scratch"}}, "build.dockerfile_inline", "FROM scratch"),
        ({"build": {"context": f"{ROOT}/a", "dockerfile": "b"}}, "build.dockerfile", "a/b"),
        ({"build": {"context": "/b", "dockerfile": "Dockerfile"}}, "build.dockerfile", "/b/Dockerfile"),
        ({"build": {"context": f"{ROOT}", "dockerfile": "backend/Dockerfile"}}, "build.args.UID", "1001"),
        ({"ports": [{"target": 80, "published": "8000-8010"}]}, "ports.80.published", "8000-8010"),
        ({"ports": [{"target": 80, "host_ip": "::1", "mode": "host"}]}, "ports.80.mode", "host"),
        ({"ports": [{"target": 80, "mode": "ingress", "protocol": "tcp"}]}, "ports.80", {}),
        ({"depends_on": {"a": {"condition": "x", "required": True}}}, "depends_on.a", {"condition": "x"}),
        ({"depends_on": {"a": {"required": False}}}, "depends_on.a.required", False),
        ({"environment": {"OPENAI_API_KEY": None}}, "environment", {"OPENAI_API_KEY": ""}),
        ({"networks": {"default": None}}, "networks.default", {}),
        ({"extra_hosts": ["a=b=c"]}, "extra_hosts.a", "b=c"),
        ({"extra_hosts": ["a:::1"]}, "extra_hosts.a", "::1"),
        ({"tmpfs": ["/tmp:mode=1777", "/run"]}, "tmpfs", {"/tmp": "mode=1777", "/run": ""}),
        ({"volumes": [{"type": "volume", "target": "/d", "volume": {}}]}, "volumes./d", {"type": "volume"}),
        ({"volumes": [{"type": "bind", "source": f"{ROOT}/a", "target": "/d"}]}, "volumes./d.source", "a"),
        ({"volumes": [{"type": "bind", "source": "/a", "target": "/d"}]}, "volumes./d.source", "/a"),
        ({"x-note": 1}, "x-note", None),
    ],
)  # fmt: skip
def test_the_values_of_a_compose_service_are_read(document: dict[str, Any], path: str, seen: object) -> None:
    whole = {"services": {"backend": {"image": "todo", **document}}}
    found: Any = composition.normal(whole, ROOT)["services"]["backend"]
    for key in path.split("."):
        found = found.get(key)
    assert found == seen


def test_checks_that_do_not_apply_for_one_reason_share_a_row() -> None:
    why = "the profile is not one for Kubernetes"
    family = [not_applicable("a release", why) for _ in range(4)]
    named = [
        replace(finding, rule=f"cluster-{name}", service=service)
        for finding, (name, service) in zip(
            family, itertools.product(("labels", "probes"), SERVICES), strict=True
        )
    ]
    passed = Finding("12", "12", Outcome.PASSED, rule="cluster-size")
    alone = replace(not_applicable("gzip", "the frontend is a Node server"), rule="gzip", service="frontend")
    rows = report.as_table([passed, *named, alone], 120)[1:]
    assert [row.split()[:2] for row in rows] == [
        ["passed", "cluster-size"],
        ["–", "cluster-*"],
        ["–", "gzip"],
    ]
    assert "4 findings" in rows[1]
    assert why in rows[1]
    few = report.as_table(named[:2], 120)[1:]
    assert [row.split()[1] for row in few] == ["cluster-labels", "cluster-labels"]


def test_failures_are_listed_alone_unless_everything_is_requested() -> None:
    passed = Finding("12", "12", Outcome.PASSED, rule="size", service="backend")
    failed = Finding("11", "12", Outcome.FAILED, "make it smaller", rule="port", service="backend")
    verification = Verification("standalone", (passed, failed), {}, 1.5)
    short = report.lines(verification, 120, verbose=False)
    assert short[0] == "✗ standalone backend: port"
    assert "    try        make it smaller" in short
    assert not any("size" in line for line in short)
    everything = report.lines(verification, 120, verbose=True)
    assert everything[: len(short)] == short
    assert [line.split()[1] for line in everything if "passed" in line] == ["size"]
    assert "1 passed, 1 failed, 0 not applicable" in report.summary(verification)


@pytest.mark.parametrize(
    "given", ["no such:image", "--help", "a:b:c", "UPPER", "todo-backend:", "../x", "-a"]
)
def test_an_invalid_image_name_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="not the name of an image"):
        Verifier(settings.load({}), (), lambda _: None, images={"backend": given})


@pytest.mark.parametrize(
    "given",
    [
        "todo-backend",
        "todo-backend:v1.0.0",
        "localhost:5000/a/b_c:X",
        "Host.example/a",
        f"a@sha256:{'0' * 64}",
        f"sha256:{'0' * 64}",
        "0123456789ab",
    ],
)
def test_a_valid_image_name_is_accepted(given: str) -> None:
    Verifier(settings.load({}), (), lambda _: None, images={"backend": given})


def test_a_missing_image_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    daemon = Daemon()
    monkeypatch.setattr(Docker, "find", lambda _: daemon)
    verifier = Verifier(
        settings.load({}), chosen(["start-time"]), lambda _: None, images={"backend": "none:here"}
    )
    with pytest.raises(UsageError, match="there is no image none:here"):
        asyncio.run(verifier.verify(profiles.load(), ()))
    assert daemon.asked == ["images none:here"]


class Daemon:
    """A Docker that makes what it was asked for also when nobody waits for it any more."""

    def __init__(self) -> None:
        self.there: dict[str, set[str]] = {"container": set(), "network": set(), "volume": set()}
        self.asked: list[str] = []
        self.removed_by_others: set[str] = set()

    async def images(self, *references: str) -> dict[str, Any]:
        self.asked.append(f"images {' '.join(references)}")
        return {}

    async def run(self, *words: str, **_options: Any) -> str:
        self.asked.append(" ".join(words[:2]))
        kind, name = ("network", words[-1]) if words[0] == "network" else ("container", "made")
        asyncio.get_running_loop().call_later(0.05, self.there[kind].add, name)
        await asyncio.sleep(0.1)
        return "{}"

    async def complete(self, *words: str, **_options: Any) -> Completed:
        there = self.there[words[0]]
        if words[1] == "ls":
            return Completed(0, "\n".join(there), "")
        if words[0] == "network" and self.there["container"]:
            return Completed(1, "", "network has active endpoints")
        held = self.removed_by_others & there & {*words[2:]}
        there -= {*words[2:]} - held
        errors = "".join(
            f"Error response from daemon: removal of container {name} is already in progress\n"
            for name in held
        )
        return Completed(1 if held else 0, "", errors)


@pytest.mark.parametrize("late", [0.0, 0.3], ids=["at once", "while it is removed"])
def test_what_is_created_during_a_failure_is_removed_too(late: float) -> None:
    daemon = Daemon()

    async def fail() -> None:
        await asyncio.sleep(0)
        if late:
            # By somebody else, who will have removed it soon.
            daemon.there["container"] |= {"other"}
            daemon.removed_by_others |= {"other"}
            asyncio.get_running_loop().call_later(late, daemon.there["container"].clear)
        raise OSError("the other one")

    async def work() -> None:
        async with sandbox.opened(cast("Docker", daemon), "helper") as lab, asyncio.TaskGroup() as group:
            group.create_task(lab.look_inside("a", "0:0"))
            group.create_task(lab.create("image"))
            group.create_task(fail())

    async def whole() -> None:
        with pytest.raises(ExceptionGroup):
            await work()
        await asyncio.sleep(0.2)

    asyncio.run(whole())
    assert daemon.there == {"container": set(), "network": set(), "volume": set()}
