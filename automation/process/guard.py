"""Runs one command, which does not outlive the process that started it.

The supervisor holds the other end of this process's standard input. When that closes, because the supervisor
asks for an end or because it was killed, the command is told to stop and, `grace` seconds later, its whole
process group is killed. Only the standard library is used and nothing of this package is imported: a guard
stands beside every process, so it has to be small and start at once.

Run as: python -I -S guard.py GRACE COMMAND…
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

POSIX = os.name == "posix"
CANNOT_START = 127


def die_with_the_guard() -> None:
    """Have the kernel kill the command when this guard is killed, which it cannot notice itself (Linux)."""
    import ctypes

    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill the remaining processes of the command."""
    if POSIX:
        with contextlib.suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(child.pid)], capture_output=True, check=False)


def main() -> int:
    """Run the command and return its exit code, 128 plus the number of the signal that ended it."""
    grace, command = float(sys.argv[1]), sys.argv[2:]
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=POSIX,
            preexec_fn=die_with_the_guard if sys.platform == "linux" else None,
        )
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}\n")
        return CANNOT_START

    def stop(*_: object) -> None:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            if POSIX:
                child.terminate()
                child.wait(grace)
        kill_group(child)

    def stop_when_input_ends() -> None:
        # Not sys.stdin: its lock would be held for ever by a thread that interpreter shutdown cannot join.
        while os.read(0, 512):
            pass
        stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=stop_when_input_ends, daemon=True).start()
    code = child.wait()
    kill_group(child)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
