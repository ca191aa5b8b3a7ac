"""A broken example for each check of an image's config, contents and build times."""

from dataclasses import replace
from typing import Any

from automation.docker.archive import File, Layer
from automation.verify.facts import Builds, Config, HealthCheck, ImageLeaks, Names
from automation.verify.gather.content import Content, Searched
from tests.automation.verify.verified import (
    LABELS,
    MB,
    Break,
    Example,
    Scene,
    file,
    files,
    size,
    without,
)

SHELL = File("/bin/sh", "link", 0o777, 0, 0, 0, "/bin/box")
TYPESCRIPT = "/app/node_modules/typescript/package.json"
HOME = "/root"
"""Place of the caches of an image's build step, which root runs."""
SITE = "/opt/venv/lib/python3.11/site-packages"


CAPABILITY = (("security.capability", "\1\0\0\2"),)
UNKNOWN = [
    file(f"{SITE}/fastapi/other.pyc"),
    file(f"{SITE}/other.pth"),
    file("/usr/local/lib/python3.11/other.pyc"),
    file("/usr/local/lib/python3.11/lib-dynload/other.so"),
    file("/app/app/other.py"),
    file("/app/app/__pycache__/other.cpython-311.pyc"),
    file("/app/app/main.so"),
    file("/app/node_modules/other/index.js"),
    file("/app/.next/server/other.sh"),
    file("/etc/ld.so.preload"),
    file("/etc/cron.d/other"),
    file("/usr/lib/x86_64-linux-gnu/other"),
    file("/etc/nginx/other.conf"),
    file("/opt/other"),
    file("/dev/other", kind="other"),
]
UNUSUAL = [
    file("/etc/passwd", mode=0o600),
    file("/etc/group", mode=0o755),
    file("/app/app/main.py", owner=1),
    replace(file("/app/app/main.py"), gid=1001),
    file("/app/app", kind="directory", mode=0o711),
    file("/data", kind="directory", mode=0o700, owner=1001),
]


def text(path: str, content: str) -> Break:
    def change(broken: Scene) -> None:
        now: Content = broken.facts["backend"][Content]
        layer = Layer((file(path),), {path: Searched(text=content)})
        broken.facts["backend"][Content] = Content((*now.layers, layer), now.config)

    return change


def addresses(*found: str) -> Break:
    def change(broken: Scene) -> None:
        now: Content = broken.facts["frontend"][Content]
        page = "/app/.next/static/a.js"
        layer = Layer((file(page),), {page: Searched(addresses=found)})
        broken.facts["frontend"][Content] = Content((*now.layers, layer), now.config)

    return change


def config(**changes: Any) -> Break:
    return lambda broken: broken.change("backend", Config, **changes)


def environment(**variables: str) -> Break:
    def change(broken: Scene) -> None:
        now: Config = broken.facts["backend"][Config]
        broken.change("backend", Config, environment={**now.environment, **variables})

    return change


def lost(name: str) -> Break:
    def change(broken: Scene) -> None:
        now: Config = broken.facts["frontend"][Config]
        kept = {variable: value for variable, value in now.environment.items() if variable != name}
        broken.change("frontend", Config, environment=kept)

    return change


def health(**changes: Any) -> Break:
    def change(broken: Scene) -> None:
        now: HealthCheck = broken.facts["backend"][Config].health
        broken.change("backend", Config, health=replace(now, **changes))

    return change


def leaked(part: str) -> Break:
    return lambda broken: broken.change("backend", ImageLeaks, **{part: ("a private key in /app/key",)})


IMAGES: list[Example] = [
    ("size", "one byte over", size("backend", 150 * MB + 1)),
    ("user", "root", config(user="")),
    ("user", "root by name", config(user="root")),
    ("user", "one more group", text("/etc/group", "root:x:0:appuser\nappuser:x:1001:\n")),
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
    ("command", "more", lambda b: config(command=(*b.profile.backend.command, "--workers", "4"))(b)),
    *(
        ("image-config", name, environment(**{name: value}))
        for name, value in {
            "NODE_OPTIONS": "--require=/tmp/x.js",
            "UVICORN_WORKERS": "4",
            "FORWARDED_ALLOW_IPS": "*",
            "LD_PRELOAD": "/app/x.so",
            "PYTHONPATH": "/tmp",
            "UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN": "60",
            "VERSION": "v9.9.9",
            "PORT": "8001",
        }.items()
    ),
    ("image-config", "a label", config(labels={**LABELS, "maintainer": "somebody"})),
    ("image-config", "a stop signal", config(other={"StopSignal": "SIGKILL"})),
    ("image-config", "a shell", config(other={"Shell": ["/bin/bash", "-c"]})),
    ("image-config", "on build", config(on_build=("RUN true",))),
    ("image-config", "a wrapper", config(entrypoint=("/usr/bin/tini", "--", "wrapper"))),
    ("image-config", "health at start", health(start_interval_s=5.0)),
    ("labels", "missing", config(labels={k: v for k, v in LABELS.items() if not k.endswith("revision")})),
    ("labels", "no version", config(labels={**LABELS, "org.opencontainers.image.version": "newest"})),
    ("labels", "no time", config(labels={**LABELS, "org.opencontainers.image.created": "today"})),
    ("label-values", "another commit", lambda b: b.change("backend", Names, has_revision=False)),
    (
        "label-values",
        "another repository",
        config(labels={**LABELS, "org.opencontainers.image.source": "https://example.com/other"}),
    ),
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
    ("privileged-files", "a capability", files(replace(file("/usr/bin/tini"), attributes=CAPABILITY))),
    *(("file-origins", f"an unknown {found.path}", files(found)) for found in UNKNOWN),
    *(("file-origins", f"another mode or owner of {found.path}", files(found)) for found in UNUSUAL),
    ("writable-places", "the application", files(file("/app/app/x.py", owner=1001))),
    ("writable-places", "everybody's", files(file("/app", kind="directory", mode=0o777))),
    *((f"no-secret-in-{part}", "a secret", leaked(part)) for part in ("layers", "config", "history")),
    ("browser-addresses", "a service", addresses("https://react.dev", "http://backend:8000")),
    ("browser-addresses", "this machine", addresses("http://localhost")),
    ("build-time", "slow", lambda b: b.change("backend", Builds, cold_s=300.5)),
    ("rebuild-time", "slow", lambda b: b.change("backend", Builds, rebuild_s=60.5)),
]  # fmt: skip
