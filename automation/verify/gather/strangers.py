"""Looks for what a release must not have: rights, further ways to its pods, secrets outside its Secret."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from automation.kubernetes.commands import ClusterError, Kubectl, objects

KINDS = ",".join(
    (
        *("deployments", "statefulsets", "daemonsets", "jobs", "cronjobs", "pods", "services", "ingresses"),
        *("networkpolicies", "poddisruptionbudgets", "horizontalpodautoscalers", "configmaps"),
        *("serviceaccounts", "roles", "rolebindings"),
        *("replicasets", "replicationcontrollers", "endpointslices", "persistentvolumeclaims"),
    )
)
_SHORTEST_SECRET = 8  # characters; shorter values occur by chance
_EVERYBODY = {"authentication.k8s.io", "authorization.k8s.io"}
"""The API groups in which every account may ask about itself."""
Objects = Iterable[Mapping[str, Any]]


async def permissions(kubectl: Kubectl, account: str) -> tuple[str, ...]:
    """Return what an account may do in the cluster beyond what every account may.

    Raises ClusterError for a user who may not act as another one.
    """
    spec = {"namespace": kubectl.namespace}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": spec}
    user = f"--as=system:serviceaccount:{kubectl.namespace}:{account}"
    words = ("create", "--filename=-", "--output=json", "--validate=false", user)
    [answer] = objects(await kubectl.run(*words, stdin=json.dumps(review)))
    return tuple(
        f"{account} may {', '.join(rule['verbs'])} {', '.join(rule['resources'])}"
        for rule in answer["status"]["resourceRules"]
        if not (_EVERYBODY.issuperset(rule.get("apiGroups", ["*"])) and rule["verbs"] == ["create"])
    )


def extras(listed: Objects, rendered: Objects, release: str) -> Iterator[str]:
    """Yield the objects that belong to the release or concern its pods, and were not rendered.

    Their labels name the release, their pods are like its pods, they select these, or they name one of its
    objects or its Secret. What another listed object owns is judged with that one.
    """
    judged = {_key(found) for found in (*listed, *rendered)}
    own = {_key(found) for found in rendered}
    templates = [found["spec"]["template"] for found in rendered if "template" in found.get("spec", {})]
    pods = [template["metadata"]["labels"] for template in templates]
    names = {name for _, name in own} | {*_named(templates, {"secretRef", "secretKeyRef"})}
    for found in listed:
        metadata, spec = found["metadata"], found.get("spec") or {}
        owners = {(owner["kind"], owner["name"]) for owner in metadata.get("ownerReferences", ())}
        if _key(found) in own or owners & judged or found["kind"] == "PersistentVolumeClaim":
            continue
        labels = metadata.get("labels") or {}
        template = (spec.get("jobTemplate", {}).get("spec") or spec).get("template") or {}
        started = labels if found["kind"] == "Pod" else template.get("metadata", {}).get("labels", {})
        if (
            labels.get("app.kubernetes.io/instance") == release
            or any(_selects({"app": pod["app"]}, started) for pod in pods if "app" in pod)
            or any(_selects(_selector(found["kind"], spec), pod) for pod in pods)
            or not names.isdisjoint((*_texts(spec), labels.get("kubernetes.io/service-name")))
        ):
            yield " ".join(_key(found))


def _key(found: Mapping[str, Any]) -> tuple[str, str]:
    return found["kind"], found["metadata"]["name"]


def _selector(kind: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the labels of the pods that an object is for; those of no pod if it is for none."""
    selector = spec.get("podSelector" if kind == "NetworkPolicy" else "selector")
    closed = (
        kind == "NetworkPolicy" and not spec.get("ingress") and "Egress" not in spec.get("policyTypes", ())
    )
    # Network policies are additive: one that allows nothing does not restrict another.
    if selector is None or closed:
        return {"": "none"}
    found: Mapping[str, Any] = selector if kind == "Service" else selector.get("matchLabels", {})
    return found


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a document."""
    if isinstance(value, Mapping):
        value = [*value.values()]
    if isinstance(value, list):
        for own in value:
            yield from _texts(own)
    elif isinstance(value, str):
        yield value


def _named(value: Any, keys: set[str]) -> Iterator[str]:
    """Yield the names of what references below these keys lead to."""
    if isinstance(value, Mapping):
        yield from (own["name"] for key, own in value.items() if key in keys)
        value = [*value.values()]
    for own in value if isinstance(value, list) else ():
        yield from _named(own, keys)


def exposed(listed: Objects, values: str, data: Mapping[str, str]) -> Iterator[str]:
    """Yield where a value of the Secret stands outside it, without the value.

    `values` are those of the release, `data` are the Secret's.
    """
    places = {f"{found['kind']} {found['metadata']['name']}": json.dumps(found) for found in listed}
    for name, encoded in data.items():
        value = base64.b64decode(encoded).decode(errors="replace")
        if len(value) >= _SHORTEST_SECRET:
            forms = (json.dumps(value)[1:-1], encoded)
            for place, text in {**places, "the values of the release": values}.items():
                if any(form in text for form in forms):
                    yield f"{place} has the value of {name}"


async def connections(
    kubectl: Kubectl, names: Mapping[str, str], ports: Mapping[str, int]
) -> dict[str, bool]:
    """Return between which pods of a release connections are possible.

    `names` are those of what the pods belong to, as in deployment/todo-backend, and `ports` of the services.
    """
    node = (
        "require('net').connect({port},'{host}').on('connect',()=>process.exit(0))"
        ".on('error',()=>process.exit(1)).setTimeout(3000,()=>process.exit(1))"
    )
    ways = {
        "frontend": ["node", "-e", node],
        "backend": ["python", "-c", "import socket; socket.create_connection(('{host}', {port}), 3)"],
        "postgresql": ["timeout", "3", "bash", "-c", "</dev/tcp/{host}/{port}"],
    }
    found = {}
    for source, service in (("frontend", "backend"), ("backend", "postgresql"), ("postgresql", "backend")):
        for host, port in ((host, port) for host, port in ports.items() if service in host):
            words = [word.replace("{host}", host).replace("{port}", str(port)) for word in ways[source]]
            done = await kubectl.complete("exec", names[source], "--", *words, seconds=20)
            if "NotFound" in done.errors or "forbidden" in done.errors:
                raise ClusterError(done.errors)
            found[f"{source} to {service}"] = done.code == 0
    return found


def _selects(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())
