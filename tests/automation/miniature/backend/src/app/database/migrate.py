"""Applies the only migration. MIGRATION=fail fails, =hang never ends, =wait waits for the file `go`."""

import os
import sys
import threading
import time
from pathlib import Path


def main() -> int:
    """Return the exit code, having said what was applied."""
    if os.environ.get("MIGRATION") == "fail":
        sys.stderr.write("the history does not fit\n")
        return 1
    if os.environ.get("MIGRATION") == "hang":
        threading.Event().wait()
    schema = Path(os.environ["DATA_DIR"], "schema")
    while os.environ.get("MIGRATION") == "wait" and not schema.with_name("go").exists():
        time.sleep(0.02)
    applied = not schema.exists()
    schema.touch()
    sys.stdout.write("applied 0001\n" if applied else "The database is up to date.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
