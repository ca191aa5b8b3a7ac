"""The flags that several tasks share, each with one wording: a type for the parameter and its help."""

from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True)
class Flag:
    """Explanation of a flag in `--help`; a flag that is not a switch shows its `value` there."""

    help: str
    value: str = "NAME"
    many: bool = False
    """May be given several times: the task gets a tuple."""
    optional: bool = False
    """May be given without a value: the task gets True."""

    def text(self, _default: Any) -> str:
        """Return what `--help` says."""
        return self.help

    def read(self, _option: str, given: Any, default: Any) -> Any:
        """Return what the task gets for what Invoke parsed. Raises UsageError."""
        return given if isinstance(given, bool) else tuple(given) if self.many else given or default


@dataclass(frozen=True)
class Number(Flag):
    """A flag that takes a whole number, checked before the task runs; `--help` names the default."""

    unit: str = ""
    lowest: int = 0
    highest: int = 0

    def text(self, default: int) -> str:
        named = "(default" in self.help
        return self.help if named else f"{self.help.removesuffix('.')} (default: {default})."

    def read(self, option: str, given: str, default: int) -> int:
        from automation.console.errors import whole_number

        return whole_number(given, option, self.unit, self.lowest, self.highest) if given else default


Names = tuple[str, ...]
Profile = Annotated[str, Flag("Profile whose contract applies (default: standalone).")]
AllProfiles = Annotated[bool, Flag("Every profile, one after another.")]
Service = Annotated[str, Flag("Only this service: backend or frontend.")]
Engine = Annotated[
    str,
    Flag(
        "compose, native or cluster. Defaults to the running one, the one with the data, else compose.",
        "ENGINE",
    ),
]
Detach = Annotated[bool, Flag("Return when everything is healthy and keep it running.")]
Host = Annotated[str, Flag("Address of the frontend (default: 127.0.0.1); 0.0.0.0 for other machines.", "IP")]
FrontendPort = Annotated[int, Number("Port of the frontend.", "PORT", unit="a port", lowest=1, highest=65535)]
BackendPort = Annotated[int, Number("Port of the backend.", "PORT", unit="a port", lowest=1, highest=65535)]
AutoPort = Annotated[bool, Flag("Use the next free port if one is taken.")]
Bases = Annotated[
    Names,
    Flag(
        "Replace a base image, as in node:24-alpine=node:24-slim or frontend=node:24-slim; repeatable.",
        "OLD=NEW",
        many=True,
    ),
]
Seconds = Annotated[
    int, Number("Seconds to wait.", "SECONDS", unit="a number of seconds", lowest=1, highest=86_400)
]
RolloutSeconds = Annotated[
    int,
    Number(
        "Seconds to wait (default: 180, and more for many replicas).",
        "SECONDS",
        unit="a number of seconds",
        lowest=1,
        highest=86_400,
    ),
]
Lines = Annotated[
    int, Number("Lines to show of each service.", "COUNT", unit="a number of lines", highest=10**9)
]
Version = Annotated[str, Flag("Semantic version, as in v1.2.3 (default: VERSION of .env).", "VERSION")]
Registry = Annotated[
    str, Flag("Registry that the nodes pull from, for a cluster that images cannot be loaded into.", "HOST")
]
ClusterProfile = Annotated[str, Flag("Profile whose contract applies (default: cluster).")]
Namespace = Annotated[str, Flag("Namespace of the release (default: todo-app-dev).")]
Release = Annotated[str, Flag("Name of the release (default: todo).")]
KubeContext = Annotated[str, Flag("kubectl context (default: the current one).")]
Yes = Annotated[bool, Flag("Skip the confirmation prompt.")]
DryRun = Annotated[bool, Flag("Print the plan and change nothing.")]
