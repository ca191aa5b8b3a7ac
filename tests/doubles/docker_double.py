"""A test double for Docker and Compose. It stores its state in one file in its own directory.

DOCKER selects its behaviour; by default, every command succeeds. The containers do nothing; their states and
outputs were recorded from real containers in the same case.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

STATE = Path(__file__).with_suffix(".json")
BEHAVIOUR = os.environ.get("DOCKER", "")
UNKNOWN = {"Status": "unhealthy", "Log": []}
GIVEN = (
    "IMAGE",
    "CONTENT",
    "PORT",
    "HOST",
    "PREFIX",
    "URL",
    "SECRET",
    "KEY",
    "PASSWORD",
    "PROVIDER",
    "ORIGINS",
    "FORMAT",
)


def main(arguments: list[str]) -> int:
    if BEHAVIOUR == "absent-daemon":
        return refuse("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?")
    if BEHAVIOUR == "silent-daemon":
        signal.pause()
    with STATE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = json.loads(STATE.read_text()) if STATE.exists() else {}
        for part, empty in (
            ("images", {}),
            ("containers", {}),
            ("volumes", []),
            ("given", {}),
            ("calls", []),
        ):
            state.setdefault(part, empty)
        state["calls"].append(arguments)
        answer = compose if arguments[0] == "compose" else docker
        code = answer(arguments, state)
        # Replace the file atomically, for concurrent readers.
        written = STATE.with_suffix(".new")
        written.write_text(json.dumps(state))
        written.replace(STATE)
    if isinstance(code, int):
        return code
    # Release the lock, so that an endless command does not block the others.
    code()
    return 0


def docker(arguments: list[str], state: dict[str, Any]) -> int | Callable[[], object]:
    """Run a Docker command other than Compose."""
    match arguments:
        case ["version", *_]:
            say(json.dumps({"Version": "29.1.0", "Os": "linux", "Arch": "amd64"}))
        case ["buildx", "build", *_] if BEHAVIOUR == "offline":
            name = "[internal] load metadata for docker.io/library/python:3.11-slim"
            error = "dial tcp: lookup registry-1.docker.io: no such host"
            step = {"digest": "sha256:1", "name": name, "started": "2026-01-01T00:00:00Z", "error": error}
            say(json.dumps({"vertexes": [step]}))
            return 1
        case ["buildx", "build", *words]:
            labels = dict(words[at + 1].split("=", 1) for at, word in enumerate(words) if word == "--label")
            names = [words[at + 1] for at, word in enumerate(words) if word == "--tag"]
            image = {"Id": f"sha256:{digest(words)}", "Config": {"Labels": labels}}
            state["images"] |= dict.fromkeys(names, image)
        case ["image", "inspect", *names]:
            say(json.dumps([state["images"][name] for name in names if name in state["images"]]))
            missing = [name for name in names if name not in state["images"]]
            return refuse("\n".join(f"Error: No such image: {name}" for name in missing)) if missing else 0
        case ["container", "ls", *words]:
            if port := next((word.split("=")[1] for word in words if word.startswith("publish=")), ""):
                say("shop-web-1\t2 hours ago\tshop" if port == os.environ.get("HELD_PORT") else "")
            else:
                say("\n".join(state["containers"]))
        case ["container", "inspect", *ids]:
            say(
                json.dumps(
                    [
                        state["containers"][container_id]["inspect"]
                        for container_id in ids
                        if container_id in state["containers"]
                    ]
                )
            )
        case ["container", "logs", *words, name]:
            container = state["containers"][name]
            since = words[words.index("--since") + 1] if "--since" in words else ""
            before = "" if since == container["inspect"]["State"]["StartedAt"] else container["before"]
            say(f"{before}{container['output']}")
        case ["pause", name]:
            # Docker pauses the health checks of a paused container and discards the last result.
            state["containers"][name]["inspect"]["State"] |= {"Status": "paused", "Health": UNKNOWN}
        case ["container", "stop", *ids]:
            for container_id in ids:
                stop(state["containers"][container_id])
        case ["container", "create", *_]:
            say("copier")
        case ["container", "cp", source, target]:
            inside = STATE.with_name("volume.db")
            shutil.copy(source, inside) if ":" in target else shutil.copy(inside, f"{target}/todo.db")
        case ["container", "start", *_] | ["container", "rm", "--force", _]:
            pass
        case ["container", "rm", *ids]:
            for container_id in ids:
                del state["containers"][container_id]
        case ["container", "top", *_]:
            say("PID RSS\n10 40000\n11 2000")
        case ["volume", "ls", *words]:
            prefix = "label=com.docker.compose.volume="
            volume = next((f"_{word.removeprefix(prefix)}" for word in words if prefix in word), "")
            say("\n".join(name for name in state["volumes"] if volume in name))
        case ["volume", "create", *_, name]:
            state["volumes"] = sorted({*state["volumes"], name})
        case ["volume", "rm", *names]:
            state["volumes"] = [volume for volume in state["volumes"] if volume not in names]
        case ["events", *_]:
            return signal.pause
        case _:
            return refuse(f"docker: unknown command: docker {arguments}")
    return 0


def compose(arguments: list[str], state: dict[str, Any]) -> int | Callable[[], object]:
    if BEHAVIOUR == "no-compose":
        return refuse("docker: unknown command: docker compose")
    if arguments == ["compose", "version"]:
        say("Docker Compose version v2.40.3")
        return 0
    project = arguments[arguments.index("--project-name") + 1]
    files = [arguments[at + 1] for at, word in enumerate(arguments) if word == "--file"]
    given = {name: value for name, value in os.environ.items() if name.split("_")[-1] in GIVEN}
    services = ["migrate", "backend", "frontend"]
    services += ["postgres"] if "deploy/compose/postgres.yml" in files else []
    hashes = {name: digest([sorted(given.items()), files, name]) for name in services}
    if "config" in arguments:
        say("\n".join(f"{name} {value}" for name, value in hashes.items()))
    elif "up" in arguments:
        state["given"] = given
        made = {f"{project}_data", *([f"{project}_postgres"] if "postgres" in services else [])}
        if "deploy/compose/development.yml" in files:
            made |= {f"{project}_{volume}-{given['FRONTEND_CONTENT']}" for volume in ("packages", "next")}
        state["volumes"] = sorted({*state["volumes"], *made})
        return up(project, services, hashes, given, state)
    elif "down" in arguments:
        state["containers"] = {}
    elif "stop" in arguments:
        for container in state["containers"].values():
            stop(container)
    elif "logs" in arguments:
        for container in state["containers"].values():
            name = container["inspect"]["Config"]["Labels"]["com.docker.compose.service"]
            if name in arguments:
                say("\n".join(f"{name}-1  | {line}" for line in container["output"].splitlines()))
        return signal.pause if "--follow" in arguments else 0
    return 0


def up(
    project: str, services: list[str], hashes: dict[str, str], given: dict[str, str], state: dict[str, Any]
) -> int | Callable[[], object]:
    """Start the containers, as far as the selected behaviour allows."""
    prefix = given.get("NETWORK_PREFIX", "")
    if BEHAVIOUR == "network-taken" and prefix != os.environ.get("FREE_PREFIX"):
        state["refused"] = [*state.get("refused", []), prefix]
        return fail(
            "failed to create network: invalid pool request: Pool overlaps with other one on this space"
        )
    if BEHAVIOUR == "disk-full":
        return fail("Error response from daemon: write /var/lib/docker/x: no space left on device")
    if BEHAVIOUR == "image-missing":
        return fail(f"Error response from daemon: No such image: {given['BACKEND_IMAGE']}")
    if any(container["inspect"]["State"]["Status"] == "paused" for container in state["containers"].values()):
        return fail("Error response from daemon: cannot start a paused container, try unpause instead")
    order = [*(["postgres"] if "postgres" in services else []), "migrate", "backend", "frontend"]
    for service in order:
        told(f"{project}-{service}-1", "Creating", "Created")
    if BEHAVIOUR == "slow":
        # Long enough for the caller to show its progress.
        time.sleep(1)
    for service in order:
        name = f"{project}-{service}-1"
        one_shot = service == "migrate"
        container = make(name, service, hashes[service], given, state)
        told(name, "Starting", "Started", "Waiting")
        if one_shot and BEHAVIOUR == "migration-hangs":
            return signal.pause
        if one_shot and BEHAVIOUR in {"migration-fails", "other-password"}:
            container["output"] = "the history does not fit\n"
            if BEHAVIOUR == "other-password":
                container["output"] = 'FATAL: password authentication failed for user "todo"\n'
            container["inspect"]["State"] |= {"Status": "exited", "ExitCode": 3}
            return fail('service "migrate" didn\'t complete successfully: exit 3')
        if service == "backend" and BEHAVIOUR in {"backend-ends", "memory"}:
            container["output"] = "this backend is broken on purpose\n"
            container["inspect"]["State"] |= {
                "Status": "exited", "ExitCode": 137, "OOMKilled": BEHAVIOUR == "memory", "Health": None,
            }  # fmt: skip
            container["inspect"]["RestartCount"] = 3 if BEHAVIOUR == "backend-ends" else 0
            return fail(f"dependency failed to start: container {name} exited (137)")
        if service == "backend" and BEHAVIOUR == "unhealthy":
            log = [{"Output": "port 8000/health answers 500"}]
            container["inspect"]["State"]["Health"] = {"Status": "unhealthy", "Log": log}
            return fail(f"dependency failed to start: container {name} is unhealthy")
        held = given["FRONTEND_PORT"] == os.environ.get("HELD_PORT")
        if service == "frontend" and BEHAVIOUR == "port-taken" and held:
            container["inspect"]["State"] |= {"Status": "created", "Health": None}
            where = f"127.0.0.1:{given['FRONTEND_PORT']}"
            return fail(f"Error response from daemon: Bind for {where} failed: port is already allocated")
        told(name, "Exited" if one_shot else "Healthy")
    return 0


def make(
    name: str, service: str, configuration: str, given: dict[str, str], state: dict[str, Any]
) -> dict[str, Any]:
    """Store a running, healthy container; keep an existing one."""
    reference = given["FRONTEND_IMAGE" if service == "frontend" else "BACKEND_IMAGE"]
    image = state["images"].get(reference, {}).get("Id", "")
    done = service == "migrate"
    old = state["containers"].get(name, {}).get("inspect", {})
    keep = (
        old
        and old["Image"] == image
        and old["Config"]["Labels"]["com.docker.compose.config-hash"] == configuration
    )
    inspect = {
        "Id": name,
        "Name": f"/{name}",
        "Image": image,
        "RestartCount": 0,
        "Config": {
            "Labels": {"com.docker.compose.service": service, "com.docker.compose.config-hash": configuration}
        },
        "State": {
            "Status": "exited" if done else "running",
            "ExitCode": 0,
            "OOMKilled": False,
            "Pid": 0
            if done
            else old["State"]["Pid"]
            if keep and old["State"]["Pid"]
            else os.getpid() + len(name),
            "StartedAt": datetime.now(UTC).isoformat(),
            "Health": None if done else {"Status": "healthy", "Log": []},
        },
    }
    output = "applied 0001\napplied 0002\n" if done else f"the {service} has started\n"
    before = ""
    if keep:
        # Its logs and its changes to the database remain.
        before = "".join(state["containers"][name][part] for part in ("before", "output"))
        output = "" if done else output
    container = {"inspect": inspect, "output": output, "before": before}
    state["containers"][name] = container
    return container


def stop(container: dict[str, Any]) -> None:
    container["inspect"]["State"] |= {"Status": "exited", "Health": None, "Pid": 0}


def told(name: str, *statuses: str) -> None:
    """Print Compose's message about a container."""
    for status in statuses:
        say(json.dumps({"id": f"Container {name}", "status": status}))


def fail(message: str) -> int:
    """Exit with Compose's error."""
    say(json.dumps({"error": True, "message": message}))
    return 1


def refuse(message: str) -> int:
    """Exit with Docker's error."""
    sys.stderr.write(f"{message}\n")
    return 1


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n" if text else "")
    sys.stdout.flush()


def digest(value: object) -> str:
    return hashlib.sha256(re.sub(r"sk-\S+", "", json.dumps(value)).encode()).hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
