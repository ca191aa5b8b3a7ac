"""Reads the Helm release that was installed from here."""

import asyncio

from automation.console.errors import AutomationError
from automation.contract.models import Profile
from automation.engines.cluster import ClusterEngine
from automation.kubernetes.target import kubernetes
from automation.settings import Settings
from automation.verify.facts import Released

_KINDS = "deployments,services,configmaps,networkpolicies,poddisruptionbudgets,pods"
_KEYS = "--output=go-template={{range $key, $_ := .data}}{{$key}} {{end}}"  # never a Secret's values


async def read(settings: Settings, profile: Profile) -> Released:
    """Return the release as the API server reports it."""
    if profile.kubernetes is None:
        return Released(absent="the profile is not for Kubernetes")
    engine = ClusterEngine(settings)
    if not engine.recorded:
        return Released(absent="no release was installed from here; install it with   invoke helm-install")
    try:
        place, release = await engine.place(), engine.release
        listed, keys = await asyncio.gather(
            place.kubectl.items(_KINDS, f"--selector=app.kubernetes.io/instance={release}"),
            place.kubectl.run("get", "secret", kubernetes(profile).secret, "--ignore-not-found", _KEYS),
        )
    except AutomationError as error:
        return Released(absent=error.what)
    if not listed:
        return Released(absent="the release is not in the cluster; install it with   invoke helm-install")
    objects = {(found["kind"], found["metadata"]["name"]): found for found in listed}
    return Released(objects, tuple(keys.split()))
