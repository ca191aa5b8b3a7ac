"""Free ports, and who holds a port that is not free."""

import errno
import os
import socket
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import suppress

import psutil

from automation.console.errors import AutomationError, UsageError
from automation.console.events import Emit, step
from automation.process import logs

_ATTEMPTS = 200
_LONGEST_COMMAND = 60

Holder = Callable[[int], Awaitable[str]]
"""Returns who holds a port; nothing if unknown."""


class PortTakenError(AutomationError):
    """Another process listens where a service is to listen."""


async def settle(
    wanted: Mapping[str, int],
    hosts: Mapping[str, str],
    *,
    search: bool,
    emit: Emit | None = None,
    holder: Holder | None = None,
) -> dict[str, int]:
    """Return a free port for each service; with `search`, the next one upwards.

    Every taken port is reported before PortTakenError is raised for the first. Raises UsageError for a port
    that two services share.
    """
    if len(set(wanted.values())) < len(wanted):
        raise UsageError(
            f"port {next(iter(wanted.values()))} is requested twice",
            why=f"the {' and the '.join(wanted)} need a port each",
        )
    settled = dict(wanted)
    failures: list[PortTakenError] = []
    for name, port in wanted.items():
        free = _next_free(name, hosts[name], settled, port, _ATTEMPTS if search else 1)
        if free is not None:
            settled[name] = free
        elif search:
            raise AutomationError(f"no port from {port} to {port + _ATTEMPTS} is free")
        else:
            failures.append(await taken(name, hosts[name], settled, holder))
            if emit is not None:
                with suppress(PortTakenError), step(emit, name):
                    raise failures[-1]
    if failures:
        raise failures[0]
    return settled


async def taken(
    name: str, host: str, settled: Mapping[str, int], holder: Holder | None = None
) -> PortTakenError:
    """Return the error that names who holds a service's port, and how to choose another."""
    port = settled[name]
    who = (await holder(port) if holder else "") or holder_process(port)
    remedies = ["the same command with --auto-port"]
    if free := _next_free(name, host, settled, port + 1, _ATTEMPTS):
        remedies.append(f"the same command with --{name}-port {free}")
    return PortTakenError(f"port {port} is taken by {who}", remedies=remedies)


def holder_process(port: int) -> str:
    """Return which process listens on the port: command, process id and start, as far as visible."""
    process = next(_listeners(port), None)
    if process is None:
        return "another process, which this user may not see"
    with suppress(psutil.Error):
        # An argument may have several lines, and control characters that move the cursor.
        command = logs.clean(" ".join(" ".join(process.cmdline()).split())) or process.name()
        if len(command) > _LONGEST_COMMAND:
            command = command[: _LONGEST_COMMAND - 1] + "…"
        return f"{command} (pid {process.pid}, since {since(process.create_time())})"
    return f"pid {process.pid}"


def held_by_other(port: int, own: Collection[int]) -> bool:
    """Return whether a process that is not among `own` listens on the port."""
    return any(process.pid not in own for process in _listeners(port))


def since(moment: float) -> str:
    """Return the local time of day of a moment in seconds since the epoch; with the date if not today."""
    then, now = time.localtime(moment), time.localtime()
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%Y-%m-%d %H:%M", then)


def is_free(host: str, port: int) -> bool:
    """Return whether a server can listen there and a browser that opens localhost reaches it."""
    # Where "localhost" is the IPv6 loopback first, a listener there would answer in our place.
    hosts = {host, "::1"} if host in {"127.0.0.1", "localhost"} else {host}
    return all(_can_listen(name, port) for name in hosts)


def _next_free(name: str, host: str, settled: Mapping[str, int], port: int, attempts: int) -> int | None:
    others = {port for other, port in settled.items() if other != name}
    candidates = range(port, min(port + attempts, 65536))
    return next((number for number in candidates if number not in others and is_free(host, number)), None)


def _can_listen(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":
                # As the servers do: a connection that is only closing does not hold the port.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except PermissionError as error:
        raise AutomationError(
            f"this user may not listen on port {port}",
            why="ports below 1024 belong to the system",
            remedies=["choose a port from 1024 up"],
        ) from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        # A machine without IPv6 has nothing that could answer there.
        if host != "::1":
            raise AutomationError(
                f"nothing can listen on {host}",
                why="this machine has no such address",
                remedies=["--host 127.0.0.1", "--host 0.0.0.0"],
            ) from error
    return True


def _listeners(port: int) -> Iterator[psutil.Process]:
    # Process by process: macOS shows the connections of the whole machine only to the administrator.
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            found = process.net_connections(kind="tcp")
            if any(link.status == psutil.CONN_LISTEN and link.laddr.port == port for link in found):
                yield process
