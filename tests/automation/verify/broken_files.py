"""A broken example for each check of Dockerfiles, build contexts and Compose files."""

from collections.abc import Callable
from typing import Any

from automation.contract.models import SERVICES
from automation.verify.facts import Building, Compositions, Context, Development, Document, Leaks, Template
from tests.automation.verify.verified import TEMPLATE, Break, Example, Scene, instead

COPIED = "FROM scratch AS runner\nCOPY --from=base /usr /usr\nCOPY --from=builder /out /app\n"
BOUND = {"type": "none", "o": "bind", "device": "/srv/data"}
SOURCES = {"type": "bind", "source": "backend"}
LEAK = "a Google key in a/file:7"
HARDENED = "no-new-privileges:true"
RIGHTS: dict[str, dict[str, Any]] = {
    "privileged": {"privileged": True},
    "root by name": {"user": "root"},
    "root": {"user": "0"},
    "root's group": {"user": "1001:0"},
    "another account": {"user": "1002:1002"},
    "a capability": {"cap_add": ["SYS_ADMIN"]},
    "a device": {"devices": [{"source": "/dev/kvm", "target": "/dev/kvm"}]},
    "no seccomp": {"security_opt": [HARDENED, "seccomp:unconfined"]},
    "no apparmor": {"security_opt": [HARDENED, "apparmor=unconfined"]},
    "the machine's processes": {"pid": "host"},
    "the machine's memory": {"ipc": "host"},
    "the machine's network": {"network_mode": "host"},
    "another's processes": {"pid": "service:backend"},
}
DEVELOPING: dict[str, dict[str, Any]] = {
    "development's image": {"image": "todo-backend:dev"},
    "development's file": {"build": {"dockerfile": "backend/Dockerfile.dev"}},
    "written in place": {"build": {"dockerfile_inline": "FROM scratch"}},
    "development's stage": {"build": {"target": "development"}},
    "another entry": {"entrypoint": ["/bin/sh", "-c"]},
    "reloading in a longer word": {"command": ["sh", "-c", "exec uvicorn app.main:app --reload-dir=/app"]},
    "reloading in a sentence": {"command": ["next dev --port 3000"]},
}
UNKNOWN: dict[str, dict[str, Any]] = {
    "a host": {"extra_hosts": {"backend": "203.0.113.1"}},
    "a label": {"labels": {"traefik.enable": "true"}},
    "no logs": {"logging": {"driver": "none"}},
    "less memory": {"mem_limit": "64000000"},
    "no time to stop": {"stop_grace_period": "1s"},
    "another folder": {"working_dir": "/"},
    "a key of tomorrow": {"tomorrow": "yes"},
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


def compose(service: str, *, development: bool = False, **changes: Any) -> Break:
    """Change values of a service, in every combination of files of this mode; None removes a key."""
    return changed(lambda document: merge(document["services"][service], changes), development)


def changed(change: Callable[[Document], None], development: bool = False) -> Break:
    def apply(broken: Scene) -> None:
        for composition in broken.whole[Compositions].every:
            if composition.development == development:
                change(composition.document)

    return apply


def merge(document: Document, changes: Document) -> None:
    for key, value in changes.items():
        if value is None:
            document.pop(key, None)
        elif isinstance(value, dict) and value:
            merge(document.setdefault(key, {}), value)
        else:
            document[key] = value


def network(document: Document) -> Document:
    found: Document = document["networks"]["todo-network"]
    return found


def another_service(document: Document) -> None:
    document["services"]["adminer"] = document["services"]["migrate"]


def waiting(service: str, **conditions: Any) -> Break:
    return compose(service, depends_on=conditions)


def variable(service: str, name: str, value: str) -> Break:
    return compose(service, environment={name: value})


def volume_of_sources(document: Document) -> None:
    merge(document["volumes"], {"sources": {"driver_opts": {**BOUND, "device": "/srv/app"}}})
    merge(document["services"]["frontend"], {"volumes": {"/app": {"type": "volume", "source": "sources"}}})


def stored(options: Document) -> Break:
    return changed(lambda document: merge(document["volumes"]["data"], {"driver_opts": options}))


FILES: list[Example] = [
    ("multi-stage", "one stage", lambda b: b.rewrite("backend", lambda _: "FROM python:3.11-slim\n")),
    ("multi-stage", "takes nothing", instead(COPIED, "FROM builder AS runner\n")),
    ("base", "another version", instead("python:3.11-slim", "python:3.10-slim")),
    ("base-tags", "latest", instead("FROM scratch", "FROM debian:latest")),
    ("base-tags", "no tag", instead("COPY --from=base /usr", "COPY --from=nginx /usr")),
    ("layer-order", "all copied first", instead("COPY requirements.txt ./", "COPY . .")),
    ("layer-order", "sources first", instead("RUN pip", "COPY src src\nRUN pip")),
    ("layer-order", "mounted", instead("RUN pip", "RUN --mount=type=bind,target=/src pip")),
    ("no-secret-arguments", "ARG", instead("RUN make", "ARG NPM_TOKEN\nRUN make")),
    ("no-secret-arguments", "ENV", instead("RUN make", "ENV NPM_TOKEN=none\nRUN make")),
    ("no-secret-arguments", "outside", lambda b: b.rewrite("backend", lambda text: f"ARG API_KEY\n{text}")),
    ("no-secret-instructions", "RUN", lambda b: b.change("backend", Leaks, dockerfile=(LEAK,))),
    ("no-secret-instructions", "COPY .env", instead("RUN make", "COPY .env ./\nRUN make")),
    ("context", ".env", context("backend/.env")),
    ("context", ".git", context(".git/HEAD")),
    ("context", "tests", context("backend/tests/test_main.py")),
    ("context", "modules", context("frontend/node_modules/next/x.js")),
    (
        "complete-context",
        "a feature",
        lambda b: b.change("backend", Context, left_out=("backend/src/app/mcp/server.py",)),
    ),
    ("context", "a token", lambda b: b.change("frontend", Leaks, context=(LEAK,))),
    ("build-rights", "all rights", instead("RUN make", "RUN --security=insecure make")),
    ("build-rights", "the machine's network", instead("RUN make", "RUN --network=host make")),
    ("build-rights", "the SSH agent", instead("RUN make", "RUN --mount=type=ssh make")),
    ("no-baked-addresses", "ARG", instead("RUN make", "ARG NEXT_PUBLIC_API_URL\nRUN make", "frontend")),
    ("no-baked-addresses", "ENV", instead("RUN make", "ENV API_URL=http://x\nRUN make", "frontend")),
    *(
        ("development-image", how, instead(old, new, kind=Development))
        for how, old, new in (
            ("another base", "FROM ${PYTHON_IMAGE}", "FROM python"),
            ("another server", "app.reloading", "app.main"),
            ("root", "USER ${UID}:${GID}\n", ""),
            ("another variable", "LANG=C.UTF-8", "LANG=C.UTF-8 PYTHONHTTPSVERIFY=0"),
            ("no health check", "HEALTHCHECK --", "HEALTHCHECK NONE --"),
        )
    ),
    ("build-steps", "one more", lambda b: b.change("backend", Building, steps=("RUN true",))),
    ("build-steps", "one less", lambda b: b.change("backend", Building, written=())),
    ("build-steps", "another image", lambda b: b.change("frontend", Building, images=("alpine:3.20",))),
    ("plain-build", "another port", lambda b: b.change("backend", Building, deviations=("PORT",))),
    ("builds-together", "one cache", caches("type=cache,target=/cache,sharing=locked")),
    ("builds-together", "one from the other", instead("FROM scratch", "FROM todo-frontend:dev")),
    ("settings-template", "not ignored", template(ignored=False)),
    ("settings-template", "no name", template(values={})),
    ("settings-template", "a value", template(values={**TEMPLATE, "FRONTEND_URL": "http://x"})),
    ("settings-template", "another setting", template(values={**TEMPLATE, "COMPOSE_FILE": ""})),
    ("settings-template", "another version", template(values={**TEMPLATE, "VERSION": "1.0"})),
    ("settings-template", "a secret", lambda b: b.change("", Leaks, template=(LEAK,))),
    ("no-default-secrets", "in the code", lambda b: b.change("", Leaks, defaults=(LEAK,))),
]  # fmt: skip

COMPOSE: list[Example] = [
    ("compose-files", "a name", lambda b: b.change("", Compositions, problems=("name in a file",))),
    ("compose-hardening", "writable root", compose("backend", read_only=None)),
    ("compose-hardening", "capabilities", compose("frontend", cap_drop=["NET_RAW"])),
    ("compose-hardening", "new privileges", compose("frontend", security_opt=[])),
    *(
        ("compose-hardening", f"{how}: {service}", compose(service, **changes))
        for service in (*SERVICES, "migrate")
        for how, changes in RIGHTS.items()
    ),
    *(
        ("compose-hardening", f"{how} in development", compose("backend", development=True, **changes))
        for how, changes in RIGHTS.items()
    ),
    ("compose-hardening", "the migration's root", compose("migrate", read_only=None)),
    ("compose-data", "a path", stored(BOUND)),
    ("compose-data", "in memory", stored({"type": "tmpfs"})),
    ("compose-data", "elsewhere", compose("migrate", volumes={"/data": {"source": "other"}})),
    ("compose-data", "memory of the container", compose("backend", volumes={"/data": {"type": "tmpfs"}})),
    ("compose-data", "without a name", compose("backend", volumes={"/data": {"source": None}})),
    ("compose-data", "none", compose("backend", volumes={"/data": None})),
    ("compose-services", "no waiting", compose("frontend", depends_on=None)),
    ("compose-services", "any start", waiting("frontend", backend={"condition": "service_started"})),
    ("compose-services", "any end", waiting("backend", migrate={"condition": "service_started"})),
    ("compose-services", "no health", compose("backend", healthcheck={"disable": True})),
    ("compose-services", "curl", compose("frontend", healthcheck={"test": ["CMD", "curl", "-f", "http://x"]})),
    ("compose-services", "a shell", compose("backend", healthcheck={"test": ["CMD-SHELL", "true"]})),
    ("compose-services", "other times", compose("backend", healthcheck={"interval": "1h"})),
    ("compose-services", "one more", changed(another_service)),
    ("compose-services", "one less", changed(lambda document: document["services"].pop("migrate"))),
    ("compose-network", "not on it", compose("backend", networks={"todo-network": None})),
    ("compose-network", "driver", changed(lambda made: network(made).update(driver="overlay"))),
    ("compose-network", "outside", changed(lambda made: network(made).update(external=True))),
    ("compose-ports", "another", compose("backend", ports={"8000": {"published": "8001"}})),
    ("compose-ports", "one of several", compose("backend", ports={"8000": {"published": "8000-8010"}})),
    ("compose-ports", "for everybody", compose("backend", ports={"8000": {"host_ip": None}})),
    ("compose-ports", "for the network", compose("backend", ports={"8000": {"host_ip": "0.0.0.0"}})),
    ("compose-ports", "another family", compose("backend", ports={"8000": {"host_ip": "::1"}})),
    ("compose-ports", "the migration's", compose("migrate", ports={"8000": {"published": "8001"}})),
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
    ("compose-environment", "lost", compose("backend", environment={})),
    ("restart-policy", "always", compose("backend", restart="always")),
    ("development-restart-policy", "always", compose("backend", development=True, restart="always")),
    ("production-mode", "mounted", compose("backend", volumes={"/app": SOURCES})),
    ("production-mode", "reloading", compose("backend", command=["uvicorn", "--reload"])),
    *(
        ("production-mode", f"{how}: {service}", compose(service, **changes))
        for service in (*SERVICES, "migrate")
        for how, changes in DEVELOPING.items()
    ),
    ("production-mode", "mounted as a volume", changed(volume_of_sources)),
    ("development-mounts", "none", compose("backend", development=True, volumes={"/app": None})),
    *(
        ("development-mounts", place, compose("frontend", development=True, volumes={place: None}))
        for place in ("/app/node_modules", "/app/.next")
    ),
    ("development-tag", "latest", compose("backend", development=True, image="todo-backend:latest")),
    *(
        ("compose-model", f"{how}: {service}", compose(service, development=development, **changes))
        for how, changes in UNKNOWN.items()
        for service, development in (("backend", False), ("frontend", True))
    ),
    ("compose-model", "a secret", changed(lambda document: document["secrets"].update(key={"file": "/k"}))),
]  # fmt: skip
