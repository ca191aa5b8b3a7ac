"""Why containers do not start or end: the error for a failure, with its cause and the remedies."""

import re

from automation.console.errors import AutomationError
from automation.contract.models import SERVICES
from automation.docker import compose_project
from automation.docker.cli import explain as explain_docker
from automation.docker.compose_project import Container, Project
from automation.engines.compose_run import ComposeRun, unpause
from automation.process import ports
from automation.settings import Settings

NETWORK_TAKEN = r"(?i)pool overlaps|overlaps with (other|existing)"

_PORT_TAKEN = r"(?i)port is already allocated|address already in use|ports are not available"
_FIRST_SIGNAL_CODE = 128
_LAST_LINES = 20


async def explain(
    project: Project, run: ComposeRun, settings: Settings, output: str
) -> tuple[str, AutomationError]:
    """Return the service that keeps the project from starting, if it is one, and the error."""
    if name := refused_port(run, output):
        return name, await port_taken(project, run, name)
    if found := re.search(r"(?i)no such image: (\S+)", output):
        return "", AutomationError(
            f"the image {found[1]} does not exist", remedies=["invoke build", "docker image ls"]
        )
    if re.search(NETWORK_TAKEN, output):
        return "", AutomationError(
            f"the network {run.network_prefix}.0/24 is in use",
            why="another Docker network has addresses of this range",
            remedies=["docker network prune", f"NETWORK_PREFIX=10.123.45 in {settings.env_file_name}"],
        )
    containers = await project.containers()
    order = (compose_project.DATABASE, compose_project.MIGRATION, *SERVICES)
    for container in (containers[name] for name in order if name in containers):
        migrated = container.service == compose_project.MIGRATION and (
            (container.state, container.exit_code) == ("exited", 0)
        )
        if not (container.healthy or migrated or container.state == "created"):
            return container.service, await failure(project, container, settings)
    return "", explain_docker(output, "docker compose up", project.docker.environ)


async def failure(project: Project, container: Container, settings: Settings) -> AutomationError:
    """Return the error for a container that ended or is not healthy."""
    written = await project.output(container, _LAST_LINES)
    output, env_file = "\n".join(written), settings.env_file_name
    what = f"the {container.service} {describe(container, container.exit_code)}"
    remedies = [f"invoke logs --service {container.service}", "invoke doctor"]
    delete = "invoke compose-down --volumes   which deletes the data"
    if container.service == compose_project.MIGRATION:
        what = f"{database_kind(project)} could not be migrated"
        remedies = [f"DATABASE_URL in {env_file}", "invoke doctor"]
    if container.paused:
        remedies = [unpause(container)]
    if container.out_of_memory:
        remedies = ["give Docker more memory", "docker stats"]
    if "password authentication failed" in output and runs_database(project):
        what = f"{compose_project.DATABASE_PASSWORD} is not the password that the database was created with"
        remedies = [f"restore the old one in {env_file}", delete]
    if "initialized by PostgreSQL version" in output:
        what = "the database's volume was created by another version of PostgreSQL"
        remedies = [delete]
    why = "its last lines:" if written else "it wrote nothing"
    return AutomationError(what, why=why, details=written, remedies=remedies)


def describe(container: Container, code: int) -> str:
    """Return how a container ended or why it is not healthy."""
    if container.paused:
        return "is paused"
    if container.out_of_memory:
        return "was killed: it ran out of memory"
    if container.restarts:
        return "keeps stopping after every restart"
    if container.state == "running":
        return f"is not healthy: {container.probe}" if container.probe else "is not healthy"
    if code > _FIRST_SIGNAL_CODE:
        return f"was killed (signal {code - _FIRST_SIGNAL_CODE})"
    return f"stopped with exit code {code}"


def refused_port(run: ComposeRun, output: str) -> str:
    """Return the service whose port Docker could not publish; nothing for another failure."""
    if not re.search(_PORT_TAKEN, output):
        return ""
    return next((name for name in SERVICES if re.search(rf"\b{run.ports[name]}\b", output)), "")


async def port_taken(project: Project, run: ComposeRun, name: str) -> ports.PortTakenError:
    """Return the error that names the process or container that holds a service's port."""
    holder = compose_project.holder
    return await ports.taken(name, run.hosts[name], run.ports, lambda port: holder(project.docker, port))


def runs_database(project: Project) -> bool:
    """Return whether the database is a container of the project."""
    return f"{compose_project.OVERLAYS}/{compose_project.DATABASE}.yml" in project.files


def database_kind(project: Project) -> str:
    """Return `PostgreSQL` or `SQLite`."""
    return "PostgreSQL" if runs_database(project) or project.variables.get("DATABASE_URL") else "SQLite"
