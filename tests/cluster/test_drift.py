"""Edits of a running release are found and repaired, and what it must not have is found."""

import asyncio
import json
from collections.abc import Callable, Sequence

from automation.kubernetes import drift
from automation.verify.facts import Released
from automation.verify.gather import released
from tests.cluster.conftest import RULES, Release

FULL_NAME = "todo-todo-chatbot-chart"
SPY = {"name": "spy", "image": "todo-spy", "command": ["sleep", "infinity"]}
BACKEND = f"deployment/{RULES.backend.name}"
FRONTEND = f"deployment/{RULES.frontend.name}"


def patch(target: str, *operations: tuple[str, object]) -> Sequence[str]:
    """Return the words that add values to an object."""
    document = [{"op": "add", "path": path, "value": value} for path, value in operations]
    return ("patch", target, "--type=json", f"--patch={json.dumps(document)}")


EDITS: list[tuple[Sequence[str], str]] = [
    (("scale", BACKEND, "--replicas=3"), "Deployment todo-backend: spec.replicas is 3, not 1"),
    (
        ("set", "env", BACKEND, "DEBUG=yes"),
        "Deployment todo-backend: spec.template.spec.containers.backend.env.DEBUG is unknown",
    ),
    (
        ("set", "image", FRONTEND, "frontend=todo-frontend:other"),
        "Deployment todo-frontend: spec.template.spec.containers.frontend.image is todo-frontend:other",
    ),
    (
        patch(FRONTEND, ("/spec/template/spec/containers/-", SPY)),
        "Deployment todo-frontend: spec.template.spec.containers.spy is unknown",
    ),
    (
        patch(f"configmap/{RULES.config_map}", ("/data/NODE_ENV", "staging")),
        "ConfigMap todo-app-config: data.NODE_ENV is staging, not production",
    ),
    (
        patch(f"service/{RULES.frontend.service}", ("/spec/selector", {"app": "other"})),
        "Service todo-frontend-service: spec.selector.app is other, not todo-frontend",
    ),
    (
        ("delete", "service", RULES.backend.service),
        "Service todo-backend-service is missing",
    ),
    (
        patch(f"networkpolicy/{FULL_NAME}-postgresql", ("/spec/ingress/-", {})),
        f"NetworkPolicy {FULL_NAME}-postgresql: spec.ingress.1 is unknown",
    ),
    (
        ("delete", "networkpolicy", f"{FULL_NAME}-backend"),
        f"NetworkPolicy {FULL_NAME}-backend is missing",
    ),
    (
        ("debug", f"pod/{FULL_NAME}-postgresql-0", "--image=todo-spy", "--profile=restricted", "--quiet"),
        f"pod {FULL_NAME}-postgresql-0: ephemeralContainers is unknown",
    ),
]


def test_edits_of_a_running_release_are_found_and_repaired(new_release: Callable[[], Release]) -> None:
    release = new_release()
    installed = release.install("frontend.replicaCount=1")
    assert find(release) == ()
    for words, line in EDITS:
        release.kubectl(*words)
        assert any(found.startswith(line) for found in find(release)), (line, find(release))
    repaired = release.install("frontend.replicaCount=1")
    assert (repaired.changed, repaired.revision) == (True, installed.revision)
    assert repaired.address == installed.address
    assert find(release) == ()


def test_what_a_release_must_not_have_is_found(new_release: Callable[[], Release]) -> None:
    release = new_release()
    release.install("frontend.replicaCount=1")
    name = release.place.kubectl.namespace
    clean = observe(release)
    assert (clean.drift, clean.extras, clean.exposed, clean.permissions, clean.refusal) == ((),) * 4 + ("",)
    # In a cluster that enforces no policies, the last way is open too.
    assert {way for way, possible in clean.connections.items() if not possible} <= {"postgresql to backend"}
    secret = release.environment.values["JWT_SECRET"]
    everybody = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "everybody"},
        "spec": {"podSelector": {}, "ingress": [{}]},
    }
    release.kubectl("create", "role", "reader", "--verb=get", "--resource=secrets")
    account = f"--serviceaccount={name}:{FULL_NAME}"
    release.kubectl("create", "rolebinding", "reader", "--role=reader", account)
    release.kubectl("expose", BACKEND, "--name=spy", "--type=NodePort")
    release.kubectl("create", "--filename=-", stdin=json.dumps(everybody))
    release.kubectl("create", "configmap", "copy", f"--from-literal=KEY={secret}")
    release.kubectl("autoscale", BACKEND, "--name=eager", "--min=2", "--max=3", "--cpu=50%")
    found = observe(release)
    assert found.permissions == (f"{FULL_NAME} may get secrets",)
    assert sorted(found.extras) == ["HorizontalPodAutoscaler eager", "NetworkPolicy everybody", "Service spy"]
    assert found.exposed == ("ConfigMap copy has the value of JWT_SECRET",)


def observe(release: Release) -> Released:
    """Return what verify observes of the release as a whole."""

    async def read() -> Released:
        secret = await release.place.kubectl.json("get", "secret", RULES.secret)
        return Released(**await released.observe(release.place, RULES, secret["data"]))

    return asyncio.run(read())


def find(release: Release) -> tuple[str, ...]:
    return asyncio.run(drift.find(release.place)).differences
