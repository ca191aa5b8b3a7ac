"""What runs from one state directory: a record on disk, compared with the machine before it is believed.

An instance is alive exactly as long as its supervisor holds the lock, which the system takes back even from
a process that was killed. The record says who that is and where its services answer.
"""

import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from filelock import FileLock

from automation.process import files, locking, processes
from automation.process.processes import Identity


class State(StrEnum):
    """The state of the application or of a service."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    """Every service is healthy."""
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
    """The address that answers 200 while the service is healthy."""
    port: int
    process: Identity


@dataclass(frozen=True)
class Record:
    """What the supervisor last wrote down about itself."""

    mark: str
    """What its processes carry in their environment."""
    engine: str
    mode: str
    """`development` or `production`."""
    state: State
    supervisor: Identity
    address: str
    since: float
    """Seconds since the epoch."""
    services: tuple[ServiceRecord, ...] = field(default=())


class Instance:
    """The instance of one state directory, seen by the process that runs it or by any other."""

    def __init__(self, directory: Path) -> None:
        """Take the state directory; nothing is made yet."""
        self.directory = directory
        self._file = directory / "instance.json"
        self._lock: FileLock | None = None

    def log(self, service: str) -> Path:
        """Return the file with the service's output."""
        return self.directory / "logs" / f"{service}.log"

    def acquire(self) -> bool:
        """Become the supervisor of this instance; False when another process is. Raises AutomationError."""
        self._lock = locking.try_lock(self.directory / "instance.lock")
        return self._lock is not None

    def release(self) -> None:
        """Cease to be the supervisor."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def forget(self) -> None:
        """Remove the record."""
        self._file.unlink(missing_ok=True)

    def begin(self, engine: str, mode: str, address: str) -> Record:
        """Write the record of a start. Raises AutomationError when it cannot be written."""
        supervisor = processes.identify(os.getpid())
        record = Record(uuid.uuid4().hex, engine, mode, State.STARTING, supervisor, address, time.time())
        self.write(record)
        return record

    def write(self, record: Record) -> None:
        """Replace the record. Raises AutomationError when it cannot be written."""
        files.write_json(self._file, asdict(record))

    def read(self) -> Record | None:
        """Return the record as it is true now: None when stopped, `crashed` when its supervisor is gone."""
        data = files.read_json(self._file)
        if data is None:
            return None
        try:
            record = _record(data)
        except (KeyError, TypeError, ValueError):
            # Written by another version: nothing in it can be relied on.
            return None
        return record if record.supervisor.alive else replace(record, state=State.CRASHED)


def _record(data: Mapping[str, Any]) -> Record:
    services = tuple(
        ServiceRecord(**{**service, "process": Identity(**service["process"])})
        for service in data["services"]
    )
    return Record(
        **{
            **data,
            "supervisor": Identity(**data["supervisor"]),
            "services": services,
            "state": State(data["state"]),
        }
    )
