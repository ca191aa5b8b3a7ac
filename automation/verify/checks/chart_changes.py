"""The changes that the chart's options require in its other objects, by path."""

from automation.contract.contract import Contract
from automation.contract.models import SERVICES
from automation.verify.facts import Chart, Document

ABSENT = "absent"
"""Stands for what an option removes."""


def changed(contract: Contract, chart: Chart) -> Document:
    """Return what the values in the chart's ci/everything.yaml change in other objects, by its path."""
    rules = contract.profile.kubernetes
    if rules is None:
        return {}
    name, frontend, backend = f"{chart.release}-{rules.chart}", rules.frontend, rules.backend
    pods = {service: f"Deployment {getattr(rules, service).name}.spec.template" for service in SERVICES}
    own = {service: f"{pods[service]}.spec.containers.{service}" for service in SERVICES}
    account, service = f"ServiceAccount {name}", f"Service {frontend.service}"
    data, address = f"ConfigMap {rules.config_map}.data", "https://todo.example.com"
    team, secret = {"example.com/team": "todo"}, [{"name": "registry"}]
    disk = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]}
    jobs = f"Job {name}-migrations-1.spec.template.spec"
    tests = [f"Pod {name}-test-{test}.spec" for test in ("health", "sign-up-to-task")]
    present = (
        own["backend"],
        f"{jobs}.containers.migrations",
        *(f"{test}.containers.test" for test in tests),
    )
    return {
        f"{account}.metadata.annotations": {"example.com/role": "todo"},
        f"{data}.FRONTEND_URL": address,
        f"{data}.TRUSTED_ORIGINS": f"{address},{address.replace('https', 'http')}",
        f"{service}.metadata.annotations": {"example.com/balancer": "internal"},
        f"{service}.spec.externalTrafficPolicy": "Local",
        f"NetworkPolicy {name}-backend.spec.ingress.0.from.2": {
            "namespaceSelector": {"matchLabels": {"team": "monitoring"}}
        },
        f"StatefulSet {name}-postgresql.spec.volumeClaimTemplates.0.spec.storageClassName": "standard",
        f"Ingress {name}.metadata.annotations": {"example.com/size": "1m"},
        f"Deployment {backend.name}.spec.replicas": 2,
        f"Deployment {frontend.name}.spec.strategy.rollingUpdate.maxSurge": "25%",
        **{f"{pod}.metadata.annotations.checksum/secret": "abc123" for pod in pods.values()},
        **{
            f"{pod}.metadata.annotations.{key}": value for pod in pods.values() for key, value in team.items()
        },
        **{f"{pods['frontend']}.metadata.labels.{key}": value for key, value in team.items()},
        **{f"{pod}.imagePullSecrets": secret for pod in (*(f"{one}.spec" for one in pods.values()), jobs)},
        f"{pods['frontend']}.spec.priorityClassName": "important",
        f"{pods['backend']}.spec.nodeSelector": {"disk": "fast"},
        f"{pods['backend']}.spec.tolerations": [{"key": "dedicated", "operator": "Exists"}],
        f"{pods['backend']}.spec.affinity": {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": disk}
        },
        f"{own['frontend']}.image": f"{contract.profile.frontend.image}@sha256:{'0' * 64}",
        f"{own['frontend']}.env.BEHIND_PROXY": ABSENT,
        f"{own['frontend']}.env.VERSION": {"name": "VERSION", "value": "v1.0.0"},
        f"{own['backend']}.env.NODE_IP": ABSENT,
        f"{own['backend']}.env.TRUSTED_ORIGINS": ABSENT,
        **{f"{one}.env.LOG_FORMAT": {"name": "LOG_FORMAT", "value": "json"} for one in present[:2]},
        **{f"{container}.imagePullPolicy": "IfNotPresent" for container in present},
        **{f"{test}.containers.test.env.ORIGIN.value": address for test in tests},
    }
