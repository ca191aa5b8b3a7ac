"""The fact about a release: what the API server reports of it, where one is installed in a cluster."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from automation.console.errors import AutomationError
from automation.contract.models import Profile
from automation.engines.cluster import ClusterEngine
from automation.kubernetes import delivery
from automation.settings import Settings

_KINDS = "deployments,services,configmaps,networkpolicies,poddisruptionbudgets,pods"
_KEYS = "--output=go-template={{range $key, $_ := .data}}{{$key}} {{end}}"
"""The names of a Secret's values, and never the values."""


@dataclass(frozen=True)
class Released:
    """The objects of a release as the API server has them."""

    objects: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """Its documents by kind and name."""
    secret_keys: tuple[str, ...] = ()
    absent: str = ""
    """Why there is nothing to look at; empty where there is."""

    def find(self, kind: str, name: str) -> Mapping[str, Any]:
        """Return an object; an empty one where there is none."""
        return self.objects.get((kind, name), {})

    def pods(self, app: str) -> Sequence[Mapping[str, Any]]:
        """Return the pods of a workload that are not about to go."""
        return [
            each
            for (kind, _), each in self.objects.items()
            if kind == "Pod"
            and each["metadata"].get("labels", {}).get("app") == app
            and "deletionTimestamp" not in each["metadata"]
        ]

    def of_kind(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """Return the objects of a kind."""
        return [each for (own, _), each in self.objects.items() if own == kind]


async def read(settings: Settings, profile: Profile) -> Released:
    """Return what the cluster reports of the release that was installed from here."""
    if profile.kubernetes is None:
        return Released(absent="the profile is not one for Kubernetes")
    engine = ClusterEngine(settings)
    if not engine.recorded:
        return Released(absent="no release was installed from here; invoke helm-install does")
    try:
        place, release = await engine.place(), engine.release
        listed, keys = await asyncio.gather(
            place.kubectl.items(_KINDS, f"--selector=app.kubernetes.io/instance={release}"),
            place.kubectl.run(
                "get", "secret", delivery.kubernetes(profile).secret, "--ignore-not-found", _KEYS
            ),
        )
    except AutomationError as error:
        return Released(absent=error.what)
    if not listed:
        return Released(absent="the release is not in the cluster; invoke helm-install brings it there")
    return Released({(each["kind"], each["metadata"]["name"]): each for each in listed}, tuple(keys.split()))
