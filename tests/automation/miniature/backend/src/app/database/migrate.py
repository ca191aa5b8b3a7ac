"""Applies the only migration. MIGRATION=fail fails, MIGRATION=hang never ends."""

import os
import sys
import threading
from pathlib import Path


def main() -> int:
    """Return the exit code, having said what was applied."""
    if os.environ.get("MIGRATION") == "fail":
        sys.stderr.write("the history does not fit\n")
        return 1
    if os.environ.get("MIGRATION") == "hang":
        threading.Event().wait()
    schema = Path(os.environ["DATA_DIR"], "schema")
    applied = not schema.exists()
    schema.touch()
    sys.stdout.write("applied 0001\n" if applied else "The database is up to date.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
