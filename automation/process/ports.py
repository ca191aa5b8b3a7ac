"""Which ports are free, and who holds one that is not."""

import errno
import os
import socket
import time
from collections.abc import Collection, Iterator
from contextlib import suppress

import psutil

from automation.console.errors import AutomationError
from automation.process import logs

_ATTEMPTS = 200
_LONGEST_COMMAND = 60


class PortTakenError(AutomationError):
    """Another process listens where a service is to listen."""


def is_free(host: str, port: int) -> bool:
    """Return whether a server can listen there and a browser that opens localhost reaches it."""
    # Where "localhost" is the IPv6 loopback first, a listener there would answer in our place.
    hosts = {host, "::1"} if host in {"127.0.0.1", "localhost"} else {host}
    return all(_can_listen(each, port) for each in hosts)


def choose(host: str, port: int, *, search: bool, avoid: Collection[int]) -> int:
    """Return the port, or with `search` the next one upwards that is free. Raises PortTakenError."""
    for candidate in range(port, min(port + (_ATTEMPTS if search else 1), 65536)):
        if candidate not in avoid and is_free(host, candidate):
            return candidate
    raise PortTakenError(
        f"port {port} is taken by {holder(port)}"
        if not search
        else f"no port from {port} to {port + _ATTEMPTS} is free"
    )


def holder(port: int) -> str:
    """Return who listens on the port: command, process id, since when; as much as can be seen."""
    process = next(_listeners(port), None)
    if process is None:
        return "another process, which this user may not see"
    with suppress(psutil.Error):
        # A program that is an argument itself has lines, and its arguments may move the cursor.
        command = logs.clean(" ".join(" ".join(process.cmdline()).split())) or process.name()
        if len(command) > _LONGEST_COMMAND:
            command = command[: _LONGEST_COMMAND - 1] + "…"
        return f"{command} (pid {process.pid}, since {since(process.create_time())})"
    return f"pid {process.pid}"


def held_by_other(port: int, own: Collection[int]) -> bool:
    """Return whether a process that is not among `own` listens on the port."""
    return any(process.pid not in own for process in _listeners(port))


def since(moment: float) -> str:
    """Return the local time of day of a moment in seconds since the epoch; with the day if not today."""
    then, now = time.localtime(moment), time.localtime()
    today = (then.tm_year, then.tm_yday) == (now.tm_year, now.tm_yday)
    return time.strftime("%H:%M" if today else "%Y-%m-%d %H:%M", then)


def _can_listen(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":
                # As the servers do: a connection that is only closing down does not hold the port.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except PermissionError as error:
        raise AutomationError(
            f"port {port} may not be used by this user",
            why="ports below 1024 belong to the system",
            remedies=["choose a port from 1024 up"],
        ) from error
    except OSError as error:
        # A machine without IPv6 has nothing that could answer there.
        if error.errno == errno.EADDRINUSE:
            return False
        if host == "::1":
            return True
        raise AutomationError(
            f"nothing can listen on {host}",
            why="this machine has no such address",
            remedies=["--host 127.0.0.1", "--host 0.0.0.0"],
        ) from error
    return True


def _listeners(port: int) -> Iterator[psutil.Process]:
    # Process by process: macOS shows the connections of the whole machine to the administrator only.
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            for connection in process.net_connections(kind="tcp"):
                address = connection.laddr
                if connection.status == psutil.CONN_LISTEN and address.port == port:
                    yield process
                    break
