"""A real cluster, its images, and releases in namespaces that the tests delete."""

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from automation import settings
from automation.console.errors import AutomationError
from automation.console.events import Line
from automation.contract import profiles
from automation.contract.environment import Environment
from automation.contract.models import Kubernetes
from automation.kubernetes.install import Installed, Installer
from automation.kubernetes.load import Loaded, load_database, load_images
from automation.kubernetes.release import DATABASE_PASSWORD, render
from automation.kubernetes.target import PROFILE as PROFILE_NAME
from automation.kubernetes.target import Place, Request, chart, kubernetes

PROFILE = profiles.load(PROFILE_NAME)
RULES: Kubernetes = kubernetes(PROFILE)
CHART = chart(settings.load(), RULES)


@dataclass
class Release:
    """A release of the chart in its own namespace."""

    place: Place
    images: Mapping[str, Loaded]
    environment: Environment
    told: list[Any] = field(default_factory=list)
    """The output of the installation."""

    def install(
        self,
        *values: str,
        atomic: bool = False,
        images: Mapping[str, Loaded] | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Installed:
        """Install or upgrade the release with chart values and wait until it is healthy.

        `given` contains variables of .env.
        """
        request = Request(
            self.place.kubectl.namespace,
            settings=("frontend.service.nodePort=0", *values),
            atomic=atomic,
            timeout_seconds=120,
        )
        installer = Installer(self.place, CHART, RULES, request, self.told.append)
        known = replace(self.environment, values={**self.environment.values, **(given or {})})
        try:
            return asyncio.run(installer.install(known, images or self.images))
        except AutomationError as error:
            error.add_note("\n".join((error.why, *error.details)))
            raise

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        return asyncio.run(self.place.kubectl.run(*arguments, stdin=stdin))

    def get(self, *arguments: str) -> Any:
        """Return an object, or a list of objects, from the API server."""
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def remove(self, *, wait: bool = False) -> None:
        """Delete the namespace and its contents; with `wait`, wait until all its pods are gone."""
        name = self.place.kubectl.namespace
        self.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")
        if wait:
            self.kubectl("wait", "--for=delete", "pods", "--all", "--timeout=28s")

    def changes(self, name: str) -> list[str]:
        """Return the output about the pods with a name prefix."""
        return [line.text for line in self.told if isinstance(line, Line) and line.source.startswith(name)]


def of_the_cluster(work: Callable[[], Any]) -> Any:
    """Run a step that needs the cluster; without a cluster, end the run with one clear message."""
    try:
        return work()
    except AutomationError as error:
        said = [error.what, error.why, *error.details, *(f"try   {remedy}" for remedy in error.remedies)]
        pytest.exit("these tests need a cluster: " + "\n  ".join(filter(None, said)), returncode=1)


@pytest.fixture(scope="session")
def cluster() -> Place:
    """The cluster of the current kubectl context. It must run on this machine."""

    async def find() -> Place:
        place = await Place.find(settings.load(), Request(""))
        await place.check(print)
        await place.confirm(_refuse)
        return place

    place: Place = of_the_cluster(lambda: asyncio.run(find()))
    return place


@pytest.fixture(scope="session")
def images(cluster: Place) -> Mapping[str, Loaded]:
    """The project's images in the cluster, with the database's image if Docker has it."""

    async def load() -> Mapping[str, Loaded]:
        current = settings.load()
        loaded = await load_images(current, Request(""), cluster.target, print)
        rendered = await render(cluster.helm, CHART, Request(""))
        await load_database(current, cluster.target, RULES, rendered.database_image, print)
        return loaded

    loaded: Mapping[str, Loaded] = of_the_cluster(lambda: asyncio.run(load()))
    return loaded


@pytest.fixture(scope="session")
def new_release(cluster: Place, images: Mapping[str, Loaded]) -> Iterator[Callable[[], Release]]:
    """A function that creates releases. Their namespaces are deleted after the tests."""
    made: list[Release] = []

    def make() -> Release:
        namespace = f"todo-test-{secrets.token_hex(3)}"
        place = replace(
            cluster,
            kubectl=replace(cluster.kubectl, namespace=namespace),
            helm=replace(cluster.helm, namespace=namespace),
        )
        secret = {name: secrets.token_urlsafe(48) for name in ("BETTER_AUTH_SECRET", "JWT_SECRET")}
        values = {**secret, DATABASE_PASSWORD: secrets.token_urlsafe(48)}
        made.append(Release(place, images, Environment(values, (), ())))
        return made[-1]

    yield make
    for release in made:
        release.remove()


@pytest.fixture
def release(new_release: Callable[[], Release]) -> Iterator[Release]:
    """A release that only one test uses."""
    made = new_release()
    yield made
    made.remove()


async def _refuse(question: str) -> None:
    raise AutomationError("the cluster is not one of this machine", remedies=["kubectl config use-context"])
