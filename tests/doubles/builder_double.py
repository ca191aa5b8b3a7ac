"""A test double for Docker's build, save and push commands. Its state is a file.

DOUBLE selects its behaviour; by default, every command succeeds. Build output was recorded from a real
Docker. An image contains one file of SIZE bytes. The registry is part of the state.
"""

import base64
import contextlib
import fcntl
import hashlib
import io
import itertools
import json
import os
import signal
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STATE = Path(__file__).with_suffix(".json")
RECORDED = Path(os.environ["RECORDED"])
BEHAVIOUR = os.environ.get("DOUBLE", "")


@contextlib.contextmanager
def state() -> Iterator[dict[str, Any]]:
    """Lock and yield the state, then save it."""
    with STATE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = (
            json.loads(STATE.read_text()) if STATE.exists() else {"images": {}, "registry": {}, "calls": []}
        )
        yield kept
        STATE.write_text(json.dumps(kept))


def main(arguments: list[str]) -> int:
    with state() as now:
        now["calls"].append(arguments)
    match arguments:
        case ["buildx", "build", *words]:
            return build(words)
        case ["image", "inspect", *names]:
            with state() as now:
                sys.stdout.write(json.dumps([now["images"][name] for name in names if name in now["images"]]))
                missing = [name for name in names if name not in now["images"]]
            return refuse(*(f"Error response from daemon: No such image: {name}" for name in missing))
        case ["image", "tag", source, target]:
            with state() as now:
                now["images"][target] = now["images"][source]
        case ["image", "rm", name]:
            with state() as now:
                del now["images"][name]
        case ["image", "save", name]:
            with state() as now:
                image = now["images"][name]
            save(image)
        case ["push", name]:
            return push(name)
        case ["buildx", "imagetools", "inspect", "--raw", name]:
            if BEHAVIOUR == "unauthorized":
                return refuse("ERROR: failed to authorize: 401 Unauthorized")
            with state() as now:
                manifest = now["registry"].get(name)
            if manifest is None:
                return refuse(f"ERROR: {name}: not found")
            sys.stdout.write(manifest)
        case _:
            return refuse(f"docker: unknown command: docker {arguments}")
    return 0


def build(words: list[str]) -> int:
    """Print a recorded build and store its image."""
    options = list(itertools.pairwise(words))
    service = next(value for name, value in options if name == "--file").partition("/")[0]
    if BEHAVIOUR == "hangs":
        Path(STATE.with_name(f"{service}.pid")).write_text(str(os.getpid()))
        signal.pause()
    if BEHAVIOUR == "other-platform":
        short = (
            "InvalidBaseImagePlatform: Base image a:1 was pulled "
            'with platform "linux/amd64", expected "linux/arm64"'
        )
        warning = {"short": base64.b64encode(short.encode()).decode()}
        sys.stderr.write(json.dumps({"warnings": [warning]}) + "\n")
        sys.stderr.flush()
        signal.pause()
    failing = service == BEHAVIOUR.removesuffix("-fails")
    sys.stderr.write((RECORDED / f"build-{'failed' if failing else 'first'}.jsonl").read_text())
    if failing:
        return 1
    labels = dict(value.split("=", 1) for name, value in options if name == "--label")
    identity = hashlib.sha256(json.dumps(words).encode()).hexdigest()
    image = {
        "Id": f"sha256:{identity}",
        "Config": {"Labels": labels},
        "Epoch": os.environ.get("SOURCE_DATE_EPOCH"),
        "Size": int(os.environ.get("SIZE", "5")),
    }
    with state() as now:
        now["images"] |= {value: image for name, value in options if name == "--tag"}
    return 0


def save(image: dict[str, Any]) -> None:
    """Write the archive of an image."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        member = tarfile.TarInfo("app/main.py")
        member.size = image["Size"]
        tar.addfile(member, io.BytesIO(bytes(image["Size"])))
    config = {"config": {"WorkingDir": "/app"}, "history": [{"created_by": "COPY app /app # buildkit"}]}
    parts = {
        "layer": layer.getvalue(),
        "config": json.dumps(config).encode(),
        "manifest.json": json.dumps([{"Config": "config", "Layers": ["layer"]}]).encode(),
    }
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        for name, content in parts.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def push(name: str) -> int:
    """Store an image in the registry."""
    if BEHAVIOUR == "denied":
        return refuse("denied: requested access to the resource is denied")
    with state() as now:
        manifest = json.dumps({"config": {"digest": now["images"][name]["Id"]}})
        digest = hashlib.sha256(manifest.encode()).hexdigest()
        now["registry"][name] = manifest + (" " if BEHAVIOUR == "registry-lies" else "")
    tag = name.rpartition(":")[2]
    sys.stdout.write(
        f"0123456789ab: Preparing\n0123456789ab: Pushed\n{tag}: digest: sha256:{digest} size: 5\n"
    )
    return 0


def refuse(*messages: str) -> int:
    """Exit with Docker's error, if there is one."""
    sys.stderr.writelines(f"{message}\n" for message in messages)
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
