"""Looks at a container from inside, though the container has neither a shell nor an interpreter.

This runs in a helper that shares the container's processes and network, as the container's own user: it sees
what that user sees, without anything being put into the image under test. It needs nothing but Python's
standard library, reads what to do from its argument (JSON), and prints what it saw (JSON).
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

_PATIENCE_S = 30.0
_LAST_BREATH_S = 3.0
_HIDDEN = ("/proc", "/sys", "/dev")


def processes() -> list[dict[str, Any]]:
    """Return the container's processes, without this helper's own."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        if folder.name == str(os.getpid()):
            continue
        try:
            lines = (folder / "status").read_text(encoding="utf-8", errors="replace").splitlines()
            command = (
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
            )
        except OSError:
            continue  # ended meanwhile
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        found.append(
            {
                "pid": int(folder.name),
                "parent": int(status["PPid"]),
                "state": status["State"][:1],
                "uid": int(status["Uid"].split()[1]),
                "gid": int(status["Gid"].split()[1]),
                "command": command or status["Name"],
            }
        )
    return sorted(found, key=lambda each: int(each["pid"]))


def memory() -> int:
    """Return the bytes that the container's processes keep for themselves.

    Pages of files do not count: the kernel gives them back, and charges them to the container that happens to
    read a file first.
    """
    kilobytes = 0
    for folder in Path("/proc").glob("[0-9]*"):
        if folder.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):  # ended meanwhile
            for line in (folder / "status").read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith(("RssAnon:", "RssShmem:")):
                    kilobytes += int(line.split()[1])
    return kilobytes * 1024


def environments(found: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the variables that each process was started with, as far as it still shows them."""
    shown = []
    for each in found:
        try:
            raw = Path(f"/proc/{each['pid']}/environ").read_bytes()
        except OSError:
            continue
        pairs = raw.decode("utf-8", "replace").split("\0")
        shown.append(dict(pair.split("=", 1) for pair in pairs if "=" in pair))
    return shown


def writable() -> list[str]:
    """Return the folders of the container that this user may write to, the topmost of each."""
    root, found = "/proc/1/root", []
    for folder, below, _ in os.walk(root):
        path = folder[len(root) :] or "/"
        if path in _HIDDEN:
            below[:] = []
        elif os.access(folder, os.W_OK):
            found.append(path)
            below[:] = []
    return sorted(found)


def orphan_is_reaped() -> bool:
    """Leave an orphan to the container's first process, let it end, and return whether it is collected."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        parent = os.getpid()
        grandchild = os.fork()
        if grandchild == 0:
            while os.getppid() == parent:
                time.sleep(0.001)
            os._exit(0)
        os.write(writing, str(grandchild).encode())
        os._exit(0)
    os.waitpid(child, 0)
    orphan = int(os.read(reading, 32))
    deadline = time.monotonic() + 1
    while Path(f"/proc/{orphan}").exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def kill_services() -> None:
    """Kill what the container's first process has started: that one is beyond the reach of its namespace.

    Where the container ends with it, so does this helper; otherwise it returns.
    """
    for each in processes():
        if each["parent"] == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each["pid"], signal.SIGKILL)
    time.sleep(_LAST_BREATH_S)


def ask(address: str, patience: float = 0.0) -> dict[str, Any]:
    """Return status, body and milliseconds of an answer; ask again for so many seconds until it is 200."""
    parts = urlsplit(address)
    deadline = time.monotonic() + patience
    while True:
        began = time.perf_counter()
        try:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
            connection.request("GET", parts.path or "/")
            answer = connection.getresponse()
            body = answer.read().decode("utf-8", "replace")
            status, said = answer.status, body[:4000]
        except (OSError, http.client.HTTPException) as error:
            status, said = 0, str(error)
        milliseconds = (time.perf_counter() - began) * 1000
        if status == 200 or time.monotonic() >= deadline:
            return {"status": status, "body": said, "milliseconds": milliseconds}
        time.sleep(0.1)


def main() -> None:
    """Do what is asked and print what was seen."""
    asked = json.loads(sys.argv[1])
    seen: dict[str, Any] = {}
    if "answers" in asked:
        seen["answers"] = ask(asked["answers"], _PATIENCE_S)
    if "addresses" in asked:
        seen["addresses"] = {address: [ask(address) for _ in range(5)] for address in asked["addresses"]}
    if asked.get("inside"):
        found = processes()
        seen["processes"] = found
        seen["environments"] = environments(found)
        seen["writable"] = writable()
        seen["reaped"] = orphan_is_reaped()
    if asked.get("memory"):
        seen["memory"] = memory()
    if asked.get("kill"):
        kill_services()
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
