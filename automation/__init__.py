"""The library that runs and keeps the to-do chatbot; `tasks.py` and `noxfile.py` only name what is here.

Importing this package must cost nothing, because `invoke --list` imports it: a submodule is loaded when it is
first used, as an attribute.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    import automation.commands as commands

__all__ = ["commands"]


def __getattr__(name: str) -> "ModuleType":
    """Load a submodule on first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    qualified = f"{__name__}.{name}"
    __import__(qualified)
    return sys.modules[qualified]
