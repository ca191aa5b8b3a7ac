"""Holding one Dockerfile, and the image built from it, against a contract: for files nobody runs yet."""

from collections.abc import Mapping
from typing import Any

from automation.contract import models, profiles
from automation.contract.contract import Contract
from automation.docker.cli import Docker
from automation.settings import Settings
from automation.verify.check import Finding, registered
from automation.verify.facts import Config, Context, Locks, Source
from automation.verify.gather import inspection
from automation.verify.gather.archive import Content
from automation.verify.gather.inspection import Inspector
from automation.verify.gather.leaks import Search


async def examine(
    settings: Settings,
    profile: models.Profile,
    service: str,
    text: str,
    *,
    docker: Docker | None = None,
    image: str = "",
    target: str = "",
    arguments: Mapping[str, str] | None = None,
    replaced: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """Return what the checks find of a Dockerfile's text and, where one is named, of its image.

    `arguments` are those of the build, and `replaced` says which base images stand in for others. Checks that
    need a running container, Compose or the project's own names are left out. Raises AutomationError when the
    text is no Dockerfile or there is no such image.
    """
    asked = Contract(profile, profiles.load_rules(settings.root), service)
    search = inspection.search(settings, profile)
    facts: dict[type[Any], Any] = {
        Source: inspection.read_source(text, target=target, arguments=arguments, replaced=replaced),
        Context: inspection.seen_by_build(settings.root, f"{service}/Dockerfile", search),
        Search: search,
    }
    if docker is not None and image:
        inspector = Inspector(docker, search)
        facts[Config] = await inspector.config(image)
        facts[Content] = await inspector.content(image)
        facts[Locks] = inspection.locks(settings.root)
    return tuple(
        each.evaluate(asked, facts)
        for each in registered()
        if each.per_service and each.only in {"", service} and {*each.needs} <= {*facts}
    )
