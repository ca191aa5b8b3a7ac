"""Run Schemathesis against the backend, on SQLite and on PostgreSQL at the same time.

`--cases` is the number of generated cases for each operation. Other arguments go to Schemathesis.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2

from automation.paths import ROOT
from backend.tests.servers import SOURCE, Server
from tests.provision.postgres import postgres_server
from tests.schema import hooks

DATABASES = ("sqlite", "postgresql")
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CASES = 5
# The limits of requests are a matter of other tests.
SETTINGS = {
    "BETTER_AUTH_SECRET": "0123456789abcdef0123456789abcdef",
    "TASK_CHANGES_PER_MINUTE": "1000000",
    "CHAT_MESSAGES_PER_MINUTE": "1000000",
    "LOG_LEVEL": "warning",
}


def check(kind: str, cases: int, arguments: list[str]) -> tuple[int, str]:
    """Check the API on one database; return the exit code and the output."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="schemathesis-")))
        environment = dict(SETTINGS)
        if kind == "postgresql":
            environment["DATABASE_URL"] = stack.enter_context(postgres_server(folder))
        migration = {**os.environ, **environment, "DATA_DIR": str(folder)}
        subprocess.run([sys.executable, "-m", "app.database.migrate"], cwd=SOURCE, env=migration, check=True)
        server = Server(folder, "uvicorn", "app.main:app", source=SOURCE, **environment)
        stack.callback(server.ended)
        stack.callback(server.process.terminate)
        server.connect().close()
        address = f"http://127.0.0.1:{server.port}"
        command = [
            *(str(SCHEMATHESIS), "run", f"{address}/api/openapi.json"),
            *(
                "--header",
                f"Origin: {hooks.ORIGIN}",
                "--max-examples",
                str(cases),
                "--seed",
                "1",
                "--no-color",
            ),
            # A stream of events has no end.
            *("--exclude-path", "/api/events"),
            *("--generation-database", "none", *arguments),
        ]
        environment = {
            **os.environ,
            hooks.ADDRESS: address,
            hooks.TOKEN: _token(address),
            "SCHEMATHESIS_HOOKS": hooks.__name__,
        }
        result = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        return result.returncode, result.stdout + result.stderr


def _token(address: str) -> str:
    """Return a JSON Web Token of a new user, which no operation revokes."""
    headers = {"Authorization": f"Bearer {hooks.signed_up(address).headers['set-auth-token']}"}
    answer = httpx2.get(f"{address}/api/auth/token", headers=headers, timeout=30)
    return str(answer.raise_for_status().json()["token"])


def main() -> int:
    """Check both databases and print what was found; return 1 after a failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES)
    options, arguments = parser.parse_known_args()
    with ThreadPoolExecutor(len(DATABASES)) as pool:
        results = list(pool.map(lambda kind: check(kind, options.cases, arguments), DATABASES))
    for kind, (code, output) in zip(DATABASES, results, strict=True):
        sys.stdout.write(f"{kind}: {'failed' if code else 'passed'}\n{output}\n")
    return int(any(code for code, _ in results))


if __name__ == "__main__":
    sys.exit(main())
