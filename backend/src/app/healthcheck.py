"""Whether the server in this container answers: `python -m app.healthcheck`, exit code 0 or 1.

An image without curl and without a shell asks itself. It does so every few seconds for as long as it runs, so
this imports nothing of the application, nor an HTTP client: reading the first line of an answer needs none.

PORT and HEALTH_PATH are the server's own; without them, 8000 and /health.
"""

import os
import socket
import sys
import time

TIMEOUT_S = 1.0
"""A server that takes longer is not healthy, by the rules of every profile."""


def problem(port: int, path: str) -> str:
    """Return what is wrong with the server on this machine; nothing when it answers 200 in time."""
    deadline = time.monotonic() + TIMEOUT_S
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
            request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode())
            answer = b""
            while b"\r\n" not in answer and len(answer) < 1024:
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
                received = connection.recv(1024)
                if not received:
                    break
                answer += received
    except OSError as error:
        return str(error)
    status = answer.split(b"\r\n")[0].decode("latin-1")
    return "" if status.split(" ")[1:2] == ["200"] else f"answered {status or 'nothing'}"


def main() -> int:
    """Ask the server that the environment names; return the exit code."""
    port, path = os.environ.get("PORT") or "8000", os.environ.get("HEALTH_PATH") or "/health"
    usable = port.isdecimal() and int(port) <= 65535
    wrong = problem(int(port), path) if usable else "PORT is no port"
    sys.stdout.write(f"port {port}{path}: {wrong or 'ok'}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
