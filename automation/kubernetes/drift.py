"""Drift: differences between a release as it runs and as it was rendered, and their repair.

The API server completes the rendered objects with its defaults, in a dry run that replaces the ones that
run. What then differs was changed by hand; helm upgrade leaves most of it, a further container for example.
"""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from automation.contract import comparison
from automation.kubernetes import pods
from automation.kubernetes.commands import ClusterError, objects
from automation.kubernetes.release import documents
from automation.kubernetes.target import Place

Document = dict[str, Any]
_MOST = 3
_KINDS = "deployments,statefulsets,replicasets,jobs,pods,horizontalpodautoscalers"
_SERVER = (
    *("creationTimestamp", "finalizers", "generation", "managedFields", "namespace", "resourceVersion"),
    "uid",
)
_ANNOTATIONS = (
    "cloud.google.com/neg",
    "deployment.kubernetes.io/revision",
    "kubectl.kubernetes.io/restartedAt",
    "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
)
"""The annotations of Helm, of controllers and of kubectl rollout restart."""
_PLACED = (
    *("hostname", "nodeName", "preemptionPolicy", "priority", "serviceAccount", "serviceAccountName"),
    *("subdomain", "topologySpreadConstraints"),
)
"""Values that the cluster adds to the specification of a pod."""


@dataclass(frozen=True)
class Drift:
    """The differences, and what repairs them."""

    differences: tuple[str, ...] = ()
    changed: tuple[Document, ...] = ()
    missing: tuple[Document, ...] = ()
    pods: tuple[str, ...] = ()
    """Pods that differ from their template."""

    def __str__(self) -> str:
        more = f" and {len(self.differences) - _MOST} more" if len(self.differences) > _MOST else ""
        return f"{'; '.join(self.differences[:_MOST])}{more}"

    async def repair(self, place: Place) -> None:
        """Restore the release as it was rendered. Raises ClusterError."""
        for verb, found in (("create", self.missing), ("replace", self.changed)):
            if found:
                await place.kubectl.run(verb, "--filename=-", stdin=_text(found))
        if self.pods:
            await place.kubectl.run("delete", "pods", *self.pods, "--ignore-not-found", "--wait=false")


async def find(place: Place) -> Drift:
    """Return what differs from the last revision. Raises ClusterError."""
    kubectl = place.kubectl
    manifest, listed = await asyncio.gather(
        place.helm.run("get", "manifest", place.helm.release),
        kubectl.items(_KINDS, f"--selector=app.kubernetes.io/instance={place.helm.release}"),
    )
    rendered = documents(manifest)
    read = ("get", "--filename=-", "--ignore-not-found", "--output=json")
    live = {_name(found): found for found in objects(await kubectl.run(*read, stdin=_text(rendered)))}
    scaled = {
        found["spec"]["scaleTargetRef"]["name"]
        for found in rendered
        if found["kind"] == "HorizontalPodAutoscaler"
    }
    wanted = {
        _name(found): _completed(found, live[_name(found)], scaled)
        for found in rendered
        if _name(found) in live
    }
    words = ("replace", "--dry-run=server", "--filename=-", "--output=json")
    done = await kubectl.complete(*words, stdin=_text(wanted.values()))
    restored = {_name(found): found for found in objects(done.output)}
    if done.code and not restored:
        raise ClusterError("the release cannot be compared", why=" ".join(done.errors.split())[:300])
    missing = tuple(_owned(found, place) for found in rendered if _name(found) not in live)
    lines = [f"{_name(found)} is missing" for found in missing]
    changed = []
    for name, found in wanted.items():
        # An object that the server refuses to restore also differs from its rendering.
        parts = _differences(_normal(restored.get(name, found)), _normal(live[name]))
        if parts:
            lines += [f"{name}: {part}" for part in parts]
            changed.append(found)
    altered = dict(_altered_pods(listed))
    lines += [f"pod {name}: {part}" for name, parts in altered.items() for part in parts]
    return Drift(tuple(lines), tuple(changed), missing, tuple(altered))


def _altered_pods(listed: Iterable[Document]) -> Iterator[tuple[str, list[str]]]:
    """Yield the pods that differ from the template of their workload, with the differences."""
    listed = list(listed)
    owners = pods.owners(pods.read_rollout(listed))
    templates = {
        owner: found["spec"]["template"]
        for found in listed
        if found["kind"] in {"Deployment", "StatefulSet"}
        for owner in owners
        if owner == found["metadata"]["name"] or owner.rpartition("-")[0] == found["metadata"]["name"]
    }
    for pod in listed:
        owner = (pod["metadata"].get("ownerReferences") or [{}])[0].get("name")
        if pod["kind"] != "Pod" or owner not in templates or "deletionTimestamp" in pod["metadata"]:
            continue
        parts = _differences(_specification(templates[owner]["spec"]), _specification(pod["spec"]))
        if parts:
            yield pod["metadata"]["name"], parts


def _specification(spec: Mapping[str, Any]) -> Document:
    """Return a pod's specification without what the cluster adds to it."""
    made = {key: value for key, value in spec.items() if key not in _PLACED}
    kept = [item for item in spec.get("tolerations", ()) if item.get("tolerationSeconds") != 300]
    volumes = [item for item in spec.get("volumes", ()) if "persistentVolumeClaim" not in item]
    return {**made, "tolerations": kept, "volumes": volumes}


def _differences(required: Document, observed: Document) -> list[str]:
    return list(map(str, comparison.differences(required, observed)))


def _completed(rendered: Document, live: Document, scaled: set[str]) -> Document:
    """Return a rendered object with the values that controllers, not people, change in it."""
    made: Document = json.loads(json.dumps(rendered))
    _keep_annotations(made, live)
    if made["kind"] == "Deployment":
        _keep_annotations(made["spec"]["template"], live["spec"]["template"])
        if made["metadata"]["name"] in scaled:
            made["spec"]["replicas"] = live["spec"]["replicas"]
    if made["kind"] == "Job":
        # Generated with the Job; they cannot be changed.
        made["spec"]["selector"] = live["spec"]["selector"]
        made["spec"]["template"]["metadata"]["labels"] = live["spec"]["template"]["metadata"]["labels"]
    return made


def _owned(rendered: Document, place: Place) -> Document:
    """Return a rendered object with the annotations by which Helm recognises its own."""
    names = {"release-name": place.helm.release, "release-namespace": place.helm.namespace}
    owned = {f"meta.helm.sh/{key}": value for key, value in names.items()}
    metadata = rendered["metadata"]
    return {**rendered, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **owned}}}


def _keep_annotations(made: Document, live: Document) -> None:
    found = live["metadata"].get("annotations", {})
    kept = {key: found[key] for key in _ANNOTATIONS if key in found}
    if kept:
        made["metadata"]["annotations"] = {**kept, **(made["metadata"].get("annotations") or {})}


def _normal(document: Document) -> Document:
    """Return an object without what the server decides."""
    metadata = {key: value for key, value in document["metadata"].items() if key not in _SERVER}
    return {**{key: value for key, value in document.items() if key != "status"}, "metadata": metadata}


def _name(document: Document) -> str:
    return f"{document['kind']} {document['metadata']['name']}"


def _text(documents: Iterable[Document]) -> str:
    return "\n---\n".join(map(json.dumps, documents))
