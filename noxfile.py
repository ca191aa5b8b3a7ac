"""The checks, one session each: the only definition of CI. `nox -l` lists them, `nox -s NAME` runs one.

A session that cannot run fails and names what is missing: none passes silently, and a skipped test fails.
Arguments after `--` go to the session's tool: `nox -s backend -- -k password`.
"""

import argparse
import glob
import json
import os
import shutil
import subprocess
import sys

import nox

sys.path.insert(0, os.path.dirname(__file__))  # the nox program, unlike invoke, does not look beside its file

from automation.project import node

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "uv"
nox.options.error_on_external_run = True
nox.options.error_on_missing_interpreters = True
nox.options.reuse_venv = "yes"

SOURCES = ("automation", "backend", "deploy", "docs", "tests", "tasks.py", "noxfile.py", "dev")
DOCKERFILES = tuple(f"{part}/Dockerfile{kind}" for part in ("backend", "frontend") for kind in ("", ".dev"))
CHART = "deploy/helm/todo-chatbot-chart"
KUBERNETES_VERSIONS = ("1.30", "1.37")
"""The oldest version that the chart supports, and the newest one known."""
WORKFLOWS = ".github/workflows"
AUTOMATION_TESTS = (
    # The longest first, so that no process waits for them at the end.
    *("tests/quickstart/test_native.py", "tests/mutants/test_chart.py", "tests/mutants/test_profiles.py"),
    *("tests/automation", "tests/bootstrap"),
    *("tests/mutants/test_images.py", "tests/mutants/test_contexts.py", "tests/mutants/test_dockerfiles.py"),
)
IMAGES_TESTS = (
    *("tests/images", "tests/mutants/test_compose.py", "tests/mutants/test_nginx.py"),
    "tests/quickstart/test_docker.py",
)
QUICKSTART = ("tests/quickstart/test_cluster.py", "tests/quickstart/test_tutorial.py")
# Without a network: it would try what it finds. The skipped values are those of examples, and of an image
# that must be refused.
SECRETS = (
    *("kingfisher", "scan", "--no-validate", "--no-update-check", "--redact", "--git-history", "full"),
    *("--rules-path", "deploy/secrets.toml"),
    *("--skip-regex", r"^((-todo\}:)?todo|correct-horse-battery|4f1c0a9b[0-9a-f]{24})$"),
)
PYTEST = (
    *("pytest", "-p", "tests.no_skips", "-p", "tests.failed_tests"),
    *("--durations=15", "--durations-min=10"),
)
# These tests wait for processes or for a database half of the time.
PARALLEL = ("--numprocesses", "3", "--dist", "worksteal")
BY_FILE = ("--numprocesses", "2", "--dist", "loadfile")
ENGINES = {
    "docker": (("docker", "info"), "https://docs.docker.com/get-started/get-docker/"),
    "cluster": (("minikube", "status"), "https://minikube.sigs.k8s.io/docs/start/"),
}
"""The command that succeeds if an engine is available, and where to get the engine."""
ENGINE_SESSIONS = {
    "docker": (("images",), ("e2e", "--engine", "compose")),
    "cluster": (
        (
            "cluster",
            "tests/cluster/test_release.py",
            "tests/cluster/test_drift.py",
            "tests/cluster/test_failures.py",
            *QUICKSTART,
        ),
    ),
}
"""The sessions that CI adds to the default ones, by the engine that they require. Load tests are left out."""


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and structure: ruff, import-linter, eslint, prettier, hadolint, zizmor, helm."""
    install(session, "lint")
    session.run("ruff", "check", *SOURCES)
    session.run("ruff", "format", "--check", *SOURCES)
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": os.pathsep.join((".", "backend/src"))})
    session.run("shellcheck", ".ci/run", "deploy/release/publish")
    session.run("hadolint", *DOCKERFILES)
    session.run("yamllint", "--strict", ".")
    session.run("zizmor", "--offline", "--no-progress", WORKFLOWS)
    chart(session)
    npm(session, "lint")
    npm(session, "lint:workflows")
    npm(session, "format:check")


@nox.session
def types(session: nox.Session) -> None:
    """Check types: mypy --strict, tsc, and that what is generated from the code is up to date."""
    install(session, "test")
    session.run("mypy", *SOURCES)
    npm(session, "typecheck")
    generate_api_types(session, "--check")
    generate_reference(session, "--check")


@nox.session(name="api-types", default=False)
def api_types(session: nox.Session) -> None:
    """Generate the frontend's API types from the backend's OpenAPI document."""
    install(session, "test")
    generate_api_types(session)


@nox.session(default=False)
def reference(session: nox.Session) -> None:
    """Generate docs/reference, and record what the chart renders in deploy/helm/renderings."""
    install(session, "test")
    generate_reference(session)


@nox.session
def automation(session: nox.Session) -> None:
    """Test the tasks and the library behind them, with real processes."""
    install(session, "test")
    session.run(*PYTEST, *PARALLEL, *(session.posargs or AUTOMATION_TESTS))


@nox.session
def backend(session: nox.Session) -> None:
    """Test the backend on SQLite and on a real PostgreSQL."""
    install(session, "test")
    session.run(
        *PYTEST, *PARALLEL, "--config-file", "backend/pyproject.toml", "backend/tests", *session.posargs
    )


@nox.session
def schemathesis(session: nox.Session) -> None:
    """Check the API against its OpenAPI document on both databases. More cases: -- --cases 5000."""
    install(session, "test")
    session.run("python", "-m", "tests.schema", *session.posargs)


@nox.session(venv_backend="none")
def frontend(session: nox.Session) -> None:
    """Run the frontend's unit tests: vitest."""
    npm(session, "test", *session.posargs)


@nox.session
def e2e(session: nox.Session) -> None:
    """Test the application in a real browser. Options: -- --engine native|compose|cluster."""
    install(session, "test")
    session.run(*PYTEST, "tests/e2e", *session.posargs)


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Kill, suspend and starve the application under load, and count its tasks. Not part of CI."""
    install(session, "test")
    session.run(*PYTEST, *(session.posargs or ["tests/faults"]), env={"PYTHONPATH": "backend/src"})


@nox.session
def secrets(session: nox.Session) -> None:
    """Search the repository and its history for secrets: kingfisher."""
    install(session, "test")
    # What is committed, without the packages and builds of this folder.
    target = os.path.join(session.create_tmp(), "repository")
    shutil.rmtree(target, ignore_errors=True)
    session.run("git", "clone", "--quiet", ".", target, external=True)
    session.run(*SECRETS, target)


@nox.session(default=False)
def security(session: nox.Session) -> None:
    """Scan the images for known vulnerabilities. Requires Docker, and Docker Scout, Trivy or Grype."""
    install(session, "test")
    session.run("invoke", "scan", *(session.posargs or ("--all", "--output", ".artifacts")))


@nox.session(default=False)
def images(session: nox.Session) -> None:
    """Build, measure and verify the images of every profile. Requires Docker."""
    install(session, "test")
    if not session.posargs:
        session.run("invoke", "build", "--all")
        session.run("invoke", "size-check", "--all")
        session.run("invoke", "verify", "--all")
    # One file per worker: the tests of the review look at what they leave behind.
    session.run(*PYTEST, *BY_FILE, *(session.posargs or IMAGES_TESTS))


@nox.session(default=False)
def cluster(session: nox.Session) -> None:
    """Test the chart in a real cluster: releases, failures, rollouts under load. Requires a cluster."""
    install(session, "test")
    session.run(*PYTEST, *(session.posargs or ["tests/cluster", *QUICKSTART]))


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure times, memory and sizes, and report them. Options: -- api --runs 3. Not part of CI."""
    install(session, "test")
    session.run("python", "-m", "tests.bench", *session.posargs)


@nox.session(default=False)
def fmt(session: nox.Session) -> None:
    """Format everything and apply safe fixes: ruff, eslint, prettier."""
    install(session, "lint")
    session.run("ruff", "check", "--fix", *SOURCES)
    session.run("ruff", "format", *SOURCES)
    npm(session, "lint", "--fix")
    npm(session, "format")


@nox.session(default=False, venv_backend="none")
def ci(session: nox.Session) -> None:
    """Run every check that this machine can run. Option: -- --require docker cluster."""
    parser = argparse.ArgumentParser(prog="nox -s ci --")
    parser.add_argument("--require", nargs="+", choices=ENGINES, default=[], help="fail without this engine")
    required = parser.parse_args(session.posargs).require
    missing = [engine for engine in ENGINES if not answers(engine)]
    if fatal := [engine for engine in required if engine in missing]:
        session.error(f"not available: {', '.join(fatal)}. Install: {ENGINES[fatal[0]][1]}")
    # A log of hours buries the reasons, and readers of CI begin at its end.
    failed = os.environ["FAILED_TESTS"] = os.path.abspath(
        os.path.join(session.create_tmp(), "failed-tests.txt")
    )
    open(failed, "w", encoding="utf-8").close()
    try:
        run_sessions(session)
        for engine, sessions in ENGINE_SESSIONS.items():
            for name, *arguments in sessions if engine not in missing else ():
                run_sessions(session, "--session", name, *(("--", *arguments) if arguments else ()))
    finally:
        with open(failed, encoding="utf-8") as file:
            for line in file:
                session.warn(f"Failed: {line.rstrip()}")
    for engine in missing:
        names = ", ".join(" ".join(words) for words in ENGINE_SESSIONS[engine])
        session.warn(f"Not run, because {engine} is not available: {names}. Install it: {ENGINES[engine][1]}")


def answers(engine: str) -> bool:
    """Return whether an engine answers on this machine."""
    command = ENGINES[engine][0]
    if shutil.which(command[0]) is None:
        return False
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def run_sessions(session: nox.Session, *arguments: str) -> None:
    """Run sessions with Nox, and fail when one that it lists has not passed."""
    report = os.path.join(session.create_tmp(), "report.json")
    session.run(sys.executable, "-m", "nox", "--report", report, *arguments)
    chosen = arguments[: arguments.index("--")] if "--" in arguments else arguments
    listed = session.run(sys.executable, "-m", "nox", "--list", "--json", *chosen, silent=True)
    expected = {item["session"] for item in json.loads(str(listed))}
    with open(report, encoding="utf-8") as file:
        results = json.load(file)["sessions"]
    passed = {result["signatures"][0] for result in results if result["result"] == "success"}
    if not expected or expected - passed:
        session.error(f"did not pass: {', '.join(sorted(expected - passed)) or 'no session was listed'}")


def chart(session: nox.Session) -> None:
    """Check the chart with every set of values against Helm's rules and Kubernetes' schemas."""
    rendered = session.create_tmp()
    files = []
    for values in (None, f"{CHART}/values-dev.yaml", *sorted(glob.glob(f"{CHART}/ci/*.yaml"))):
        options = ["--values", values] if values else []
        session.run("helm", "lint", "--strict", "--quiet", CHART, *options)
        text = session.run("helm", "template", "todo", CHART, *options, silent=True)
        files.append(os.path.join(rendered, os.path.basename(values or "values.yaml")))
        with open(files[-1], "w", encoding="utf-8") as file:
            file.write(str(text))
    for version in KUBERNETES_VERSIONS:
        # Without warnings about custom resources, such as a gateway's route, which it has no schema for.
        session.run(
            "kubernetes-validate", "--strict", "--quiet", "--no-warn", "--kubernetes-version", version, *files
        )


def generate_api_types(session: nox.Session, *options: str) -> None:
    """Write the API types, or check with --check that they are up to date."""
    document = os.path.abspath(os.path.join(session.create_tmp(), "openapi.json"))
    session.run("python", "-m", "app.openapi", document, env={"PYTHONPATH": "backend/src"})
    npm(session, "api-types", document, *options)


def generate_reference(session: nox.Session, *options: str) -> None:
    """Write the reference pages and renderings, or check with --check that the pages are up to date."""
    path = os.pathsep.join((".", "backend/src"))
    session.run("python", "docs/reference/generate.py", *options, env={"PYTHONPATH": path})
    if "--check" not in options:  # the test of the chart compares it
        session.run("python", "deploy/helm/record.py", env={"PYTHONPATH": "."})


def install(session: nox.Session, group: str) -> None:
    """Install a dependency group from its lock, with hashes checked."""
    session.install("--require-hashes", "--requirement", f"requirements/{group}.txt")


def npm(session: nox.Session, script: str, *arguments: str) -> None:
    """Run a script of the frontend with the pinned Node. Installs missing packages first."""
    session.run(sys.executable, "-m", "invoke", "install", external=True)
    command = node.npm("run", script, *(("--", *arguments) if arguments else ()))
    with session.chdir("frontend"):
        session.run(*command, external=True, env={"PATH": node.environ(os.environ)["PATH"]})
