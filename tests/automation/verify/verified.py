"""Facts of a profile that keeps its contract, for tests to break."""

import copy
import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from automation.contract import profiles
from automation.contract.comparison import Maybe
from automation.contract.contract import Contract
from automation.contract.models import SERVICES, Profile, Rules
from automation.docker.archive import File, Layer
from automation.docker.dockerfile import parse
from automation.images.plan import image_arguments
from automation.paths import ROOT
from automation.verify.check import Finding, Outcome, registered
from automation.verify.checks.compose_model import required
from automation.verify.facts import (
    Answer,
    Building,
    Builds,
    Charts,
    Composition,
    Compositions,
    Config,
    Configured,
    Container,
    Context,
    Development,
    Endurance,
    HealthCheck,
    HealthTrial,
    ImageLeaks,
    Installs,
    Leaks,
    Locks,
    Misconfigured,
    Names,
    Packages,
    Pair,
    Process,
    Refusals,
    Released,
    Reloading,
    Renderings,
    Source,
    Stop,
    Template,
    Unconfigured,
)
from automation.verify.gather.composition import COMBINATIONS, SETTINGS
from automation.verify.gather.content import Content, Searched

Facts = dict[type[Any], Any]
MB = 10**6
KEY = "sk-proj-" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z"
ANSWERS: dict[str, Any] = json.loads((ROOT / "tests/mutants/serving.json").read_text(encoding="utf-8"))[
    "answers"
]
"""Answers of the web server of a static frontend."""
NGINX = {
    f"/etc/nginx/{path.name}": path.read_text(encoding="utf-8")
    for path in (ROOT / "frontend/image/nginx").glob("*.conf")
}
TEMPLATE = {
    name: "v1.0.0" if name == "VERSION" else ""
    for name in re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
}
OK = Answer(200, "application/json", is_json=True, milliseconds=5)
LABELS = {
    "org.opencontainers.image.version": "v1.0.0",
    "org.opencontainers.image.created": "2026-11-21T12:00:00+00:00",
    "org.opencontainers.image.revision": "0123456789ab",
    "org.opencontainers.image.source": "https://github.com/todo-chatbot/todo-chatbot",
}


@dataclass
class Scene:
    """A profile and everything that was observed of it."""

    profile: Profile
    rules: Rules
    whole: Facts
    facts: dict[str, Facts]

    def findings(self) -> Iterator[Finding]:
        """Run every check."""
        each = {(name, kind): fact for name in SERVICES for kind, fact in self.facts[name].items()}
        whole: dict[Any, Any] = {**each, **self.whole}
        for check in registered():
            if not check.per_service:
                yield check.evaluate(Contract(self.profile, self.rules), whole)
            for name in SERVICES if check.per_service else ():
                if check.only in {"", name}:
                    yield check.evaluate(Contract(self.profile, self.rules, name), self.facts[name])

    def failed(self) -> set[str]:
        """Return the names of the checks that fail."""
        return {finding.rule for finding in self.findings() if finding.outcome is Outcome.FAILED}

    def fails(self, but: Collection[str] = ()) -> bool:
        """Return whether a check fails that is not one of these."""
        failed = (finding.rule for finding in self.findings() if finding.outcome is Outcome.FAILED)
        return any(rule not in but for rule in failed)

    def change(self, service: str, kind: type[Any], **changes: Any) -> None:
        """Change a fact; one of the whole profile where no service is named."""
        facts = self.facts[service] if service else self.whole
        facts[kind] = replace(facts[kind], **changes)

    def add_files(self, service: str, *files: File) -> None:
        """Put files into a further layer of an image."""
        content: Content = self.facts[service][Content]
        self.facts[service][Content] = Content((*content.layers, Layer(files)), content.config)

    def rewrite(self, service: str, change: Callable[[str], str], kind: type[Any] = Source) -> None:
        """Change the text of a Dockerfile."""
        text = self.dockerfile(service) if kind is Source else self.development_dockerfile(service)
        changed = change(text)
        assert changed != text
        self.facts[service][kind] = kind(parse(changed).resolve())

    def dockerfile(self, service: str) -> str:
        """Return a Dockerfile that keeps to the contract."""
        contract = self.profile.service(service)
        arguments = "\n".join(f"ARG {n}={v}" for n, v in contract.environment.build_arguments.items())
        manifest, install = ("requirements.txt", "pip install -r requirements.txt")
        build = contract.base
        if service == "frontend":
            manifest, install, build = "package-lock.json", "npm ci", self.profile.frontend.build_base
        return (
            f"FROM {build} AS deps\nCOPY {manifest} ./\nRUN {install}\n{arguments}\n"
            f"FROM deps AS builder\nCOPY src src\nRUN make\n"
            f"FROM {contract.base} AS base\n"
            f"FROM scratch AS runner\nCOPY --from=base /usr /usr\nCOPY --from=builder /out /app\n"
        )

    def development_dockerfile(self, service: str) -> str:
        """Return a Dockerfile.dev that keeps to the contract: the project's own, for this profile."""
        contract = Contract(self.profile, self.rules, service)
        arguments = image_arguments(self.profile, service, "v1.0.0")
        written = (ROOT / service / "Dockerfile.dev").read_text(encoding="utf-8")
        for name, value in arguments.items():
            written = re.sub(rf"^ARG {name}=.*", f"ARG {name}={value}", written, flags=re.MULTILINE)
        base = self.profile.frontend.build_base if service == "frontend" else contract.service.base
        return re.sub(r"^ARG (NODE|PYTHON)_IMAGE=.*", rf"ARG \1_IMAGE={base}", written, flags=re.MULTILINE)


Break = Callable[[Scene], None]
Example = tuple[str, str, Break]
"""A check, how its rule is broken, and what breaks it."""


def file(path: str, *, mode: int = 0o644, size: int = 10, owner: int = 0, kind: str = "file") -> File:
    """Return an entry of an image."""
    return File(path, kind, mode, owner, owner, size)


def files(*added: File, service: str = "backend") -> Break:
    return lambda broken: broken.add_files(service, *added)


def instead(old: str, new: str, service: str = "backend", kind: type[Any] = Source) -> Break:
    return lambda broken: broken.rewrite(service, lambda text: text.replace(old, new), kind)


def size(service: str, total: int) -> Break:
    def change(broken: Scene) -> None:
        missing = total - broken.facts[service][Content].size
        broken.add_files(service, file("/app/large", size=missing))

    return change


def without(path: str, service: str) -> Break:
    """Delete a file, as a later layer does."""
    folder, _, name = path.rpartition("/")
    return files(file(f"{folder}/.wh.{name}"), service=service)


def scene(name: str = "standalone") -> Scene:
    """Return a profile that passes every check."""
    profile, rules = profiles.load(name), profiles.load_rules()
    made = Scene(profile, rules, {}, {service: {} for service in SERVICES})
    for service in SERVICES:
        made.facts[service] = _facts(made, service)
    made.whole = {
        Pair: Pair(
            first_page_ms=100,
            first_page_files=5,
            end_to_end_ms=100,
            service_to_service_ms=3,
            database_connection_ms=2,
        ),
        Compositions: _compositions(profile, rules),
        **{kind: kind(absent="the chart has tests of its own") for kind in (Charts, Renderings, Refusals)},
        Template: Template(ignored=True, values=TEMPLATE),
        Leaks: Leaks(),
    }
    # What is held against a release has its own tests.
    for facts in (made.whole, *made.facts.values()):
        facts[Released] = Released(absent="no release")
        facts[Installs] = Installs(absent="no release")
    return made


def _facts(made: Scene, service: str) -> Facts:
    required = Contract(made.profile, made.rules, service)
    contract = required.service
    health, user = contract.health, contract.user
    references = tuple(
        f"{contract.image}:{tag.replace('vX.Y.Z', 'v1.0.0')}" for tag in (made.profile.name, *contract.tags)
    )
    program = "healthcheck" if service == "frontend" else "python"
    variables = {"PORT": f"{contract.port}", "HEALTH_PATH": health.path}
    variables["PATH"] = f"{made.profile.backend.packages.replace('system', '/usr/local')}/bin:/usr/bin"
    if service == "backend":
        variables |= {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        variables |= {"UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN": "8", "VERSION": "v1.0.0"}
        variables |= {"DATA_DIR": "/data", "SQLITE_TMPDIR": "/data"}
        variables |= {"PYTHONPATH": "/app"} if made.profile.backend.packages == "system" else {}
    steps = required.rules.build_steps[service]
    return {
        Source: Source(parse(made.dockerfile(service)).resolve()),
        Development: Development(parse(made.development_dockerfile(service)).resolve()),
        Building: Building(steps[:1], steps, (required.rules.tools_image, contract.base)),
        Context: Context(
            (f"{service}/src/app/main.py", f"{service}/.env.example"),
            tuple(f"{service}/{form.replace('*', 'some')}" for form in required.rules.not_built[service]),
        ),
        Leaks: Leaks(),
        ImageLeaks: ImageLeaks(),
        Locks: Locks(frozenset({"pytest"}), frozenset({"typescript"})),
        Names: Names(references, "v1.0.0", LABELS["org.opencontainers.image.source"], has_revision=True),
        Packages: Packages(frozenset({"fastapi-0.165.0.dist-info/METADATA"}), frozenset({"next"})),
        Builds: Builds(100, 10),
        Config: Config(
            reference=references[0],
            tags=references,
            user=f"{user.uid}:{user.gid}",
            ports=(f"{contract.port}/tcp",),
            environment={**contract.environment.build_arguments, **contract.environment.fixed, **variables},
            entrypoint=("/usr/bin/tini", "--", *(["launch"] if contract.command[0] == "nginx" else [])),
            command=contract.command,
            workdir=contract.workdir,
            labels=LABELS,
            health=HealthCheck(
                ("CMD", program, "-m", "app.healthcheck"),
                health.interval_s,
                health.timeout_s,
                health.start_period_s,
                health.retries,
                0.5,
            ),
        ),
        Content: _content(made, service),
        Container: Container(
            first_answer_s=1.0,
            healthy_s=1.5,
            health=(OK, OK),
            health_pages=dict.fromkeys(made.rules.health_pages, OK),
            answers=ANSWERS,
            unfinished={"header": 10.0, "body": 10.0},
            processes=(Process(1, user.uid, user.gid, "tini"), Process(7, user.uid, user.gid, "server")),
            writable=required.writable,
        ),
        HealthTrial: HealthTrial(codes={"a right answer": 0, "an error": 1, "no answer": 1, "no server": 1}),
        Endurance: Endurance(memory_mb=60, cpus=0.01, restarted_s=1.5, stop=Stop(0.5, 143, answered=True)),
        Configured: Configured(
            port=contract.port + 1 if "PORT" in required.accepted else 0,
            agent=made.profile.backend.environment.provider,
        ),
        Unconfigured: Unconfigured(2, ("BETTER_AUTH_SECRET",)),
        Misconfigured: Misconfigured(2, ("DATABASE_URL", "VERSION"), ("DATABASE_URL", "VERSION")),
        Reloading: Reloading(milliseconds=500, image=f"{contract.image}:dev"),
    }


def made_by(*commands: str) -> dict[str, Any]:
    """Return an image's configuration with these commands in its history."""
    return {"history": [{"created_by": command} for command in commands]}


def _content(made: Scene, service: str) -> Content:
    contract, user = made.profile.service(service), made.profile.service(service).user
    packages = made.profile.backend.packages
    library = "/usr/local/lib/python3.13" if packages == "system" else f"{packages}/lib/python3.11"
    if service == "backend":
        own = [
            file(f"{library}/site-packages/fastapi-0.165.0.dist-info/METADATA"),
            *([] if packages == "system" else [file(f"{packages}/pyvenv.cfg")]),
            file("/data", kind="directory", mode=0o755, owner=user.uid),
            file("/app/app/main.py"),
        ]
    elif made.profile.frontend.output == "server":
        own = [file("/app/server.js"), file("/usr/local/bin/node", mode=0o755)]
    else:
        own = [file(f"{contract.workdir}/index.html"), file("/usr/sbin/nginx", mode=0o755), *map(file, NGINX)]
    files = (
        file("/etc/passwd"),
        file("/var/lib/dpkg/status.d/libc6"),
        *own,
        *(file(place, kind="directory", mode=0o755, owner=user.uid) for place in contract.writable),
    )
    texts = {
        "/etc/passwd": f"root:x:0:0::/:\n{user.name}:x:{user.uid}:{user.gid}::/nonexistent:/sbin/nologin\n",
        "/etc/group": f"root:x:0:\n{user.group}:x:{user.gid}:\n",
    }
    texts |= NGINX if service == "frontend" and made.profile.frontend.output == "static" else {}
    found = {path: Searched(text=text) for path, text in texts.items()}
    return Content((Layer(files, found),), made_by("COPY /out /app # buildkit"))


def _compositions(profile: Profile, rules: Rules) -> Compositions:
    """Return what Compose starts, as the contract requires it."""
    contract, every = Contract(profile, rules), []
    for development, database, is_set in COMBINATIONS:
        given = {name: f"value of {name}" if is_set else "" for name in SETTINGS}
        made = Composition(development, database, given, {})
        every.append(replace(made, document=_concrete(required(contract, made))))
    return Compositions(every=tuple(every))


def _concrete(value: Any) -> Any:
    """Return a required value as one that is observed."""
    match value:
        case Maybe():
            return _concrete(value.value)
        case re.Pattern():
            return next(text for text in ("nginx:1.28-alpine", "v1.0.0") if value.fullmatch(text))
        case dict():
            return {key: _concrete(own) for key, own in value.items()}
    return copy.deepcopy(value)
