"""The checks, one session each; `.ci/run` runs what `nox` runs, so this is the only definition of CI.

A session that cannot do its work fails and says what to install: none passes in silence, and neither does
a test that was skipped. Words after `--` go to the session's tool: `nox -s backend -- -k password`.
"""

import glob
import os
import sys

import nox

sys.path.insert(0, os.path.dirname(__file__))  # the nox program, unlike invoke, does not look beside its file

from automation.project import node

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "uv"
nox.options.error_on_external_run = True
nox.options.error_on_missing_interpreters = True
nox.options.reuse_venv = "yes"

SOURCES = ("automation", "backend", "deploy", "tests", "tasks.py", "noxfile.py", "dev")
DOCKERFILES = tuple(f"{each}/Dockerfile{kind}" for each in ("backend", "frontend") for kind in ("", ".dev"))
CHART = "deploy/helm/todo-chatbot-chart"
KUBERNETES = ("1.30", "1.37")
"""The oldest version that the chart takes, and the newest that is known."""
PYTEST = ("pytest", "-p", "tests.no_skips")
# Half of the time these wait, for processes or for a database.
AT_ONCE = ("--numprocesses", "3", "--dist", "worksteal")
TWO_FILES = ("--numprocesses", "2", "--dist", "loadfile")


@nox.session
def lint(session: nox.Session) -> None:
    """Style and structure: ruff, import-linter, eslint, prettier, hadolint, shellcheck, yamllint, helm."""
    install(session, "lint")
    session.run("ruff", "check", *SOURCES)
    session.run("ruff", "format", "--check", *SOURCES)
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": os.pathsep.join((".", "backend/src"))})
    session.run("shellcheck", ".ci/run")
    session.run("hadolint", *DOCKERFILES)
    session.run("yamllint", "--strict", ".")
    chart(session)
    npm(session, "lint")
    npm(session, "format:check")


@nox.session
def types(session: nox.Session) -> None:
    """Types: mypy --strict for all Python, tsc for the frontend, API types up to date."""
    install(session, "test")
    session.run("mypy", *SOURCES)
    npm(session, "typecheck")
    api_types(session, "--check")


@nox.session(name="api_types", default=False)
def generate_api_types(session: nox.Session) -> None:
    """Generate the frontend's API types from the backend's OpenAPI document."""
    install(session, "test")
    api_types(session)


@nox.session
def automation(session: nox.Session) -> None:
    """The tasks and the library behind them, with real processes."""
    install(session, "test")
    session.run(*PYTEST, *AT_ONCE, *(session.posargs or ["tests/automation", "tests/bootstrap"]))


@nox.session
def backend(session: nox.Session) -> None:
    """The backend against SQLite and a real PostgreSQL."""
    install(session, "test")
    session.run(
        *PYTEST, *AT_ONCE, "--config-file", "backend/pyproject.toml", "backend/tests", *session.posargs
    )


@nox.session(venv_backend="none")
def frontend(session: nox.Session) -> None:
    """The frontend's unit tests: vitest."""
    npm(session, "test", *session.posargs)


@nox.session
def e2e(session: nox.Session) -> None:
    """The whole application in a real browser; `-- --engine compose` or `cluster` says where."""
    install(session, "test")
    session.run(*PYTEST, "tests/e2e", *session.posargs)


@nox.session(default=False)
def images(session: nox.Session) -> None:
    """The images of all profiles: built, measured, held against their contracts. Needs Docker."""
    install(session, "test")
    if not session.posargs:
        session.run("invoke", "build", "--all")
        session.run("invoke", "size-check", "--all")
        session.run("invoke", "verify", "--all")
    # A file a worker: the review's tests look at what they leave behind.
    session.run(*PYTEST, *TWO_FILES, *(session.posargs or ["tests/images"]))


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """What builds, starts and memory take on this machine, beside a floor. Needs Docker; never in CI."""
    install(session, "test")
    session.run("python", "-m", "tests.bench", *session.posargs)


@nox.session(default=False)
def cluster(session: nox.Session) -> None:
    """The chart in a real cluster: failures explained, updates under load. Needs Docker and a cluster."""
    install(session, "test")
    session.run(*PYTEST, *(session.posargs or ["tests/cluster"]))


def chart(session: nox.Session) -> None:
    """Hold the chart, with every set of values, against Helm's rules and Kubernetes's own schemas."""
    rendered = session.create_tmp()
    files = []
    for values in (None, f"{CHART}/values-dev.yaml", *sorted(glob.glob(f"{CHART}/ci/*.yaml"))):
        given = ["--values", values] if values else []
        session.run("helm", "lint", "--strict", "--quiet", CHART, *given)
        text = session.run("helm", "template", "todo", CHART, *given, silent=True)
        files.append(os.path.join(rendered, os.path.basename(values or "values.yaml")))
        with open(files[-1], "w", encoding="utf-8") as file:
            file.write(str(text))
    for version in KUBERNETES:
        # Quiet about objects that are not Kubernetes's own: it knows nothing of a gateway's route.
        session.run(
            "kubernetes-validate", "--strict", "--quiet", "--no-warn", "--kubernetes-version", version, *files
        )


def api_types(session: nox.Session, *options: str) -> None:
    """Generate lib/api/schema.d.ts of the frontend, or check that it is up to date."""
    document = os.path.join(session.create_tmp(), "openapi.json")
    session.run("python", "-m", "app.openapi", document, env={"PYTHONPATH": "backend/src"})
    npm(session, "api-types", document, *options)


def install(session: nox.Session, group: str) -> None:
    """Install a group of the lock, hashes checked."""
    session.install("--require-hashes", "--requirement", f"requirements/{group}.txt")


def npm(session: nox.Session, script: str, *arguments: str) -> None:
    """Run a script of the frontend with the pinned Node, after installing the packages that it lacks."""
    session.run(sys.executable, "-m", "invoke", "install", external=True)
    command = node.npm("run", script, *(("--", *arguments) if arguments else ()))
    with session.chdir("frontend"):
        session.run(*command, external=True, env={"PATH": node.environ(os.environ)["PATH"]})
