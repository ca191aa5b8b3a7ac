"""Checks a Dockerfile, and the image built from it, against a contract before anybody runs them."""

from collections.abc import Mapping

from automation.contract import profiles
from automation.contract.contract import Contract
from automation.contract.models import Profile
from automation.docker.cli import Docker
from automation.docker.dockerfile import parse
from automation.settings import Settings
from automation.verify.check import Finding, registered
from automation.verify.facts import Source
from automation.verify.gather import sources
from automation.verify.gather.inspection import Inspector


async def examine(
    settings: Settings,
    profile: Profile,
    service: str,
    text: str,
    *,
    docker: Docker | None = None,
    image: str = "",
    target: str = "",
    arguments: Mapping[str, str] | None = None,
    replaced: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """Return the findings about a Dockerfile's text and, if there is one, about its image.

    Args:
        arguments: The arguments of the build.
        replaced: Base images and their replacements.

    Checks that need a running container, Compose or the project's own names are left out. Raises
    AutomationError if the text is not a Dockerfile or the image does not exist.
    """
    search = sources.search(settings, profile)
    source = Source(parse(text).resolve(target=target, arguments=arguments), replaced or {})
    facts = [search, source, sources.build_context(settings.root, f"{service}/Dockerfile", search)]
    if docker is not None and image:
        inspector = Inspector(docker, search)
        facts += [await inspector.config(image), await inspector.content(image), sources.locks(settings.root)]
    contract = Contract(profile, profiles.load_rules(settings.root), service)
    observed = {type(fact): fact for fact in facts}
    return tuple(
        check.evaluate(contract, observed)
        for check in registered()
        if check.per_service and check.only in {"", service} and {*check.needs} <= {*observed}
    )
