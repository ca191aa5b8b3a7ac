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
    """Yield the objects that belong to the release or lead to its pods, and were not rendered."""
    own = {(found["kind"], found["metadata"]["name"]) for found in rendered}
    templates = [found["spec"]["template"] for found in rendered if "template" in found.get("spec", {})]
    pods = [template["metadata"]["labels"] for template in templates]
    for found in listed:
        kind, metadata = found["kind"], found["metadata"]
        if (kind, metadata["name"]) in own or metadata.get("ownerReferences"):
            continue
        labels, spec = metadata.get("labels", {}), found.get("spec", {})
        test = labels.get("app.kubernetes.io/component") == "test"
        named = labels.get("app.kubernetes.io/instance") == release and not test
        if kind == "Pod":
            named = named or any(_selects({"app": own.get("app")}, labels) for own in pods if "app" in own)
        selector = spec.get("selector") if kind == "Service" else None
        if kind == "NetworkPolicy" and spec.get("ingress"):
            selector = spec.get("podSelector", {}).get("matchLabels", {})
        if named or (selector is not None and any(_selects(selector, pod) for pod in pods)):
            yield f"{kind} {metadata['name']}"


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
