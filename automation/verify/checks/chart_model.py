"""The objects that the contract requires of the rendered chart, by kind and name."""

import re
from collections.abc import Mapping
from typing import Any

from automation.contract.contract import Contract
from automation.contract.models import SERVICES, Kubernetes, Probe
from automation.verify.facts import Chart, Document

_CHECKSUM = re.compile("[0-9a-f]{64}")
_DATABASE = {"app": "todo-postgresql", "tier": "database"}
_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
_PG_READY = {"exec": {"command": ["pg_isready", "-U", "todo", "-h", "127.0.0.1"]}}
_NODE = {"name": "NODE_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}
_DRAIN_SECONDS, _GRACE_SECONDS = 5, 45
_STARTUP_PATHS = {"backend": "/ready", "frontend": "/health"}


def required(contract: Contract, chart: Chart) -> Document:
    """Return the objects that the contract requires of a rendering."""
    rules = contract.profile.kubernetes
    return _Model(contract, rules, chart).objects() if rules else {}


class _Model:
    def __init__(self, contract: Contract, rules: Kubernetes, chart: Chart) -> None:
        self._contract, self._rules, self._chart = contract, rules, chart
        self._name = f"{chart.release}-{rules.chart}"
        self._own = {"app.kubernetes.io/instance": chart.release}
        self._config = {"configMapRef": {"name": rules.config_map}}
        self._secret = {"secretRef": {"name": rules.secret}}
        self._selectors = {name: {"app": own.name, "tier": own.tier} for name, own in self._workloads.items()}

    @property
    def _workloads(self) -> Mapping[str, Any]:
        return {name: getattr(self._rules, name) for name in SERVICES}

    def objects(self) -> Document:
        """Return all objects."""
        rules, name = self._rules, self._name
        made: Document = {
            f"ServiceAccount {name}": {
                **self._head("v1", name, "identity"),
                "automountServiceAccountToken": False,
            },
            f"ConfigMap {rules.config_map}": {
                **self._head("v1", rules.config_map, "configuration"),
                "data": self._data(),
            },
            f"Job {name}-migrations-1": self._migrations(),
        }
        for component, workload in self._workloads.items():
            made[f"Deployment {workload.name}"] = self._deployment(component)
            made[f"Service {workload.service}"] = self._service(component)
            replicas = self._replicas(component)
            if replicas > 1:
                budget = {"maxUnavailable": 1, "selector": {"matchLabels": self._selectors[component]}}
                made[f"PodDisruptionBudget {name}-{component}"] = {
                    **self._head("policy/v1", f"{name}-{component}", component),
                    "spec": budget,
                }
        for component in ("health", "sign-up-to-task"):
            made[f"Pod {name}-test-{component}"] = self._test(component)
        test = {**self._own, "app.kubernetes.io/component": "test"}
        made |= self._policy("frontend", self._selectors["frontend"], "http")
        made |= self._policy("backend", self._selectors["backend"], "http", self._selectors["frontend"], test)
        if self._chart.database:
            made |= self._database()
            migrations = {**self._own, "app.kubernetes.io/component": "migrations"}
            made |= self._policy(
                "postgresql", _DATABASE, "postgresql", self._selectors["backend"], migrations
            )
        return made

    def _labels(self, component: str) -> Document:
        return {
            "helm.sh/chart": f"{self._rules.chart}-{self._rules.chart_version}",
            "app.kubernetes.io/name": self._rules.chart,
            "app.kubernetes.io/instance": self._chart.release,
            "app.kubernetes.io/version": self._rules.application_version,
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/component": component,
        }

    def _head(self, version: str, name: str, component: str, **labels: str) -> Document:
        metadata = {"name": name, "labels": {**self._labels(component), **labels}}
        return {"apiVersion": version, "metadata": metadata}

    def _replicas(self, component: str) -> int:
        return 1 if self._chart.development else int(self._workloads[component].replicas)

    def _data(self) -> Document:
        return {
            **self._rules.config,
            "AGENT_PROVIDER": self._contract.profile.backend.environment.provider,
            "FORWARDED_ALLOW_IPS": "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fd00::/8",
            "LOG_LEVEL": "debug" if self._chart.development else "info",
            "TRUSTED_ORIGINS": "http://localhost:*",
        }

    def _deployment(self, component: str) -> Document:
        rules, workload, selector = self._rules, self._workloads[component], self._selectors[component]
        annotations: Document = {"checksum/config": _CHECKSUM}
        port = self._contract.profile.service(component).port
        if component == "backend":
            scrape = {"scrape": "true", "path": "/metrics", "port": str(port)}
            annotations |= {f"prometheus.io/{key}": value for key, value in scrape.items()}
        made = self._head("apps/v1", workload.name, component, **selector)
        made["metadata"]["annotations"] = {"todo-chatbot/revision": "1"}
        pod = self._pod(component, self._container(component, port))
        steps = {"maxSurge": rules.max_surge, "maxUnavailable": rules.max_unavailable}
        made["spec"] = {
            "replicas": self._replicas(component),
            "revisionHistoryLimit": 5,
            "selector": {"matchLabels": selector},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": steps},
            "template": {
                "metadata": {"labels": {**self._labels(component), **selector}, "annotations": annotations},
                "spec": {
                    **pod,
                    "terminationGracePeriodSeconds": _GRACE_SECONDS,
                    "topologySpreadConstraints": [
                        {
                            "maxSkew": 1,
                            "topologyKey": key,
                            "whenUnsatisfiable": "ScheduleAnyway",
                            "labelSelector": {"matchLabels": {"app": workload.name}},
                            "matchLabelKeys": ["pod-template-hash"],
                        }
                        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
                    ],
                },
            },
        }
        return made

    def _pod(self, component: str, container: Document) -> Document:
        """Return the specification of pods that run as the contract's user, without rights in the cluster."""
        user = self._contract.profile.service("frontend" if component == "frontend" else "backend").user
        return {
            **_restricted(user.uid, user.gid),
            "serviceAccountName": self._name,
            "containers": [container],
        }

    def _container(self, component: str, port: int) -> Document:
        probes, rules = self._workloads[component], self._rules
        drain = {"name": "DRAIN_SECONDS", "value": str(_DRAIN_SECONDS)}
        if component == "frontend":
            environment: list[Document] = [
                {"name": "HOSTNAME", "value": "0.0.0.0"},  # noqa: S104 - the Service reaches no other address of the pod
                {"name": "BEHIND_PROXY", "value": "no"},
                drain,
            ]
        else:
            origins = f"http://[$(NODE_IP)]:{rules.frontend.node_port},http://localhost:*"
            environment = [
                drain,
                _NODE,
                {"name": "TRUSTED_ORIGINS", "value": origins},
                *self._database_address(),
            ]
        return {
            **self._image(component),
            "name": component,
            "ports": [{"name": "http", "containerPort": port}],
            "envFrom": [self._config] if component == "frontend" else [self._config, self._secret],
            "env": environment,
            "resources": {"requests": rules.requests.model_dump(), "limits": rules.limits.model_dump()},
            "readinessProbe": self._probe(probes.readiness, soon=True),
            "livenessProbe": self._probe(probes.liveness, soon=False),
            "startupProbe": {
                "httpGet": {"path": _STARTUP_PATHS[component], "port": "http"},
                "initialDelaySeconds": 0 if self._chart.development else probes.readiness.initial_delay_s,
                "periodSeconds": 1,
                "timeoutSeconds": 1,
                "failureThreshold": 60,
            },
        }

    def _probe(self, probe: Probe, *, soon: bool) -> Document:
        early = soon and self._chart.development
        return {
            "httpGet": {"path": probe.path, "port": "http"},
            "initialDelaySeconds": 0 if early else probe.initial_delay_s,
            "periodSeconds": 2 if early else probe.period_s,
            "timeoutSeconds": probe.timeout_s,
            "failureThreshold": 3,
        }

    def _image(self, component: str) -> Document:
        image = self._contract.profile.service(component).image
        return {
            "image": f"{image}:latest",
            "imagePullPolicy": self._rules.pull_policy,
            "securityContext": _SECURITY,
        }

    def _database_address(self) -> list[Document]:
        if not self._chart.database:
            return []
        url = f"postgresql://todo:$(POSTGRES_PASSWORD)@{self._name}-postgresql:5432/todo"
        return [self._password(), {"name": "DATABASE_URL", "value": url}]

    def _password(self) -> Document:
        key = {"name": self._rules.secret, "key": "POSTGRES_PASSWORD"}
        return {"name": "POSTGRES_PASSWORD", "valueFrom": {"secretKeyRef": key}}

    def _service(self, component: str) -> Document:
        workload = self._workloads[component]
        port: Document = {"name": "http", "port": workload.service_port, "targetPort": "http"}
        spec: Document = {"type": workload.service_type, "selector": self._selectors[component]}
        if workload.service_type == "NodePort":
            port["nodePort"] = workload.node_port
            spec |= {"externalTrafficPolicy": "Cluster", "sessionAffinity": "ClientIP"}
        return {**self._head("v1", workload.service, component), "spec": {**spec, "ports": [port]}}

    def _migrations(self) -> Document:
        seconds = "240" if self._chart.database else "30"
        container = {
            **self._image("backend"),
            "name": "migrations",
            "command": ["python", "-m", "app.database.migrate", "--wait", seconds],
            "envFrom": [self._config, self._secret],
            "resources": {
                "requests": self._rules.requests.model_dump(),
                "limits": self._rules.limits.model_dump(),
            },
        }
        if self._chart.database:
            container["env"] = self._database_address()
        drained = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
        return {
            **self._head("batch/v1", f"{self._name}-migrations-1", "migrations"),
            "spec": {
                "backoffLimit": 0,
                "activeDeadlineSeconds": 300,
                "podFailurePolicy": {"rules": [drained]},
                "template": {
                    "metadata": {"labels": self._labels("migrations")},
                    "spec": {**self._pod("migrations", container), "restartPolicy": "Never"},
                },
            },
        }

    def _test(self, name: str) -> Document:
        rules = self._rules
        addresses = {
            "FRONTEND": f"http://{rules.frontend.service}:{rules.frontend.service_port}",
            "ORIGIN": f"http://$(NODE_IP):{rules.frontend.node_port}",
            "BACKEND": f"http://{rules.backend.service}:{rules.backend.service_port}",
        }
        variables = [{"name": key, "value": value} for key, value in addresses.items()]
        container = {
            **self._image("backend"),
            "name": "test",
            "command": ["python", "-c", self._chart.scripts[name.replace("-", "_")]],
            "env": [variables[0], _NODE, *variables[1:]],
            "resources": {
                "requests": {"cpu": "50m", "memory": "64Mi"},
                "limits": {"cpu": "500m", "memory": "128Mi"},
            },
        }
        made = self._head("v1", f"{self._name}-test-{name}", "test")
        made["metadata"]["annotations"] = {
            "helm.sh/hook": "test",
            "helm.sh/hook-delete-policy": "before-hook-creation",
        }
        spec = {"restartPolicy": "Never", "activeDeadlineSeconds": 60}
        return {**made, "spec": {**self._pod("test", container), **spec}}

    def _policy(
        self, component: str, selector: Mapping[str, str], port: str, *sources: Mapping[str, str]
    ) -> Document:
        rule: Document = {"ports": [{"port": port}]}
        if sources:
            rule["from"] = [{"podSelector": {"matchLabels": source}} for source in sources]
        name = f"{self._name}-{component}"
        spec = {"podSelector": {"matchLabels": selector}, "policyTypes": ["Ingress"], "ingress": [rule]}
        head = self._head("networking.k8s.io/v1", name, component)
        return {f"NetworkPolicy {name}": {**head, "spec": spec}}

    def _database(self) -> Document:
        name = f"{self._name}-postgresql"
        port = {"name": "postgresql", "containerPort": 5432}
        places = {
            "data": "/var/lib/postgresql/data",
            "run": "/var/run/postgresql",
            "temporary": "/tmp",  # noqa: S108 - a mount point in the container, for nobody else
        }
        fixed = {"POSTGRES_USER": "todo", "POSTGRES_DB": "todo", "PGDATA": f"{places['data']}/pgdata"}
        container = {
            "name": "postgresql",
            "image": "postgres:17",
            "imagePullPolicy": "IfNotPresent",
            "securityContext": _SECURITY,
            "ports": [port],
            "env": [*({"name": key, "value": value} for key, value in fixed.items()), self._password()],
            "resources": {
                "requests": {"cpu": "50m", "memory": "64Mi"},
                "limits": {"cpu": "500m", "memory": "256Mi"},
            },
            "startupProbe": {**_PG_READY, "periodSeconds": 1, "failureThreshold": 60},
            "readinessProbe": {**_PG_READY, "periodSeconds": 5},
            "livenessProbe": {**_PG_READY, "periodSeconds": 20, "timeoutSeconds": 5},
            "volumeMounts": [{"name": key, "mountPath": place} for key, place in places.items()],
        }
        claim = {
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
        pod = {
            **_restricted(999, 999),
            "terminationGracePeriodSeconds": 60,
            "containers": [container],
            "volumes": [{"name": key, "emptyDir": {}} for key in ("run", "temporary")],
        }
        listening = {"name": "postgresql", "port": 5432, "targetPort": "postgresql"}
        return {
            f"Service {name}": {
                **self._head("v1", name, "postgresql"),
                "spec": {"clusterIP": "None", "selector": _DATABASE, "ports": [listening]},
            },
            f"StatefulSet {name}": {
                **self._head("apps/v1", name, "postgresql"),
                "spec": {
                    "serviceName": name,
                    "replicas": 1,
                    "podManagementPolicy": "Parallel",
                    "selector": {"matchLabels": _DATABASE},
                    "template": {
                        "metadata": {"labels": {**self._labels("postgresql"), **_DATABASE}},
                        "spec": pod,
                    },
                    "volumeClaimTemplates": [claim],
                },
            },
        }


def _restricted(user: int, group: int) -> Document:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": group,
            "fsGroup": group,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
