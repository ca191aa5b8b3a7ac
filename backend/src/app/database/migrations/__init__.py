"""The schema's history, in the package so that every image carries it.

A revision is named like its file, and a file begins with the next number.
"""

import pkgutil
from pathlib import Path

VERSIONS = Path(__file__).parent / "versions"


def head() -> str:
    """Return the newest revision, without importing Alembic: the server needs only the name."""
    return max(module.name for module in pkgutil.iter_modules([str(VERSIONS)]))
