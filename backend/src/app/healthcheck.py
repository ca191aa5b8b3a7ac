"""Container health check: `python -m app.healthcheck` exits with 0 when the server is healthy, else with 1.

The image contains neither curl nor a shell. The check runs every few seconds, so it imports neither the
application nor an HTTP client: it only reads the status line of a response.

HOST, PORT and HEALTH_PATH are the server's own variables; the defaults are 127.0.0.1, 8000 and /health.
"""

import os
import socket
import sys
import time

TIMEOUT_S = 1.0
"""Every profile considers a slower server unhealthy."""
LINE_LIMIT = 1024
"""Bytes; no status line is longer."""
EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 - recognised here, not chosen


def problem(host: str, port: int, path: str) -> str:
    """Return the server's problem; an empty text when it returns 200 in time."""
    deadline = time.monotonic() + TIMEOUT_S
    answer = b""
    try:
        with socket.create_connection((host, port), TIMEOUT_S) as connection:
            request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode())
            while b"\r\n" not in answer and len(answer) < LINE_LIMIT:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise TimeoutError
                connection.settimeout(remaining)
                received = connection.recv(LINE_LIMIT)
                if not received:
                    break
                answer += received
    except TimeoutError:
        return f"no answer within {TIMEOUT_S:g} s"
    except OSError as error:
        return str(error)
    status = answer.split(b"\r\n")[0].decode("latin-1")
    return "" if status.split(" ")[1:2] == ["200"] else f"answered {status or 'nothing'}"


def main() -> int:
    """Check the server that the environment names; return the exit code."""
    host = os.environ.get("HOST", "")
    port = os.environ.get("PORT") or "8000"
    path = os.environ.get("HEALTH_PATH") or "/health"
    if port.isascii() and port.isdecimal() and 0 < int(port) < 65536:
        wrong = problem("127.0.0.1" if host in EVERYWHERE else host, int(port), path)
    else:
        wrong = "PORT is not a port number"
    sys.stdout.write(f"{path} on port {port}: {wrong or 'ok'}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
