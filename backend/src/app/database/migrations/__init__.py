"""The schema migrations, part of the package so that every image contains them.

A revision has the name of its file, which starts with a sequence number.
"""

import pkgutil
from functools import cache
from pathlib import Path

VERSIONS = Path(__file__).parent / "versions"


@cache
def head() -> str:
    """Return the latest revision without importing Alembic, because the server needs only the name."""
    return max(module.name for module in pkgutil.iter_modules([str(VERSIONS)]))
