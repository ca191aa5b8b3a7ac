"""The instance that runs from one state directory: a record on disk, verified against the machine before use.

An instance is alive exactly as long as its supervisor holds the lock, which the system releases even when the
process is killed. The record names the supervisor and the addresses of its services.
"""

import os
import time
import uuid
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from filelock import FileLock, Timeout

from automation.process import files, processes
from automation.process.files import Store
from automation.process.processes import Identity


class State(StrEnum):
    """The state of the application or of a service. The application runs when every service is healthy."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    PAUSED = "paused"
    STOPPING = "stopping"
    CRASHED = "crashed"
    ABSENT = "absent"


@dataclass(frozen=True)
class ServiceRecord:
    """A started service."""

    name: str
    address: str
    health: str
    """The URL that answers 200 while the service is healthy."""
    port: int
    process: Identity
    restarts: int = 0
    """Number of restarts after it had ended."""
    ended: str = ""
    """Last end with its time: "was killed (signal 9) at 14:05"; empty if it never ended."""


@dataclass(frozen=True)
class Record:
    """Last state that the supervisor recorded."""

    mark: str
    """The mark that its processes carry in their environment."""
    engine: str
    mode: str
    state: State
    supervisor: Identity
    address: str
    since: float
    """Seconds since the epoch."""
    services: tuple[ServiceRecord, ...] = ()


class Instance:
    """The instance of one state directory, seen by the process that runs it or by any other."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._store = Store(directory / "instance.json", Record)
        self.write, self.forget = self._store.write, self._store.remove
        self._lock = FileLock(directory / "instance.lock", thread_local=False)
        self.release = self._lock.release

    def log(self, service: str) -> Path:
        """Return the file with the service's output."""
        return self.directory / "logs" / f"{service}.log"

    def acquire(self) -> bool:
        """Become the supervisor of this instance; False if another process is. Raises AutomationError."""
        files.make_directory(self.directory)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        return True

    def begin(self, engine: str, mode: str, address: str) -> Record:
        """Write the record of a start. Raises AutomationError."""
        supervisor = processes.identify(os.getpid())
        record = Record(uuid.uuid4().hex, engine, mode, State.STARTING, supervisor, address, time.time())
        self.write(record)
        return record

    def read(self) -> Record | None:
        """Return the record as it is true now: None when stopped, `crashed` when its supervisor is gone."""
        record = self._store.read()
        return record if record is None or record.supervisor.alive else replace(record, state=State.CRASHED)

    def read_live(self) -> Record | None:
        """Return the record of an application that runs; None if none does."""
        record = self.read()
        return record if record and record.state != State.CRASHED else None
