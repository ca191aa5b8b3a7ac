"""Edits of a running release are found, named by their place, and repaired by an installation."""

import asyncio
import json
from collections.abc import Callable, Sequence

from automation.kubernetes import drift
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


def find(release: Release) -> tuple[str, ...]:
    return asyncio.run(drift.find(release.place)).differences
