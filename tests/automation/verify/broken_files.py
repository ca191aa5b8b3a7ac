"""A broken example for each check of Dockerfiles, build contexts and Compose files."""

from dataclasses import replace
from typing import Any

from automation.contract.models import SERVICES
from automation.verify.facts import (
    ComposeService,
    Context,
    Developing,
    Development,
    Production,
    Template,
)
from tests.automation.verify.verified import KEY, Break, Example, Scene, instead

COPIED = "FROM scratch AS runner\nCOPY --from=base /usr /usr\nCOPY --from=builder /out /app\n"
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


def context(*files: str) -> Break:
    return lambda broken: broken.change("backend", Context, files=("backend/src/app/main.py", *files))


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


FILES: list[Example] = [
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
]  # fmt: skip

COMPOSE: list[Example] = [
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
]  # fmt: skip
