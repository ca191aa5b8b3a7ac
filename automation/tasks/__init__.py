"""The edge: one function for each task, from what a person typed to an exit code.

The functions take plain values and return exit codes, so they can be called without Invoke. A module is
loaded when its first task is called, because `invoke --list` loads this package.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from automation.tasks import application, cluster, compose, images, profiles, review, upkeep, verification

__all__ = ["application", "cluster", "compose", "images", "profiles", "review", "upkeep", "verification"]


def __getattr__(name: str) -> "ModuleType":
    """Load a module on first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
