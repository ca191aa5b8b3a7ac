"""Looks at a container from inside, although the container has neither a shell nor an interpreter.

This program runs in a helper that shares the container's processes and network and runs as its user: it
sees what that user sees, and nothing is added to the image under test. It uses only Python's standard
library. Its argument is a request, its output a report, both in JSON.
"""

import contextlib
import http.client
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_LAST_BREATH_SECONDS = 3.0
_PROC = Path("/proc")
_VIRTUAL = ("/proc", "/sys", "/dev")


def processes() -> list[dict[str, Any]]:
    """Return the container's processes, without this one.

    Their memory is what they keep for themselves. The pages of files do not count: the kernel takes them
    back when it needs them, and charges them to the container that happens to read a file first.
    """
    found = []
    for folder in sorted(_PROC.glob("[0-9]*"), key=lambda folder: int(folder.name)):
        if folder.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):  # it has ended
            lines = (folder / "status").read_text(encoding="utf-8", errors="replace").splitlines()
            status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
            private = [int(status[kind].split()[0]) for kind in ("RssAnon", "RssShmem") if kind in status]
            found.append(
                {
                    "pid": int(folder.name),
                    "parent": int(status["PPid"]),
                    "uid": int(status["Uid"].split()[1]),
                    "gid": int(status["Gid"].split()[1]),
                    "groups": [int(group) for group in status["Groups"].split()],
                    "command": " ".join(strings(folder / "cmdline")).strip() or status["Name"],
                    "environ": dict(
                        pair.split("=", 1) for pair in strings(folder / "environ") if "=" in pair
                    ),
                    "memory_bytes": sum(private) * 1024,
                }
            )
    return found


def strings(file: Path) -> list[str]:
    """Return the strings in a file of /proc; none where this user may not read it."""
    with contextlib.suppress(OSError):
        return file.read_bytes().decode("utf-8", "replace").split("\0")
    return []


def writable() -> list[str]:
    """Return the topmost folders of the container that this user may write to."""
    root, found = "/proc/1/root", []
    for folder, below, _ in os.walk(root):
        path = folder[len(root) :] or "/"
        if path in _VIRTUAL:
            below.clear()
        elif os.access(folder, os.W_OK):
            found.append(path)
            below.clear()
    return sorted(found)


def orphan_is_reaped() -> bool:
    """Leave an orphan to the container's first process; return whether it is collected when it ends."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        parent = os.getpid()
        if (orphan := os.fork()) == 0:
            while os.getppid() == parent:
                time.sleep(0.001)
        else:
            os.write(writing, str(orphan).encode())
        os._exit(0)
    os.waitpid(child, 0)
    orphan = int(os.read(reading, 32))
    deadline = time.monotonic() + 1
    while (_PROC / str(orphan)).exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def kill_services() -> None:
    """Kill the children of the container's first process, which no process of its namespace can kill.

    This program ends with the container, if that ends; otherwise it returns.
    """
    for process in processes():
        if process["parent"] == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process["pid"], signal.SIGKILL)
    time.sleep(_LAST_BREATH_SECONDS)


def ask(address: str, patience: float) -> dict[str, Any]:
    """Return the status, body and time of an answer; retry for so many seconds until the status is 200."""
    parts = urlsplit(address)
    deadline = time.monotonic() + patience
    while True:
        began = time.perf_counter()
        try:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
            connection.request("GET", parts.path or "/")
            answer = connection.getresponse()
            status, body = answer.status, answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            status, body = 0, str(error)
        milliseconds = (time.perf_counter() - began) * 1000
        if status == 200 or time.monotonic() >= deadline:
            return {"status": status, "body": body[:4000], "milliseconds": milliseconds}
        time.sleep(0.1)


def main() -> None:
    """Answer the request."""
    request = json.loads(sys.argv[1])
    report: dict[str, Any] = {}
    if "address" in request:
        times, patience = request.get("times", 1), request.get("patience", 0)
        report["answers"] = [ask(request["address"], patience) for _ in range(times)]
    report["processes"] = processes()
    if request.get("behavior"):
        report |= {"writable": writable(), "reaped": orphan_is_reaped()}
    if request.get("kill"):
        kill_services()
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
