"""Why containers do not start or end: the error for a failure, with its cause and the remedies."""

import re

from automation.console.errors import AutomationError
from automation.contract.models import SERVICES
from automation.docker import compose_project
from automation.docker.cli import explain as explain_docker
from automation.docker.compose_project import DATABASE, DATABASE_PASSWORD, MIGRATION, Container, Project
from automation.engines.engine import Published
from automation.process import ports, processes
from automation.settings import Settings

NETWORK_TAKEN = r"(?i)pool overlaps|overlaps with (other|existing)"

_PORT_TAKEN = r"(?i)port is already allocated|address already in use|ports are not available"
_LAST_LINES = 20


async def explain(
    project: Project, places: Published, settings: Settings, output: str
) -> tuple[str, AutomationError]:
    """Return the service that prevents the project from starting, if there is one, and the error."""
    if name := refused_port(places, output):
        return name, await ports.taken(
            name,
            places.hosts[name],
            places.ports,
            lambda port: compose_project.holder(project.docker, port),
        )
    if found := re.search(r"(?i)no such image: (\S+)", output):
        remedies = ["invoke build", "docker image ls"]
        return "", AutomationError(f"the image {found[1]} does not exist", remedies=remedies)
    if re.search(NETWORK_TAKEN, output):
        return "", AutomationError(
            f"the network {project.variables['NETWORK_PREFIX']}.0/24 is in use",
            why="another Docker network has addresses of this range",
            remedies=["docker network prune", f"NETWORK_PREFIX=10.123.45 in {settings.env_file_name}"],
        )
    containers = await project.containers()
    for container in (containers[name] for name in (DATABASE, MIGRATION, *SERVICES) if name in containers):
        end = (container.service, container.state, container.exit_code)
        if not (container.healthy or container.state == "created" or end == (MIGRATION, "exited", 0)):
            return container.service, await failure(project, container, settings)
    return "", explain_docker(output, "docker compose up", project.docker.environ)


async def failure(project: Project, container: Container, settings: Settings) -> AutomationError:
    """Return the error for a container that ended or is not healthy."""
    written = await project.output(container, _LAST_LINES)
    output, env_file = "\n".join(written), settings.env_file_name
    what = f"the {container.service} {describe(container, container.exit_code)}"
    remedies = [f"invoke logs --service {container.service}", "invoke doctor"]
    delete = "invoke compose-down --volumes   which deletes the data"
    if container.service == MIGRATION:
        what = f"{database_kind(project)} could not be migrated"
        remedies = [f"check DATABASE_URL in {env_file}", "invoke doctor"]
    if container.paused:
        remedies = [f"docker unpause {container.name}"]
    if container.out_of_memory:
        remedies = ["give Docker more memory", "docker stats"]
    if "password authentication failed" in output and _runs_database(project):
        what = f"{DATABASE_PASSWORD} is not the password that the database was created with"
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
    return processes.describe_end(code)


def refused_port(places: Published, output: str) -> str:
    """Return the service whose port Docker could not publish; nothing for another failure."""
    named = re.findall(r"\d+", output) if re.search(_PORT_TAKEN, output) else []
    return next((name for name, port in places.ports.items() if str(port) in named), "")


def database_kind(project: Project) -> str:
    """Return `PostgreSQL` or `SQLite`."""
    return "PostgreSQL" if _runs_database(project) or project.variables.get("DATABASE_URL") else "SQLite"


def _runs_database(project: Project) -> bool:
    return f"{compose_project.OVERLAYS}/{DATABASE}.yml" in project.files
