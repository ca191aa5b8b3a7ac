"""Ports for servers that a test starts later.

A port that the system chooses comes from the range of outgoing connections. Between the choice and the
start of the server, a connection or another test can take it. The ports here are outside that range, and each
worker of pytest-xdist has ports of its own.
"""

import os
import random
import socket

FIRST, WORKERS, PORTS_PER_WORKER = 12_000, 16, 1_000
"""The ranges end before 30000, where Kubernetes' node ports begin. Linux connects from 32768 on."""
STEP = 8
"""The distance between ports. A program that takes the next free port stays away from other tests."""

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
_start = FIRST + _worker * PORTS_PER_WORKER
# Two runs on one machine seldom begin at the same port.
_candidates = random.sample(range(_start, _start + PORTS_PER_WORKER, STEP), PORTS_PER_WORKER // STEP)


def unused_port() -> int:
    """Return a port that nobody listens on and that was not returned for a while."""
    for _ in range(len(_candidates)):
        port = _candidates.pop(0)
        _candidates.append(port)
        with socket.socket() as probe:
            # As servers do: a connection that has just ended does not make the port taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise RuntimeError(f"no free port from {_start} to {_start + PORTS_PER_WORKER}")
