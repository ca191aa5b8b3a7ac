"""Reads the Helm release that was installed from here."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from automation.console.errors import AutomationError
from automation.contract.models import SERVICES, Kubernetes, Profile
from automation.engines.cluster import ClusterEngine
from automation.kubernetes import address, drift
from automation.kubernetes.commands import ClusterError, flags
from automation.kubernetes.release import documents
from automation.kubernetes.target import Place, kubernetes
from automation.settings import Settings
from automation.verify.facts import Released
from automation.verify.gather import charts, strangers

_KINDS = "deployments,poddisruptionbudgets,pods"


async def read(settings: Settings, profile: Profile) -> Released:
    """Return the release as the API server reports it."""
    if profile.kubernetes is None:
        return Released(absent="the profile is not for Kubernetes")
    engine = ClusterEngine(settings)
    if not engine.recorded:
        return Released(absent="no release was installed from here; install it with   invoke helm-install")
    try:
        place, release = await engine.place(), engine.release
        listed, secret = await asyncio.gather(
            place.kubectl.items(_KINDS, f"--selector=app.kubernetes.io/instance={release}"),
            place.kubectl.json("get", "secret", kubernetes(profile).secret, "--ignore-not-found"),
        )
    except AutomationError as error:
        return Released(absent=error.what)
    if not listed:
        return Released(absent="the release is not in the cluster; install it with   invoke helm-install")
    data: dict[str, str] = secret.get("data", {})
    objects = {(found["kind"], found["metadata"]["name"]): found for found in listed}
    words = flags({"namespace": place.kubectl.namespace, "release": release})
    seen = await observe(place, kubernetes(profile), data)
    return Released(objects, release, f" {words}", secret_keys=tuple(data), **seen)


async def observe(place: Place, rules: Kubernetes, data: Mapping[str, str]) -> dict[str, Any]:
    """Return what is observed of the release as a whole. What this user may not see is not judged."""
    helm, kubectl = place.helm, place.kubectl
    text, hooks, values, listed = await asyncio.gather(
        helm.run("get", "manifest", helm.release),
        helm.run("get", "hooks", helm.release),
        helm.run("get", "values", helm.release, "--all", "--output=json"),
        kubectl.items(strangers.KINDS),
    )
    rendered = documents(text)
    found: dict[str, Any] = {
        "rendered": charts.named(rendered),
        "drift": (await drift.find(place)).differences,
        "extras": tuple(strangers.extras(listed, [*rendered, *documents(hooks)], helm.release)),
        "exposed": tuple(strangers.exposed(listed, values, data)),
        "refusal": await address.refusal(place, rules.frontend),
    }
    database = next((own["metadata"]["name"] for own in rendered if own["kind"] == "StatefulSet"), "")
    names = {service: f"deployment/{getattr(rules, service).name}" for service in SERVICES}
    ports = {rules.backend.service: rules.backend.service_port, database: 5432}
    accounts = [own["metadata"]["name"] for own in rendered if own["kind"] == "ServiceAccount"]
    found["permissions"] = None
    with suppress(ClusterError):
        asked = [await strangers.permissions(kubectl, account) for account in accounts]
        found["permissions"] = tuple(line for lines in asked for line in lines)
    if database:
        with suppress(ClusterError):
            found["connections"] = await strangers.connections(
                kubectl, {**names, "postgresql": f"statefulset/{database}"}, ports
            )
    return found
