"""Measures a release in a minikube cluster: bringing images, installing, upgrading, serving.

Ports and addresses are those that the cluster chooses; everything is in a namespace of its own, which is
deleted in the end, as are the images on the node.
"""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime
from typing import Any

from tests.bench.clone import Clone, timed
from tests.bench.results import Measured
from tests.cluster.load import Person

PATIENCE_S = 120.0
WATCHED_S = 40.0
"""Seconds over which processors are watched."""
CONNECTIONS = 16
REQUESTS = 1500
REPLICAS = (1, 2, 4)
COMPONENTS = ("backend", "frontend")
DEVELOPERS = "deploy/helm/todo-chatbot-chart/values-dev.yaml"


class Cluster:
    """A release of a clone, in the cluster of kubectl's context."""

    def __init__(self, clone: Clone) -> None:
        """Take the clone."""
        self._clone = clone
        self._namespace = clone.mark
        self._images: dict[str, str] = {}

    def measure(self) -> Iterator[Measured]:
        """Measure everything. Raises RuntimeError where there is no minikube, or a task fails."""
        if shutil.which("minikube") is None or run("kubectl", "config", "current-context") != "minikube":
            raise RuntimeError("the context of kubectl is not minikube's: it is what is measured here")
        self._images = self._clone.images("--profile", "cluster")
        self._clone.invoke("env-init", "--profile", "cluster")
        # Known from the start: else an upgrade would follow, which gives the backend the port.
        with (self._clone.path / ".env").open("a", encoding="utf-8") as env:
            env.write("FRONTEND_URL=http://todo.example.com\n")
        try:
            yield from self._loading()
            yield from self._installing()
            yield from self._changing()
            yield from self._serving()
        finally:
            self._clone.invoke("helm-uninstall", "--namespace", self._namespace, "--data", "--yes")
            for image in self._images.values():
                run("minikube", "image", "rm", image)

    def _loading(self) -> Iterator[Measured]:
        loads: dict[str, list[float]] = {each: [] for each in self._images}
        for _ in range(self._clone.runs):
            for image in self._images.values():
                run("minikube", "image", "rm", image, check=False)
            told = json.loads(self._clone.invoke("minikube-load", "--json").splitlines()[-1])
            for each in told["images"]:
                loads[each["service"]].append(each["seconds"])
        for service, image in self._images.items():
            saved = [timed(self._save, image) for _ in range(self._clone.runs)]
            yield Measured(f"{service}, load both at once", "s", loads[service], "docker image save", saved)

    def _installing(self) -> Iterator[Measured]:
        for name, words in (("", ()), (", developer's", ("--values", DEVELOPERS))):
            values, floor = [], []
            for _ in range(self._clone.runs):
                self._uninstall()
                floor.append(timed(self._nothing))
                values.append(timed(self._install, *words))
            yield Measured(f"install{name}", "s", values, "a pod that does nothing", floor)
            yield Measured(f"install again{name}", "s", [timed(self._install, *words)])
            for component in COMPONENTS:
                ready = [self._replaced(component) for _ in range(self._clone.runs)]
                yield Measured(f"pod of the {component}{name}", "s", ready)

    def _changing(self) -> Iterator[Measured]:
        self._uninstall()
        self._install()
        levels = ("debug", "info")
        values = [
            timed(self._install, "--set", f"config.LOG_LEVEL={levels[number % 2]}")
            for number in range(self._clone.runs)
        ]
        yield Measured("upgrade, two rollouts", "s", values)
        memory, processors = self._used(lambda: time.sleep(WATCHED_S))
        yield Measured("the release, idle", "MiB", [memory])
        yield Measured("the release, idle", "m", [processors])

    def _serving(self) -> Iterator[Measured]:
        one: list[float] = []
        for replicas in REPLICAS:
            # From one address, one frontend would serve it all.
            spread = ("--set", "frontend.service.sessionAffinity=None")
            self._install(*spread, "--set", f"backend.replicaCount={replicas}")
            rates: list[float] = []

            def serve(rates: list[float] = rates) -> None:
                rates += [asyncio.run(throughput(self._address())) for _ in range(self._clone.runs)]

            memory, processors = self._used(serve)
            one = one or rates
            yield Measured(f"reads, replicas: {replicas}", "/s", rates, "one replica", one)
            yield Measured(f"meanwhile, replicas: {replicas}", "MiB", [memory])
            yield Measured(f"meanwhile, replicas: {replicas}", "m", [processors])

    def _install(self, *words: str) -> None:
        chosen = ("--namespace", self._namespace, "--set", "frontend.service.nodePort=0")
        self._clone.invoke("helm-install", *chosen, *words)

    def _uninstall(self) -> None:
        self._clone.invoke("helm-uninstall", "--namespace", self._namespace, "--data", "--yes")

    def _address(self) -> str:
        [port] = self._get("service", "todo-frontend-service")["spec"]["ports"]
        [node, *_] = self._get("nodes")["items"]
        [host] = [each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP"]
        return f"http://{host}:{port['nodePort']}"

    def _nothing(self) -> None:
        name = f"{self._clone.mark}-nothing"
        waiting = ("--command", "--", "python", "-c", "import time; time.sleep(600)")
        own = ("--image", self._images["backend"], "--image-pull-policy=Never")
        try:
            run("kubectl", "run", name, "--namespace=default", *own, *waiting)
            run(
                "kubectl",
                "wait",
                "--namespace=default",
                "--for=condition=Ready",
                f"pod/{name}",
                "--timeout=60s",
            )
        finally:
            run("kubectl", "delete", "pod", name, "--namespace=default", "--now", "--wait=false")

    def _replaced(self, component: str) -> float:
        """Return the seconds from the scheduling of a pod to its readiness, when it replaces another."""
        before = {each["metadata"]["name"]: each["metadata"] for each in self._pods(component)}
        chosen = next(name for name, each in before.items() if "deletionTimestamp" not in each)
        self._kubectl("delete", "pod", chosen, "--wait=false")
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for pod in self._pods(component):
                when = {
                    each["type"]: each["lastTransitionTime"]
                    for each in pod["status"].get("conditions", ())
                    if each["status"] == "True"
                }
                if pod["metadata"]["name"] not in before and "Ready" in when:
                    took = datetime.fromisoformat(when["Ready"]) - datetime.fromisoformat(
                        when["PodScheduled"]
                    )
                    return took.total_seconds()
            time.sleep(0.2)
        raise RuntimeError(f"a pod of the {component} is not ready after {PATIENCE_S:.0f} s")

    def _used(self, work: Callable[[], object]) -> tuple[float, float]:
        """Return the MiB that the release has in the end, and its mean millicores while the work lasts."""
        seen: dict[str, dict[float, dict[str, float]]] = {}
        began = time.time()
        with ThreadPoolExecutor(1) as pool:
            working = pool.submit(work)
            while not working.done():
                for pod, told in self._statistics().items():
                    # The kubelet looks at a pod every ten seconds or so: what it saw before is not ours.
                    if told["at"] >= began:
                        seen.setdefault(pod, {})[told["at"]] = told
                wait([working], timeout=1)
            working.result()
        cores = memory = 0.0
        # Without the pods that were only on their way out.
        for samples in (seen.get(pod, {}) for pod in self._statistics()):
            if not samples:
                raise RuntimeError("the kubelet has not looked at a pod: measure longer, with more --runs")
            first, last = samples[min(samples)], samples[max(samples)]
            if last["at"] == first["at"]:
                raise RuntimeError(
                    "the kubelet has looked at a pod only once: measure longer, with more --runs"
                )
            cores += (last["cores"] - first["cores"]) / (last["at"] - first["at"])
            memory += last["memory"]
        return memory / 2**20, cores * 1000

    def _statistics(self) -> dict[str, dict[str, float]]:
        [node, *_] = self._get("nodes")["items"]
        name = node["metadata"]["name"]
        told = json.loads(run("kubectl", "get", "--raw", f"/api/v1/nodes/{name}/proxy/stats/summary"))
        return {
            each["podRef"]["name"]: {
                "at": datetime.fromisoformat(each["cpu"]["time"]).timestamp(),
                "cores": each["cpu"]["usageCoreNanoSeconds"] / 1e9,
                "memory": each["memory"]["workingSetBytes"],
            }
            for each in told["pods"]
            if each["podRef"]["namespace"] == self._namespace
            and each.get("cpu", {}).get("usageCoreNanoSeconds")
        }

    def _pods(self, component: str) -> list[dict[str, Any]]:
        return list(self._get("pods", f"--selector=app=todo-{component}")["items"])

    def _get(self, *words: str) -> Any:
        return json.loads(self._kubectl("get", *words, "--output=json"))

    def _kubectl(self, *words: str) -> str:
        return run("kubectl", "--namespace", self._namespace, *words)

    def _save(self, image: str) -> None:
        with (self._clone.path / "saved").open("wb") as file:
            subprocess.run(["docker", "image", "save", image], stdout=file, check=True)


async def throughput(address: str) -> float:
    """Return the answered reads of a person's tasks a second, over connections that stay open."""
    person = await Person.sign_up(address)
    for number in range(20):
        made = await person.client.post(
            "/api/tasks", json={"title": f"Task {number}"}, headers=person.headers
        )
        assert made.status_code == 201, made.text
    left = REQUESTS

    async def ask() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            answer = await person.client.get("/api/tasks", headers=person.headers)
            assert answer.status_code == 200, answer.text

    began = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    seconds = time.perf_counter() - began
    await person.client.aclose()
    return REQUESTS / seconds


def run(*words: str, check: bool = True) -> str:
    """Return what a program printed. Raises RuntimeError when it fails, unless that does not matter."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if done.returncode and check:
        raise RuntimeError(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()
