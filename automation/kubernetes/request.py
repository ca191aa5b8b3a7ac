"""What a person asks for: which release, where, from which profile, and how to install it."""

from dataclasses import dataclass
from pathlib import Path

from automation.console.errors import UsageError
from automation.contract.models import Kubernetes, Profile
from automation.settings import Settings

PROFILE = "cluster"
RELEASE = "todo"


@dataclass(frozen=True)
class Request:
    """A release and how to install it."""

    namespace: str
    release: str = RELEASE
    profile: str = PROFILE
    context: str = ""
    """kubectl's context; defaults to the current one."""
    registry: str = ""
    """A registry that the nodes pull from; by default images are loaded into the nodes."""
    bases: tuple[str, ...] = ()
    values_files: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    """Values in the form of `--set`."""
    wait: bool = True
    atomic: bool = False
    """Roll back if this revision does not become healthy."""
    timeout_seconds: float = 180.0

    @property
    def flags(self) -> tuple[str, ...]:
        """The values as flags of Helm."""
        files = (word for file in self.values_files for word in ("--values", file))
        return (*files, *(word for setting in self.settings for word in ("--set", setting)))


def kubernetes(profile: Profile) -> Kubernetes:
    """Return the Kubernetes part of a profile. Raises UsageError if it has none."""
    if profile.kubernetes is None:
        raise UsageError(
            f"the profile {profile.name} does not describe a Kubernetes release",
            remedies=[f"--profile {PROFILE}"],
        )
    return profile.kubernetes


def chart(settings: Settings, rules: Kubernetes) -> Path:
    """Return the chart's directory."""
    return settings.root / "deploy" / "helm" / rules.chart
