"""Each rule of the contracts is judged by a check, and each check fails when its rule is broken, alone."""

import asyncio
import dataclasses
import itertools
import types
import typing
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from automation import settings
from automation.console.errors import UsageError
from automation.contract import models, profiles
from automation.contract.models import SERVICES
from automation.docker.archive import File, Layer
from automation.docker.cli import Docker
from automation.paths import ROOT
from automation.process.programs import Completed
from automation.verify import report
from automation.verify.check import Finding, Outcome, chosen, not_applicable, registered
from automation.verify.facts import (
    Builds,
    ComposeService,
    Config,
    Configured,
    Container,
    Context,
    Developing,
    Development,
    Endurance,
    HealthCheck,
    Misconfigured,
    Names,
    Pair,
    Process,
    Production,
    Reloading,
    Source,
    Stop,
    Template,
    Unconfigured,
)
from automation.verify.gather import sandbox
from automation.verify.gather.composition import read_service
from automation.verify.gather.content import Content, Contents, Searched
from automation.verify.verifier import Verifier
from tests.automation.verify.verified import LABELS, OK, Scene, file, made_by, scene

Break = Callable[[Scene], None]
PROFILES = profiles.names()
MB = 10**6


def config(**changes: Any) -> Break:
    return lambda broken: broken.change("backend", Config, **changes)


def container(**changes: Any) -> Break:
    return lambda broken: broken.change("backend", Container, **changes)


def endurance(**changes: Any) -> Break:
    return lambda broken: broken.change("backend", Endurance, **changes)


def context(*files: str) -> Break:
    return lambda broken: broken.change("backend", Context, files=("backend/src/app/main.py", *files))


def pair(**changes: Any) -> Break:
    return lambda broken: broken.change("", Pair, **changes)


def files(*added: File, service: str = "backend") -> Break:
    return lambda broken: broken.add_files(service, *added)


def instead(old: str, new: str, service: str = "backend", kind: type[Any] = Source) -> Break:
    return lambda broken: broken.rewrite(service, lambda text: text.replace(old, new), kind)


def template(**changes: Any) -> Break:
    return lambda broken: broken.change("", Template, **changes)


def caches(mount: str) -> Break:
    def change(broken: Scene) -> None:
        for service in SERVICES:
            instead("RUN make", f"RUN --mount={mount} make", service)(broken)

    return change


def compose(kind: type[Any], service: str, **changes: Any) -> Break:
    def change(broken: Scene) -> None:
        services: dict[str, ComposeService] = dict(broken.whole[kind].services)
        services[service] = replace(services[service], **changes)
        broken.change("", kind, services=services)

    return change


def environment(**variables: str) -> Break:
    def change(broken: Scene) -> None:
        now: Config = broken.facts["backend"][Config]
        broken.change("backend", Config, environment={**now.environment, **variables})

    return change


def lost(name: str) -> Break:
    def change(broken: Scene) -> None:
        now: Config = broken.facts["frontend"][Config]
        kept = {each: value for each, value in now.environment.items() if each != name}
        broken.change("frontend", Config, environment=kept)

    return change


def health(**changes: Any) -> Break:
    def change(broken: Scene) -> None:
        now: HealthCheck = broken.facts["backend"][Config].health
        broken.change("backend", Config, health=replace(now, **changes))

    return change


def size(service: str, total: int) -> Break:
    def change(broken: Scene) -> None:
        missing = total - broken.facts[service][Content].size
        broken.add_files(service, file("/app/large", size=missing))

    return change


def both_sizes(backend: int, frontend: int) -> Break:
    def change(broken: Scene) -> None:
        size("backend", backend)(broken)
        size("frontend", frontend)(broken)

    return change


def leak(broken: Scene) -> None:
    content: Content = broken.facts["backend"][Content]
    layer = Layer((file("/app/key"),), {"/app/key": Searched(("a private key",))})
    gone: Layer[Searched] = Layer((file("/app/.wh.key"),))
    broken.facts["backend"][Content] = Content((*content.layers, layer, gone), content.config)


def history(step: str) -> Break:
    def change(broken: Scene) -> None:
        content: Content = broken.facts["backend"][Content]
        broken.facts["backend"][Content] = Content(content.layers, made_by(*content.history, step))

    return change


def without(path: str, service: str) -> Break:
    """Delete a file, as a later layer does."""
    folder, _, name = path.rpartition("/")
    return files(file(f"{folder}/.wh.{name}"), service=service)


COPIED = "FROM scratch AS runner\nCOPY --from=base /usr /usr\nCOPY --from=builder /out /app\n"
SHELL = File("/bin/sh", "link", 0o777, 0, 0, 0, "/bin/box")
TYPESCRIPT = "/app/node_modules/typescript/package.json"
TOKEN = "npm_" + "a1B2c3D4e" * 4
TEXT = replace(OK, is_json=False)
HOME = "/root"
"""Where a build step of an image, which root runs, leaves its caches."""
SITE = "/opt/venv/lib/python3.11/site-packages"
KEY = "sk-proj-" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z"

WAITING = {"backend": "service_healthy"}
BOUND = {"type": "none", "o": "bind", "device": "/srv/data"}
RIGHTS: dict[str, dict[str, Any]] = {
    "privileged": {"privileged": True},
    "root by name": {"user": "root"},
    "root": {"user": "0"},
    "root's group": {"user": "1001:0"},
    "another account": {"user": "1002:1002"},
    "a capability": {"cap_add": ("SYS_ADMIN",)},
    "a device": {"devices": ("/dev/kvm",)},
    "no seccomp": {"security_options": ("no-new-privileges:true", "seccomp:unconfined")},
    "no apparmor": {"security_options": ("no-new-privileges:true", "apparmor=unconfined")},
    "the machine's processes": {"namespaces": {"pid": "host"}},
    "the machine's memory": {"namespaces": {"ipc": "host"}},
    "the machine's network": {"namespaces": {"network_mode": "host"}},
    "another's processes": {"namespaces": {"pid": "service:backend"}},
}
DEVELOPING: dict[str, dict[str, Any]] = {
    "development's image": {"image": "todo-backend:dev"},
    "development's file": {"dockerfile": "backend/Dockerfile.dev"},
    "written in place": {"dockerfile": "inline"},
    "development's stage": {"target": "development"},
    "another entry": {"entrypoint": ("/bin/sh", "-c")},
    "reloading in a longer word": {"command": ("sh", "-c", "exec uvicorn app.main:app --reload-dir=/app")},
    "reloading in a sentence": {"command": ("next dev --port 3000",)},
}


def another_service(broken: Scene) -> None:
    services = broken.whole[Production].services
    broken.change("", Production, services={**services, "adminer": services["migrate"]})


def waiting(service: str, **conditions: str) -> Break:
    return compose(Production, service, depends_on=conditions)


def variable(service: str, name: str, value: str) -> Break:
    def change(broken: Scene) -> None:
        now = broken.whole[Production].services[service].environment
        compose(Production, service, environment={**now, name: value})(broken)

    return change


def volume_of_sources(broken: Scene) -> None:
    broken.change("", Production, volumes={"data": {}, "sources": {**BOUND, "device": "/srv/app"}})
    compose(Production, "frontend", named={"/app": "sources"})(broken)


BROKEN: list[tuple[str, str, Break]] = [
    ("multi-stage", "one stage", lambda b: b.rewrite("backend", lambda _: "FROM python:3.11-slim\n")),
    ("multi-stage", "takes nothing", instead(COPIED, "FROM builder AS runner\n")),
    ("base", "another version", instead("python:3.11-slim", "python:3.10-slim")),
    ("base-tags", "latest", instead("FROM scratch", "FROM debian:latest")),
    ("base-tags", "no tag", instead("COPY --from=base /usr", "COPY --from=nginx /usr")),
    ("development-base-tags", "latest", instead("python:3.11-slim", "python", kind=Development)),
    ("layer-order", "all copied first", instead("COPY backend/requirements.txt ./", "COPY . .")),
    ("layer-order", "sources first", instead("RUN pip", "COPY backend/src src\nRUN pip")),
    ("layer-order", "mounted", instead("RUN pip", "RUN --mount=type=bind,target=/src pip")),
    ("no-secret-arguments", "ARG", instead("RUN make", "ARG NPM_TOKEN\nRUN make")),
    ("no-secret-arguments", "ENV", instead("RUN make", f"ENV SOMETHING={KEY}\nRUN make")),
    ("no-secret-arguments", "outside", lambda b: b.rewrite("backend", lambda text: f"ARG API_KEY\n{text}")),
    ("no-secret-instructions", "RUN", instead("RUN make", f"RUN OPENAI_API_KEY={KEY} make")),
    ("no-secret-instructions", "COPY .env", instead("RUN make", "COPY backend/.env ./\nRUN make")),
    ("context", ".env", context("backend/.env")),
    ("context", ".git", context(".git/HEAD")),
    ("context", "tests", context("backend/tests/test_main.py")),
    ("context", "modules", context("frontend/node_modules/next/x.js")),
    ("context", "a token", lambda b: b.change("frontend", Context, leaks=("an npm token in .npmrc",))),
    ("no-baked-addresses", "ARG", instead("RUN make", "ARG NEXT_PUBLIC_API_URL\nRUN make", "frontend")),
    ("no-baked-addresses", "ENV", instead("RUN make", "ENV API_URL=http://x\nRUN make", "frontend")),
    ("development-command", "another", instead("app.reloading", "app.main", kind=Development)),
    ("builds-together", "one cache", caches("type=cache,target=/cache,sharing=locked")),
    ("builds-together", "one from the other", instead("FROM scratch", "FROM todo-frontend:dev")),
    ("development-user", "root", instead("USER 1001:1001\n", "", kind=Development)),
    ("development-user", "root by name", instead("USER 1001:1001", "USER root", kind=Development)),
    ("settings-template", "not ignored", template(ignored=False)),
    ("settings-template", "no name", template(names=())),
    ("settings-template", "a secret", template(leaks=("a Google key in .env.example",))),
    ("no-default-secrets", "in the code", template(defaults=("backend/src/app/settings.py:7",))),
    ("compose-hardening", "writable root", compose(Production, "backend", read_only=False)),
    ("compose-hardening", "capabilities", compose(Production, "frontend", cap_drop=("NET_RAW",))),
    ("compose-hardening", "new privileges", compose(Production, "frontend", security_options=())),
    *(
        ("compose-hardening", f"{how}: {service}", compose(Production, service, **changes))
        for service in (*SERVICES, "migrate")
        for how, changes in RIGHTS.items()
    ),
    *(
        ("compose-hardening", f"{how} in development", compose(Developing, "backend", **changes))
        for how, changes in RIGHTS.items()
    ),
    ("compose-hardening", "the migration's root", compose(Production, "migrate", read_only=False)),
    ("compose-data", "a path", lambda b: b.change("", Production, volumes={"data": BOUND})),
    ("compose-data", "in memory", lambda b: b.change("", Production, volumes={"data": {"type": "tmpfs"}})),
    ("compose-data", "elsewhere", compose(Production, "migrate", named={"/data": "other"})),
    ("compose-data", "none", compose(Production, "backend", named={})),
    ("compose-services", "no waiting", compose(Production, "frontend", depends_on={})),
    ("compose-services", "any start", waiting("frontend", backend="service_started")),
    ("compose-services", "any end", waiting("backend", migrate="service_started")),
    ("compose-services", "no health", compose(Production, "backend", health_check=("NONE",))),
    ("compose-services", "curl", compose(Production, "frontend", health_check=("CMD", "curl", "-f", "http://x"))),
    ("compose-services", "a shell", compose(Production, "backend", health_check=("CMD-SHELL", "true"))),
    ("compose-services", "other times", compose(Production, "backend", health_check=())),
    ("compose-services", "one more", another_service),
    ("compose-network", "not on it", compose(Production, "backend", networks=("default",))),
    ("compose-network", "driver", lambda b: b.change("", Production, networks={"todo-network": "overlay"})),
    ("compose-ports", "another", compose(Production, "backend", ports=((8001, 8000),))),
    ("compose-ports", "for everybody", compose(Production, "backend", addresses=("",))),
    ("compose-ports", "for the network", compose(Production, "backend", addresses=("0.0.0.0",))),
    ("compose-ports", "the migration's", compose(Production, "migrate", ports=((8001, 8000),))),
    *(
        ("compose-environment", f"{name} for the frontend", variable("frontend", name, "secret"))
        for name in ("JWT_SECRET", "OPENROUTER_API_KEY", "DATABASE_URL")
    ),
    ("compose-environment", "a secret by another name", variable("frontend", "SALT", "value")),
    ("compose-environment", "unset for the frontend", variable("frontend", "OPENAI_API_KEY", "")),
    *(
        ("compose-environment", f"trusts {value}", variable("backend", "FORWARDED_ALLOW_IPS", value))
        for value in ("*", "198.19.0.10,*", "0.0.0.0/0")
    ),
    ("compose-environment", "lost", compose(Production, "backend", environment={})),
    ("restart-policy", "always", compose(Production, "backend", restart="always")),
    ("development-restart-policy", "always", compose(Developing, "backend", restart="always")),
    ("production-mode", "mounted", compose(Production, "backend", mounts={"/app": "backend"})),
    ("production-mode", "reloading", compose(Production, "backend", command=("uvicorn", "--reload"))),
    *(
        ("production-mode", f"{how}: {service}", compose(Production, service, **changes))
        for service in (*SERVICES, "migrate")
        for how, changes in DEVELOPING.items()
    ),
    ("production-mode", "mounted as a volume", volume_of_sources),
    ("development-mounts", "none", compose(Developing, "backend", mounts={})),
    ("development-mounts", "modules", compose(Developing, "frontend", volumes=("/app/.next",))),
    ("development-tag", "latest", compose(Developing, "backend", image="todo-backend:latest")),
    ("size", "one byte over", size("backend", 150 * MB + 1)),
    ("user", "root", config(user="")),
    ("user", "root by name", config(user="root")),
    ("user", "another", config(user="1002:1002")),
    ("port", "another", config(ports=("8080/tcp",))),
    ("port", "one more", config(ports=("22/tcp", "8000/tcp"))),
    ("workdir", "root", config(workdir="/")),
    ("command", "another", config(command=("python", "main.py"))),
    ("command", "a shell", config(entrypoint=("/usr/bin/tini", "--", "/bin/sh", "-c"))),
    ("command", "reloading", lambda b: config(command=(*b.profile.backend.command, "--reload"))(b)),
    ("init", "none", config(entrypoint=())),
    ("health-check", "none", config(health=None)),
    ("health-check-times", "interval", health(interval_s=60.0)),
    ("health-check-times", "retries", health(retries=1)),
    ("health-check-program", "curl", health(test=("CMD", "curl", "-f", "http://localhost:8000/health"))),
    ("health-check-program", "shell form", health(test=("CMD-SHELL", "python -m app.healthcheck"))),
    ("health-check-program", "a shell", health(test=("CMD", "sh", "-c", "python -m app.healthcheck"))),
    ("health-check-path", "another", environment(HEALTH_PATH="/")),
    ("health-check-path", "in words", health(test=("CMD", "ask", "http://127.0.0.1:8000/api/health"))),
    ("labels", "missing", config(labels={k: v for k, v in LABELS.items() if not k.endswith("revision")})),
    ("labels", "no version", config(labels={**LABELS, "org.opencontainers.image.version": "newest"})),
    ("labels", "no time", config(labels={**LABELS, "org.opencontainers.image.created": "today"})),
    ("tags", "latest", config(tags=("todo-backend:v1.0.0",))),
    ("fixed-environment", "lost", lost("NODE_ENV")),
    ("open-environment", "an address", environment(DATABASE_URL="postgresql://db.internal/todo")),
    ("path", "not first", environment(PATH="/usr/bin:/opt/venv/bin")),
    ("packages", "elsewhere", files(file("/usr/lib/python3/site-packages/six-1.0.dist-info/METADATA"))),
    ("application", "elsewhere", without("/app/app/main.py", "backend")),
    ("output", "no server", without("/app/server.js", "frontend")),
    ("programs", "a shell", files(file("/bin/sh", mode=0o755))),
    ("programs", "a compiler", files(file("/usr/bin/x86_64-linux-gnu-gcc-14", mode=0o755))),
    ("programs", "npm", files(file("/usr/local/bin/npm", mode=0o755), service="frontend")),
    ("programs", "pip", files(file("/opt/venv/bin/pip3.11", mode=0o755))),
    ("programs", "curl", files(file("/usr/bin/curl", mode=0o755))),
    ("programs", "a link", files(file("/bin/box", mode=0o755), SHELL)),
    ("caches", "pip", files(file(f"{HOME}/.cache/pip/http/a"))),
    ("caches", "apt", files(file("/var/lib/apt/lists/deb_Packages"))),
    ("caches", "deleted later", files(file(f"{HOME}/.npm/_cacache/a"), file(f"{HOME}/.wh..npm"))),
    ("development-packages", "pytest", files(file(f"{SITE}/pytest-9.2.0.dist-info/METADATA"))),
    ("development-packages", "tsc", files(file(TYPESCRIPT), service="frontend")),
    ("package-database", "gone", without("/var/lib/dpkg/status.d/libc6", "backend")),
    ("privileged-files", "setuid", files(file("/usr/bin/su", mode=0o4755))),
    ("writable-places", "the application", files(file("/app/app/x.py", owner=1001))),
    ("writable-places", "everybody's", files(file("/app", kind="directory", mode=0o777))),
    ("no-secret-in-layers", "deleted later", leak),
    ("no-secret-in-config", "a key", environment(SOMETHING=KEY)),
    ("no-secret-in-config", "a label", config(labels={**LABELS, "built-with": KEY})),
    ("no-secret-in-history", "an argument", history(f"RUN |1 NPM_TOKEN={TOKEN} /bin/sh -c npm")),
    ("no-secret-in-history", "a word", history("RUN |1 PASSWORD=correct-horse-battery /bin/sh -c make")),
    ("build-time", "slow", lambda b: b.change("backend", Builds, cold_s=300.5)),
    ("rebuild-time", "slow", lambda b: b.change("backend", Builds, rebuild_s=60.5)),
    ("start-time", "slow", container(first_answer_s=30.1)),
    ("healthy", "never", container(healthy_s=None)),
    ("health-answer", "500 once", container(health=(OK, replace(OK, status=500)))),
    ("health-time", "over a second", container(health=(OK, replace(OK, milliseconds=1000.5)))),
    ("health-json", "text", container(health_pages={"/health": OK, "/api/health": TEXT})),
    ("process-user", "root", container(processes=(Process(1, 0, 0, "uvicorn"),))),
    ("read-only-root", "writes", container(read_only="Read-only file system: /app/state")),
    ("read-only-root", "may write", container(writable=("/data", "/app"))),
    ("reaps-zombies", "left", container(zombies=1)),
    ("graceful-stop", "gone before", endurance(stop=None)),
    ("graceful-stop", "killed", endurance(stop=Stop(10.0, -1, answered=True))),
    ("graceful-stop", "dropped", endurance(stop=Stop(0.5, 143, answered=False))),
    ("graceful-stop", "crashed", endurance(stop=Stop(0.5, 1, answered=True))),
    ("restart", "stayed down", endurance(restarted_s=None)),
    ("restart", "slow", endurance(restarted_s=30.1)),
    ("idle-memory", "over", endurance(memory_mb=200.1)),
    ("idle-processor", "busy", endurance(cpus=0.21)),
    ("environment", "lost", lambda b: b.change("backend", Configured, missing=("DATABASE_URL",))),
    ("port-setting", "deaf", lambda b: b.change("frontend", Configured, answers=False)),
    ("api-address", "baked", pair(address_reached="GET /api/tasks: 502")),
    ("service-to-service-time", "slow", pair(service_to_service_ms=500.5)),
    ("service-to-service-time", "unreached", pair(service_to_service_ms=None)),
    ("database-connection-time", "slow", pair(database_connection_ms=2000.5)),
    ("database-connection-time", "untold", pair(database_connection_ms=None)),
    ("first-page-time", "slow", pair(first_page_ms=3000.5)),
    ("first-page-time", "empty", pair(first_page_files=0)),
    ("end-to-end", "slow", pair(end_to_end_ms=5000.5)),
    ("end-to-end", "broken", pair(end_to_end="POST /api/tasks: 500")),
    ("chat", "no tool", pair(chat="the reply names no call of add_task")),
    ("refused-environment", "started", lambda b: b.change("backend", Misconfigured, exit_code=None)),
    ("refused-environment", "silent", lambda b: b.change("backend", Misconfigured, named=("VERSION",))),
    ("model-key", "not read", lambda b: b.change("backend", Configured, agent="offline")),
    ("required-environment", "started", lambda b: b.change("backend", Unconfigured, exit_code=None)),
    ("required-environment", "silent", lambda b: b.change("backend", Unconfigured, named=())),
    ("hot-reload-time", "slow", lambda b: b.change("backend", Reloading, milliseconds=3000.5)),
]  # fmt: skip

BROKEN_OF_TASKFLOW: list[tuple[str, str, Break]] = [
    ("build-arguments", "no ARG", instead("ARG PYTHONUNBUFFERED=1", "")),
    ("build-base", "another version", instead("node:24-alpine", "node:22-alpine", "frontend")),
    ("gzip", "as it is", lambda b: b.change("frontend", Container, page_encoding="")),
    ("packages", "an environment", files(file("/opt/venv/pyvenv.cfg"))),
    ("writable-places", "no logs", without("/app/logs", "backend")),
    ("output", "no pages", without("/usr/share/nginx/html/index.html", "frontend")),
]


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_of_which_everything_holds_fails_nothing(name: str) -> None:
    assert [each for each in scene(name).findings() if each.outcome is Outcome.FAILED] == []


@pytest.mark.parametrize(("rule", "how", "broken"), BROKEN, ids=[f"{rule}: {how}" for rule, how, _ in BROKEN])
def test_a_broken_rule_fails_its_check_and_no_other(rule: str, how: str, broken: Break) -> None:
    made = scene()
    broken(made)
    assert made.failed() == {rule}
    [*found] = [each for each in made.findings() if each.outcome is Outcome.FAILED]
    assert all(each.required and each.observed and each.remedy for each in found)


@pytest.mark.parametrize(
    ("rule", "how", "broken"),
    BROKEN_OF_TASKFLOW,
    ids=[f"{rule}: {how}" for rule, how, _ in BROKEN_OF_TASKFLOW],
)
def test_a_broken_rule_of_the_static_profile_fails_its_check_and_no_other(
    rule: str, how: str, broken: Break
) -> None:
    made = scene("taskflow")
    broken(made)
    assert made.failed() == {rule}


@pytest.mark.parametrize(
    ("document", "field", "seen"),
    [
        ({"user": "0"}, "user", "0"),
        ({"privileged": True}, "privileged", True),
        ({"cap_add": ["NET_ADMIN"]}, "cap_add", ("NET_ADMIN",)),
        ({"devices": [{"source": "/dev/kvm", "target": "/dev/kvm"}]}, "devices", ("/dev/kvm",)),
        ({"pid": "host", "network_mode": "host"}, "namespaces", {"pid": "host", "network_mode": "host"}),
        ({"entrypoint": ["/bin/sh"]}, "entrypoint", ("/bin/sh",)),
        ({"healthcheck": {"disable": True}}, "health_check", ("NONE",)),
        ({"healthcheck": {"test": ["CMD", "curl"]}}, "health_check", ("CMD", "curl")),
        ({"healthcheck": {"interval": "1h"}}, "health_check", ()),
        ({}, "health_check", None),
        ({"build": {"dockerfile": "backend/Dockerfile.dev"}}, "dockerfile", "backend/Dockerfile.dev"),
        ({"build": {"dockerfile_inline": "FROM scratch"}}, "dockerfile", "inline"),
        ({"ports": [{"target": 80, "published": "8000-8010"}]}, "ports", ((0, 80),)),
        ({"ports": [{"target": 80, "published": "80", "host_ip": "::1"}]}, "addresses", ("::1",)),
        ({"depends_on": {"backend": {"condition": "service_healthy"}}}, "depends_on", WAITING),
        ({"environment": {"OPENAI_API_KEY": None}}, "environment", {"OPENAI_API_KEY": ""}),
        ({"volumes": [{"type": "volume", "target": "/data"}]}, "named", {}),
        ({"volumes": [{"type": "tmpfs", "target": "/data"}]}, "named", {}),
        ({"volumes": [{"type": "volume", "source": "data", "target": "/data"}]}, "named", {"/data": "data"}),
    ],
)  # fmt: skip
def test_what_compose_says_of_a_service_is_read(document: dict[str, Any], field: str, seen: object) -> None:
    assert getattr(read_service(document, ROOT), field) == seen


def test_there_is_a_broken_example_for_each_check() -> None:
    broken = {rule for rule, _, _ in (*BROKEN, *BROKEN_OF_TASKFLOW)}
    of_clusters = {each.name for each in registered() if each.name.startswith("cluster-")}
    assert {*broken, "size-together"} == {each.name for each in registered()} - of_clusters


def test_a_budget_is_kept_to_the_byte() -> None:
    made = scene()
    both_sizes(150 * MB, 200 * MB)(made)
    assert made.failed() == set()


def test_two_images_can_be_too_large_together() -> None:
    made = scene("cluster")
    both_sizes(150 * MB, 200 * MB + 1)(made)
    assert made.failed() == {"size-together"}


def test_a_base_that_was_replaced_is_said_and_not_judged() -> None:
    made = scene()
    for service, old in (("backend", "python:3.11-slim"), ("frontend", "node:24-alpine")):
        text = made.dockerfile(service).replace(old, "debian:13")
        made.rewrite(service, lambda _, text=text: text)  # type: ignore[misc]
        made.change(service, Source, replaced={old: "debian:13"})
    found = {each.rule: each for each in made.findings() if each.rule in {"base", "build-base"}}
    assert {each.outcome for each in found.values()} == {Outcome.NOT_APPLICABLE}
    assert found["build-base"].observed == "built on debian:13 instead of node:24-alpine"


def test_a_family_of_rules_that_do_not_apply_for_one_reason_is_one_line_of_the_table() -> None:
    why = "the profile is not one for Kubernetes"
    family = [not_applicable("a release", why) for _ in range(4)]
    named = [
        replace(each, rule=f"cluster-{name}", service=service)
        for each, (name, service) in zip(
            family, itertools.product(("labels", "probes"), SERVICES), strict=True
        )
    ]
    passed = Finding("12", "12", Outcome.PASSED, rule="cluster-size")
    alone = replace(not_applicable("gzip", "the frontend is a Node server"), rule="gzip", service="frontend")
    rows = report.as_table([passed, *named, alone], 120)[1:]
    assert [each.split()[:2] for each in rows] == [
        ["passed", "cluster-size"],
        ["–", "cluster-*"],
        ["–", "gzip"],
    ]
    assert "4 findings" in rows[1]
    assert why in rows[1]
    few = report.as_table(named[:2], 120)[1:]
    assert [each.split()[1] for each in few] == ["cluster-labels", "cluster-labels"]


def test_a_tag_that_another_profile_holds_is_said_and_not_judged() -> None:
    made = scene("uv")
    for service in SERVICES:
        made.change(service, Config, tags=(f"todo-{service}:0123456789ab",))
        made.change(service, Names, planned=(f"todo-{service}:0123456789ab",))
    [*found] = [each for each in made.findings() if each.rule == "tags"]
    assert [each.outcome for each in found] == [Outcome.NOT_APPLICABLE] * 2
    assert found[0].observed == "latest belongs to another profile here"


def test_a_container_that_did_not_start_fails_what_looks_at_it_with_the_reason() -> None:
    made = scene()
    made.change("backend", Container, failure="ended with exit code 3", remedy="read its logs")
    found = [each for each in made.findings() if each.outcome is Outcome.FAILED]
    assert {each.observed for each in found} == {"ended with exit code 3"}
    assert {each.service for each in found} == {"backend"}
    assert {"start-time", "health-time", "read-only-root"} <= {each.rule for each in found}


@dataclasses.dataclass
class Reading:
    """What has been read of a contract."""

    keys: set[str] = dataclasses.field(default_factory=set)

    def watch(self, value: Any, prefix: str) -> Any:
        """Return the value, each of whose fields says when it is read."""
        if not isinstance(value, models.Model):
            return value
        names = set(type(value).model_fields)
        keys = self.keys

        def read(watched: Any, name: str) -> Any:
            if name in names:
                keys.add(f"{prefix}.{name}")
            return object.__getattribute__(watched, name)

        def body(namespace: dict[str, Any]) -> None:
            namespace |= {"__getattribute__": read, "__module__": kind.__module__}

        kind = type(value)
        watched: Any = object.__new__(types.new_class(kind.__name__, (kind,), exec_body=body))
        for name in names:
            object.__setattr__(watched, name, self.watch(getattr(value, name), f"{prefix}.{name}"))
        return watched


def keys_of(kind: Any, prefix: str) -> set[str]:
    """Return every key of a contract that has a value."""
    found = set()
    for name, field in kind.model_fields.items():
        hint = field.annotation
        if isinstance(hint, types.UnionType):
            [hint] = [each for each in typing.get_args(hint) if each is not types.NoneType]
        key = f"{prefix}.{name}"
        is_table = isinstance(hint, type) and issubclass(hint, models.Model)
        found |= keys_of(hint, key) if is_table else {key}
    return found


def test_every_key_of_the_contracts_is_read_by_a_check() -> None:
    reading = Reading()
    for name in PROFILES:
        made = scene(name)
        made.profile, made.rules = reading.watch(made.profile, "profile"), reading.watch(made.rules, "rules")
        made.findings()
    asked = keys_of(models.Profile, "profile") | keys_of(models.Rules, "rules")
    unread = {key for key in asked - reading.keys if not key.startswith("profile.kubernetes")}
    # A title, and the sentence below it.
    assert unread == {"profile.name", "profile.summary"}


def test_checks_are_chosen_by_name_and_near_names_are_told() -> None:
    assert [each.name for each in chosen(["size", "port"])] == ["port", "size"]
    assert len(chosen([])) == len(registered())
    with pytest.raises(UsageError) as wrong:
        chosen(["helth-time"])
    assert "health-time" in wrong.value.why


def test_each_check_says_what_it_looks_for() -> None:
    for each in registered():
        assert each.summary.endswith("."), each.name
        assert each.needs, each.name


def test_contents_are_of_both_images() -> None:
    made = scene()
    assert made.whole[Contents].backend is made.facts["backend"][Content]


@pytest.mark.parametrize(
    "given", ["no such:image", "--help", "a:b:c", "UPPER", "todo-backend:", "../x", "-a"]
)
def test_what_is_no_image_s_name_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="not the name of an image"):
        Verifier(settings.load({}), (), lambda _: None, images={"backend": given})


@pytest.mark.parametrize(
    "given",
    [
        "todo-backend",
        "todo-backend:v1.0.0",
        "localhost:5000/a/b_c:X",
        "Host.example/a",
        f"a@sha256:{'0' * 64}",
        f"sha256:{'0' * 64}",
        "0123456789ab",
    ],
)
def test_an_image_s_name_is_taken(given: str) -> None:
    Verifier(settings.load({}), (), lambda _: None, images={"backend": given})


def test_an_image_that_is_not_there_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    daemon = Daemon()
    monkeypatch.setattr(Docker, "find", lambda _: daemon)
    verifier = Verifier(
        settings.load({}), chosen(["start-time"]), lambda _: None, images={"backend": "none:here"}
    )
    with pytest.raises(UsageError, match="there is no image none:here"):
        asyncio.run(verifier.verify(profiles.load(), ()))
    assert daemon.asked == ["images none:here"]


class Daemon:
    """A Docker that makes what it was asked for also when nobody waits for it any more."""

    def __init__(self) -> None:
        self.there: dict[str, set[str]] = {"container": set(), "network": set(), "volume": set()}
        self.asked: list[str] = []

    async def images(self, *references: str) -> dict[str, Any]:
        self.asked.append(f"images {' '.join(references)}")
        return {}

    async def run(self, *words: str, **_options: Any) -> str:
        self.asked.append(" ".join(words[:2]))
        kind, name = ("network", words[-1]) if words[0] == "network" else ("container", "made")
        asyncio.get_running_loop().call_later(0.05, self.there[kind].add, name)
        await asyncio.sleep(0.1)
        return "{}"

    async def complete(self, *words: str, **_options: Any) -> Completed:
        there = self.there[words[0]]
        if words[1] == "ls":
            return Completed(0, "\n".join(there), "")
        if words[0] == "network" and self.there["container"]:
            return Completed(1, "", "network has active endpoints")
        there -= {*words[2:]}
        return Completed(0, "", "")


@pytest.mark.parametrize("late", [0.0, 0.3], ids=["at once", "while it is removed"])
def test_what_is_made_while_another_fails_is_removed_with_the_rest(late: float) -> None:
    daemon = Daemon()

    async def fail() -> None:
        await asyncio.sleep(0)
        if late:
            # By somebody else, who will have removed it soon.
            daemon.there["container"] |= {"other"}
            asyncio.get_running_loop().call_later(late, daemon.there["container"].clear)
        raise OSError("the other one")

    async def work() -> None:
        async with sandbox.opened(cast("Docker", daemon), "helper") as lab, asyncio.TaskGroup() as group:
            group.create_task(lab.look_inside("a", "0:0"))
            group.create_task(lab.create("image"))
            group.create_task(fail())

    async def whole() -> None:
        with pytest.raises(ExceptionGroup):
            await work()
        await asyncio.sleep(0.2)

    asyncio.run(whole())
    assert daemon.there == {"container": set(), "network": set(), "volume": set()}
