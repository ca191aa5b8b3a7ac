"""The address of a release: at a node's port, and from this machine."""

import asyncio
import json
import time
from http import HTTPStatus

from automation.console.events import Emit, Notice, step
from automation.contract.models import Workload
from automation.kubernetes.commands import ClusterError
from automation.kubernetes.target import MINIKUBE, Place
from automation.process import addresses, supervisor

_TIMEOUT_SECONDS = 15.0
_PAUSE_SECONDS = 0.25
_PATH = "/api/auth/ok"
"""The frontend forwards this path: an answer proves that the frontend and the backend are reached."""


async def current(place: Place, frontend: Workload, port: int | str = 0) -> str:
    """Return the address at a node of the cluster, empty if the frontend's service has no node port.

    0 stands for the port that the service has already.
    """
    found, nodes = await asyncio.gather(
        place.kubectl.complete("get", "service", frontend.service, "--output=json"),
        place.kubectl.items("nodes"),
    )
    if not port and found.code == 0:
        port = json.loads(found.output)["spec"]["ports"][0].get("nodePort", 0)
    internal = (
        address["address"]
        for node in nodes
        for address in node["status"]["addresses"]
        if address["type"] == "InternalIP"
    )
    return f"http://{addresses.bracketed(next(internal, 'localhost'))}:{port}" if port else ""


async def refusal(place: Place, frontend: Workload) -> str:
    """Return why the application does not answer through its service, empty if it does."""
    service = f"/api/v1/namespaces/{place.kubectl.namespace}/services/{frontend.service}:http"
    done = await place.kubectl.complete("get", "--raw", f"{service}/proxy{_PATH}")
    # A user who may not ask this way learns nothing from it.
    return "" if not done.code or "is forbidden" in done.errors else " ".join(done.errors.split())


async def reach(place: Place, frontend: Workload, origin: str, emit: Emit, *, through: bool = True) -> str:
    """Return the address that answers from this machine; if none does, suggest a way and return "".

    Raises ClusterError if the application does not answer `through` its service either.
    """
    candidates = [origin, f"http://localhost:{origin.rpartition(':')[2]}"] if origin else []
    with step(emit, "address") as running:
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        async with supervisor.client() as asking:
            # A node forwards to a new service only after up to a second.
            while candidates and time.monotonic() < deadline:
                for address in candidates:
                    if await supervisor.answer(asking, f"{address}{_PATH}") == HTTPStatus.OK:
                        running.detail = f"{address} answers"
                        return address
                await asyncio.sleep(_PAUSE_SECONDS)
        running.detail = "not reachable from this machine"
        if through and (why := await refusal(place, frontend)):
            namespace = place.kubectl.namespace
            raise ClusterError(
                f"the application does not answer through the service {frontend.service} in {namespace}",
                why=why,
                remedies=[f"{place.kubectl} get endpointslices,networkpolicies", "invoke logs"],
            )
    service, namespace = frontend.service, place.kubectl.namespace
    if place.target.kind == MINIKUBE:
        cluster = place.target.cluster
        way = f"minikube --profile {cluster} service {service} --namespace {namespace} --url"
    else:
        forward = f"port-forward service/{service} 3000:{frontend.service_port}"
        way = f"kubectl --namespace {namespace} {forward}"
    emit(Notice((f"The cluster's nodes cannot be reached from this machine. Run:   {way}",)))
    return ""
