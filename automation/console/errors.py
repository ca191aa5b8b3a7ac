"""What can go wrong, said in three parts: what happened, why, and what to try.

Everything the library refuses or fails at is raised as an `AutomationError`; the edge (`commands`) turns it
into one message and an exit code. Any other exception is a defect of this project.
"""

import errno
import signal
from collections.abc import Sequence

FAILED = 1
MISUSED = 2
INTERRUPTED = 130


class AutomationError(Exception):
    """A failure that a person can do something about."""

    exit_code = FAILED

    def __init__(
        self, what: str, *, why: str = "", details: Sequence[str] = (), remedies: Sequence[str] = ()
    ) -> None:
        """Say what failed, why, with details one a line, and what to try: commands or sentences."""
        super().__init__(what)
        self.what = what
        self.why = why
        self.details = tuple(details)
        self.remedies = tuple(remedies)
        # A step that failed has already shown its error on its own line.
        self.shown = False


class UsageError(AutomationError):
    """A flag or a value that means nothing here."""

    exit_code = MISUSED


class InterruptedBySignalError(AutomationError):
    """A signal ended the work: exit code 128 plus its number, as a shell counts."""

    def __init__(self, signal_number: int) -> None:
        """Remember which signal it was."""
        super().__init__("interrupted")
        name = signal.Signals(signal_number).name
        self.signal_name = "Ctrl-C" if name == "SIGINT" else name
        self.exit_code = 128 + signal_number


def reason(error: Exception) -> str:
    """Return why the file system refused, in words and without a class name."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error)


def remedies(error: OSError) -> tuple[str, ...]:
    """Return what to try when the file system refuses."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return ("free some space: invoke clean removes what can be made again",)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return ("check who may write there",)
    return ()
