"""Checks a Dockerfile, and the image built from it, against a contract before anybody runs them."""

from collections.abc import Mapping

from automation.contract import profiles
from automation.contract.contract import Contract
from automation.contract.models import Profile
from automation.docker.archive import Layer
from automation.docker.cli import Docker
from automation.docker.dockerfile import parse
from automation.settings import Settings
from automation.verify.check import Finding, registered
from automation.verify.facts import Config, Source
from automation.verify.gather import inspection, origins, sources
from automation.verify.gather.content import Content, Searched
from automation.verify.gather.inspection import Inspector

_DECLARED = {
    *("user", "port", "workdir", "command", "init", "path", "fixed-environment"),
    *("health-check", "health-check-times", "health-check-program", "health-check-path"),
}
"""Checks of an image whose answer is in the Dockerfile's text."""


async def examine(
    settings: Settings,
    profile: Profile,
    service: str,
    text: str,
    *,
    docker: Docker,
    image: str,
    target: str,
    arguments: Mapping[str, str],
) -> tuple[Finding, ...]:
    """Return the findings about a Dockerfile's text and its image, or the image that the text declares.

    Args:
        image: Its reference; empty where there is none, and then `docker` is not asked.
        arguments: The arguments of the build.

    Checks that need a running container, Compose or the project's own names are left out. Raises
    AutomationError if the text is not a Dockerfile or the image does not exist.
    """
    source = Source(parse(text).resolve(target=target, arguments=arguments))
    leaks = await sources.leaks(settings, profile, {service: text})
    facts = [source, leaks[service], sources.build_context(settings.root, f"{service}/Dockerfile")]
    contract = Contract(profile, profiles.load_rules(settings.root), service)
    if image:
        inspector = Inspector(docker)
        facts += [await inspector.config(image), origins.locks(settings.root)]
        facts += await inspector.searched(image, sources.known(settings, profile))
    else:
        facts += [inspection.declared_config(source.dockerfile), _accounts(contract)]
    observed = {type(fact): fact for fact in facts}
    known = observed.keys() - (set() if image else {Config, Content})
    return tuple(
        check.evaluate(contract, observed)
        for check in registered()
        if check.per_service
        and check.only in {"", service}
        and (check.name in _DECLARED or {*check.needs} <= known)
    )


def _accounts(contract: Contract) -> Content:
    """Return an image whose only accounts are the contract's: a text shows a USER, and not its names."""
    user = contract.service.user
    texts = {
        "/etc/passwd": f"{user.name}:x:{user.uid}:{user.gid}::/:",
        "/etc/group": f"{user.group}:x:{user.gid}:",
    }
    return Content((Layer((), {path: Searched(text=text) for path, text in texts.items()}),))
