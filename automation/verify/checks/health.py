"""Checks of health: what the image's HEALTHCHECK asks, and what the running service answers."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from automation.contract.contract import Contract
from automation.verify.check import (
    IMAGE,
    LIVE,
    Finding,
    at_most,
    check,
    equal,
    judge,
    no_problem,
    not_applicable,
)
from automation.verify.checks.image_config import SHELLS
from automation.verify.facts import Config, Container

_HTTP_CLIENTS = {"curl", "wget"}
_ABSENT = "there is no HEALTHCHECK"
_PROGRAMS = '["python", "-m", "app.healthcheck"]   or   ["node", "healthcheck.mjs"]   or   ["healthcheck"]'


@check("health-check", IMAGE)
def health_check(config: Config) -> Finding:
    """The image has a health check."""
    test = config.health.test if config.health is not None else ("NONE",)
    return judge(
        "HEALTHCHECK",
        " ".join(test[1:]) or "none",
        holds=test[:1] != ("NONE",),
        remedy=f"HEALTHCHECK … CMD {_PROGRAMS}",
    )


@check("health-check-times", IMAGE)
def health_check_times(contract: Contract, config: Config) -> Finding:
    """The health check has the contract's interval, timeout, start period and retries."""
    wanted, seen = contract.service.health, config.health
    required = _times(wanted.interval_s, wanted.timeout_s, wanted.start_period_s, wanted.retries)
    if seen is None:
        return not_applicable(required, _ABSENT)
    return equal(
        required,
        _times(seen.interval_s, seen.timeout_s, seen.start_period_s, seen.retries),
        remedy=f"HEALTHCHECK --interval={wanted.interval_s}s --timeout={wanted.timeout_s}s"
        f" --start-period={wanted.start_period_s}s --retries={wanted.retries}",
    )


@check("health-check-program", IMAGE)
def health_check_program(config: Config) -> Finding:
    """The health check works without a shell, curl or wget, so the image needs none of them."""
    required = "exec form, without curl"
    if config.health is None:
        return not_applicable(required, _ABSENT)
    form, *words = config.health.test
    used = {PurePosixPath(word).name for word in re.split(r"[\s;&|]+", " ".join(words))}
    shell = bool(words) and PurePosixPath(words[0]).name in SHELLS
    return judge(
        required,
        f"{'shell form: ' if form == 'CMD-SHELL' else ''}{' '.join(words)}",
        holds=form == "CMD" and not shell and not used & _HTTP_CLIENTS,
        remedy=f"HEALTHCHECK CMD {_PROGRAMS}",
    )


@check("health-check-path", IMAGE)
def health_check_path(contract: Contract, config: Config) -> Finding:
    """The health check is the project's own program and asks for the contract's path."""
    wanted = contract.service.health.path
    if config.health is None:
        return not_applicable(wanted, _ABSENT)
    words = " ".join(config.health.test[1:])
    addresses = re.findall(r"https?://[^\s\"']+", words)
    paths = [urlsplit(address).path or "/" for address in addresses]
    paths = paths or [config.environment.get("HEALTH_PATH", "")]
    own = _is_own_program(config.health.test[1:])
    observed = ", ".join(filter(None, paths)) or "neither an address nor HEALTH_PATH"
    return judge(
        wanted,
        observed if own else f"{words}: not the project's own program",
        holds=own and {*paths} == {wanted},
        remedy=f"ENV HEALTH_PATH={wanted}, and {_PROGRAMS}",
    )


@check("healthy", LIVE)
def healthy(contract: Contract, container: Container) -> Finding:
    """Docker reports the container healthy in time, by the image's own health check."""
    remedy = "docker inspect --format '{{json .State.Health}}'   shows the output of the health check"
    return at_most(contract.rules.times.start_max_s, container.healthy_s, "s", digits=2, remedy=remedy)


@check("health-answer", LIVE)
def health_answer(contract: Contract, container: Container) -> Finding:
    """The health path answers 200 every time."""
    wrong = [answer.status or "no answer" for answer in container.health if answer.status != 200]
    return judge(
        f"GET {contract.service.health.path} 200",
        f"{wrong[0]}" if wrong else f"200, {len(container.health)} times",
        holds=bool(container.health) and not wrong,
        remedy="serve it without calling anything that may be slow or absent",
    )


@check("health-time", LIVE)
def health_time(contract: Contract, container: Container) -> Finding:
    """The health path answers in time every time."""
    slowest = max((answer.milliseconds for answer in container.health), default=0.0)
    remedy = "call nothing slow there, or give it a shorter timeout"
    return at_most(contract.rules.times.health_max_ms, slowest, "ms", remedy=remedy)


@check("health-json", LIVE)
def health_json(contract: Contract, container: Container) -> Finding:
    """The service reports its health as JSON under every health path of the rules."""
    answers = container.health_pages
    return no_problem(
        [
            *(f"{path} was not asked" for path in contract.rules.health_pages if path not in answers),
            *(
                f"{path}: {answer.status or 'no answer'} {answer.content_type}".rstrip()
                for path, answer in answers.items()
                if answer.status != 200 or not answer.is_json
            ),
        ],
        required=" ".join(f"{path} JSON" for path in contract.rules.health_pages),
        remedy="answer with application/json",
    )


def _times(interval: float, timeout: float, start_period: float, retries: int) -> str:
    return f"{interval:g} s, timeout {timeout:g} s, start {start_period:g} s, {retries} retries"


def _is_own_program(words: Sequence[str]) -> bool:
    """Whether a health check runs the project's own program; HTTP clients have a check of their own."""
    match [PurePosixPath(word).name for word in " ".join(words).split()]:
        case [("healthcheck" | "curl" | "wget"), *_] | ["node", "healthcheck.mjs", *_]:
            return True
        case [interpreter, "-m", "app.healthcheck", *_] if re.fullmatch(r"python[\d.]*", interpreter):
            return True
        case ["sh" | "bash", "-c", *rest]:
            return _is_own_program(rest)
    return False
