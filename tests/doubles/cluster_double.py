"""A test double for kubectl, Helm, minikube and kind, selected by the name of the program.

It stores its state in one file in its own directory. CLUSTER selects its behaviour; by default, every command
succeeds. The API server's responses about a release were recorded from a real one.
"""

import fcntl
import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STATE = Path(__file__).with_suffix(".json")
BEHAVIOUR = os.environ.get("CLUSTER", "")
RECORDED = "RECORDED"
"""The variable with the path of the recordings."""

RENDERED = """---
kind: Service
metadata: {{labels: {{app.kubernetes.io/component: frontend}}}}
spec: {{type: NodePort, ports: [{{nodePort: {port}}}]}}
---
kind: Service
metadata: {{labels: {{app.kubernetes.io/component: backend}}}}
spec: {{type: ClusterIP}}
---
kind: StatefulSet
metadata: {{labels: {{app.kubernetes.io/component: postgresql}}}}
spec: {{template: {{spec: {{containers: [{{image: "postgres:17"}}]}}}}}}
---
kind: Deployment
metadata: {{name: todo-backend, labels: {{app.kubernetes.io/component: backend}}}}
spec:
  replicas: 1
  strategy: {{rollingUpdate: {{maxSurge: 1}}}}
  template:
    spec:
      containers:
        - env:
            - {{name: DATABASE_URL, value: "postgresql://todo:$(POSTGRES_PASSWORD)@{release}-postgresql:5432/todo"}}
"""
"""The parts of the rendered chart that are used."""


def main(name: str, arguments: list[str]) -> int:
    given = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
    with STATE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = json.loads(STATE.read_text()) if STATE.exists() else {}
        for part, empty in (("images", []), ("objects", {}), ("revisions", []), ("calls", []), ("given", [])):
            state.setdefault(part, empty)
        state["calls"].append([name, *arguments])
        words = [argument for argument in arguments if not argument.startswith("-") or argument == "-"]
        answer: Callable[..., Any] = {"kubectl": kubectl, "helm": helm}.get(name, loader)
        with releases(arguments, state):
            code = answer(words, arguments, given, state)
        written = STATE.with_suffix(".new")
        written.write_text(json.dumps(state))
        written.replace(STATE)
    if isinstance(code, int):
        return code
    code()
    return 0


@contextmanager
def releases(arguments: list[str], state: dict[str, Any]) -> Iterator[None]:
    """Set `revisions` to those of a command's namespace while it runs."""
    named = [argument.partition("=")[2] for argument in arguments if argument.startswith("--namespace=")]
    if named in ([], ["todo-app-dev"]):
        yield
        return
    key, usual = f"revisions in {named[0]}", state["revisions"]
    state["revisions"] = state.get(key, [])
    yield
    state[key], state["revisions"] = state["revisions"], usual


def kubectl(
    words: list[str], arguments: list[str], given: str, state: dict[str, Any]
) -> int | Callable[[], object]:
    if BEHAVIOUR in {"unreachable", "no-context"} and words[0] != "config":
        say({"clientVersion": {"gitVersion": "v1.35.0"}})
        return refuse("The connection to the server 127.0.0.1:6443 was refused - did you specify the port?")
    match words:
        case ["config", "view"] if BEHAVIOUR == "context-deleted":
            return refuse("error: cannot locate context minikube")
        case ["config", "view"]:
            name, server = os.environ.get("CONTEXT", "minikube https://192.168.49.2:8443").split()
            cluster = {"name": name, "cluster": {"server": server}}
            say({"current-context": name, "clusters": [cluster]})
        case ["config", "current-context"]:
            if BEHAVIOUR == "no-context":
                return refuse("error: current-context is not set")
            sys.stdout.write("minikube\n")
        case ["version"]:
            say({"clientVersion": {"gitVersion": "v1.35.0"}, "serverVersion": {"gitVersion": "v1.34.4"}})
        case ["apply"]:
            documents = [json.loads(line) for line in given.splitlines()]
            for document in documents:
                key = f"{document['kind']}/{document['metadata']['name']}"
                document["metadata"]["annotations"] = {
                    **annotations(state, key),
                    **document["metadata"].get("annotations", {}),
                }
                document["metadata"]["managedFields"] = [{"manager": "todo"}]
                state["objects"][key] = document
                document["metadata"]["resourceVersion"] = digest(document.get("data", {}))
            say({"kind": "List", "items": documents})
        case ["create"]:
            state["restored"] = True
        case ["replace"] if BEHAVIOUR == "reads-only":
            return refuse('Error from server (Forbidden): is forbidden: User "reader" cannot update resource')
        case ["replace"]:
            if "--dry-run=server" in arguments:
                say({"kind": "List", "items": parsed(given)})
            else:
                state["restored"] = True
        case ["get"]:
            changed = "" if state.get("restored") else BEHAVIOUR
            there = [] if changed == "objects-deleted" else parsed(given)
            if changed == "scaled":
                for item in there:
                    if item["kind"] == "Deployment":
                        item["spec"]["replicas"] = 0
            say({"kind": "List", "items": there})
        case ["get", _] if "--raw" in arguments:
            if BEHAVIOUR == "not-served":
                return refuse("Error from server (ServiceUnavailable): no endpoints available for service")
            sys.stdout.write("{}\n")
        case ["get", "statefulset", _]:
            if BEHAVIOUR == "has-a-database":
                say({"kind": "StatefulSet"})
        case ["get", "namespace", name] if BEHAVIOUR == "namespace-ends":
            say({"metadata": {"name": name}, "status": {"phase": "Terminating"}})
        case ["get", "namespace", name]:
            somebody_elses = {"metadata": {"name": name}} if BEHAVIOUR == "namespace-of-others" else None
            if found := state["objects"].get(f"Namespace/{name}") or somebody_elses:
                say(found)
        case ["get", "secret", _] if BEHAVIOUR == "secret-of-others":
            say(
                {
                    "metadata": {"managedFields": [{"manager": "kubectl-create"}]},
                    "data": {"CERTIFICATE": "/w=="},
                }
            )
        case ["get", "secret", name]:
            found = state["objects"].get(f"Secret/{name}")
            if not found and "--ignore-not-found" not in arguments:
                return refuse(f'Error from server (NotFound): secrets "{name}" not found')
            if found:
                say(found)
        case ["get", "service", name] if BEHAVIOUR == "chooses-the-port" and not state["revisions"]:
            return refuse(f'Error from server (NotFound): services "{name}" not found')
        case ["get", "service", *_]:
            say({"spec": {"ports": [{"nodePort": int(os.environ["NODE_PORT"])}]}})
        case ["get", "replicasets"]:
            found = {"annotations": {"todo-chatbot/revision": str(state.get("serving", 0))}}
            say({"items": [{"metadata": found, "status": {"readyReplicas": 1}}]})
        case ["get", "nodes"]:
            addresses = [{"type": "InternalIP", "address": "127.0.0.1"}]
            say({"items": [{"status": {"addresses": addresses}}]})
        case ["get", "pods"] if "--watch" in arguments:
            return signal.pause
        case ["get", "events"]:
            say({"items": recorded()["events"]})
        case ["get", _]:
            say({"items": recorded()["objects"] if state["revisions"] else []})
        case ["logs", *_]:
            sys.stdout.write("the last line\n")
    return 0


def helm(words: list[str], arguments: list[str], given: str, state: dict[str, Any]) -> int:
    match words:
        case ["version"]:
            sys.stdout.write("v4.0.1")
        case ["upgrade", *_]:
            revision = len(state["revisions"]) + 1
            description = arguments[arguments.index("--description") + 1]
            for earlier in state["revisions"]:
                earlier["status"] = "superseded"
            state["revisions"].append(
                {
                    "revision": revision,
                    "status": "deployed",
                    "description": description,
                    "chart": "todo-chatbot-chart-1.0.0",
                }
            )
            serve(state, revision)
            state["given"].append(json.loads(given))
            if BEHAVIOUR == "port-taken":
                state["revisions"].pop()
                return refuse("nodePort: Invalid value: 30080: provided port is already allocated")
            if BEHAVIOUR == "half-done":
                state["revisions"][-1]["status"] = "failed"
                return refuse("Error: UPGRADE FAILED: the object has been refused")
            say({"version": revision})
        case ["template", *_]:
            if any("backnd" in argument for argument in arguments):
                return refuse(
                    "Error: values don't meet the specifications of the schema: 'backnd' not allowed"
                )
            port = next(
                (argument for argument in arguments if argument.startswith("frontend.service.nodePort=")),
                None,
            )
            if port := (port or os.environ["NODE_PORT"]).rpartition("=")[2]:
                sys.stdout.write(RENDERED.format(port=port, release=words[1]))
        case ["get", "manifest", _]:
            kinds = ("Deployment", "StatefulSet")
            without_spec = {"kind": "ConfigMap", "metadata": {"name": "todo-app-config"}}
            for item in recorded()["objects"]:
                if item["kind"] in kinds:
                    sys.stdout.write(f"---\n{json.dumps(item)}\n")
            sys.stdout.write(f"---\n{json.dumps(without_spec)}\n")
        case ["history", *_] if BEHAVIOUR == "release-of-others":
            say([{"revision": 1, "status": "deployed", "description": "", "chart": "shop-2.0.0"}])
        case ["history", *_]:
            if not state["revisions"]:
                return refuse("Error: release: not found")
            if BEHAVIOUR == "interrupted":
                state["revisions"][-1]["status"] = "pending-upgrade"
            say(state["revisions"])
        case ["rollback", _, number]:
            for earlier in state["revisions"]:
                earlier["status"] = "superseded"
            description = f"Rollback to {number}"
            state["revisions"].append(
                {"revision": len(state["revisions"]) + 1, "status": "deployed", "description": description}
            )
            serve(state, int(number))
        case ["uninstall", *_]:
            state["revisions"] = []
    return 0


def serve(state: dict[str, Any], revision: int) -> None:
    """Let the pods of a revision become ready, unless the recording says that they do not."""
    if os.environ.get("CASE", "healthy") == "healthy" and BEHAVIOUR != "half-done":
        state["serving"] = revision


def loader(words: list[str], arguments: list[str], given: str, state: dict[str, Any]) -> int:
    match words:
        case [*_, "image", "ls"]:
            sys.stdout.write("".join(f"docker.io/library/{image}\n" for image in state["images"]))
        case [*_, "image", "load", name]:
            if BEHAVIOUR == "refuses-images":
                return refuse("X Exiting due to GUEST_IMAGE_LOAD: the disk is full")
            state["images"] += [] if BEHAVIOUR == "loads-nothing" else [name]
        case ["get", "nodes", *_]:
            sys.stdout.write("todo-control-plane\n")
        case ["load", "image-archive", archive, *_]:
            state["images"].append(Path(archive).read_text(encoding="utf-8"))
    return 0


def parsed(given: str) -> list[dict[str, Any]]:
    """Return the documents of standard input."""
    return [json.loads(text) for text in given.split("---\n") if text.strip()]


def annotations(state: dict[str, Any], key: str) -> dict[str, str]:
    """Return the stored annotations of an object, which the caller may change."""
    found: dict[str, str] = state["objects"].get(key, {}).get("metadata", {}).setdefault("annotations", {})
    return found


def recorded() -> dict[str, Any]:
    """Return the recording of the release's current case."""
    with Path(os.environ[RECORDED]).open(encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)[os.environ.get("CASE", "healthy")]
    # Templates were not recorded; pods are as their templates.
    pods = [item for item in found["objects"] if item["kind"] == "Pod"]
    for item in found["objects"]:
        if item["kind"] in {"Deployment", "StatefulSet"}:
            spec = next(
                pod["spec"] for pod in pods if pod["metadata"]["name"].startswith(item["metadata"]["name"])
            )
            item["spec"]["template"] = {"metadata": {}, "spec": spec}
    return found


def say(document: object) -> None:
    sys.stdout.write(f"{json.dumps(document)}\n")
    sys.stdout.flush()


def refuse(message: str) -> int:
    """Print an error and exit as these programs do."""
    sys.stderr.write(f"{message}\n")
    return 1


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
