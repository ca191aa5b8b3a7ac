"""Checks of health: what the image's HEALTHCHECK asks, and what the running service answers."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from automation.contract.contract import Contract
from automation.verify.check import (
    IMAGE,
    LIVE,
    Comparison,
    Finding,
    at_most,
    check,
    judge,
    no_problem,
    not_applicable,
)
from automation.verify.checks.image_config import SHELLS
from automation.verify.facts import Config, Container, HealthTrial

_HTTP_CLIENTS = {"curl", "wget"}
_ABSENT = "there is no HEALTHCHECK"
_PROGRAMS = '["python", "-m", "app.healthcheck"]   or   ["node", "healthcheck.mjs"]   or   ["healthcheck"]'


@check(IMAGE, remedy=f"HEALTHCHECK … CMD {_PROGRAMS}")
def health_check(config: Config) -> Finding:
    """The image has a health check."""
    test = config.health.test if config.health is not None else ("NONE",)
    return judge("HEALTHCHECK", " ".join(test[1:]) or "none", holds=test[:1] != ("NONE",))


@check(
    IMAGE,
    remedy="HEALTHCHECK --interval={service.health.interval_s}s --timeout={service.health.timeout_s}s"
    " --start-period={service.health.start_period_s}s --retries={service.health.retries}",
)
def health_check_times(contract: Contract, config: Config) -> Finding | Comparison:
    """The health check has the contract's interval, timeout, start period and retries."""
    required, observed = (
        f"{health.interval_s:g} s, timeout {health.timeout_s:g} s, start {health.start_period_s:g} s,"
        f" {health.retries} retries"
        if health is not None
        else ""
        for health in (contract.service.health, config.health)
    )
    return (required, observed) if observed else not_applicable(required, _ABSENT)


@check(IMAGE, remedy=f"HEALTHCHECK CMD {_PROGRAMS}")
def health_check_program(config: Config) -> Finding:
    """The health check works without a shell, curl or wget, so the image needs none of them."""
    required = "exec form, without curl"
    if config.health is None:
        return not_applicable(required, _ABSENT)
    form, *words = config.health.test
    used = {PurePosixPath(word).name for word in re.split(r"[\s;&|]+", " ".join(words))}
    shell = bool(words) and PurePosixPath(words[0]).name in SHELLS
    observed = f"{'shell form: ' if form == 'CMD-SHELL' else ''}{' '.join(words)}"
    return judge(required, observed, holds=form == "CMD" and not shell and not used & _HTTP_CLIENTS)


@check(IMAGE, remedy=f"ENV HEALTH_PATH={{service.health.path}}, and {_PROGRAMS}")
def health_check_path(contract: Contract, config: Config) -> Finding:
    """The health check is the project's own program and requests the contract's path."""
    wanted = contract.service.health.path
    if config.health is None:
        return not_applicable(wanted, _ABSENT)
    words = " ".join(config.health.test[1:])
    paths = [urlsplit(address).path or "/" for address in re.findall(r"https?://[^\s\"']+", words)]
    paths = paths or [config.environment.get("HEALTH_PATH", "")]
    own = _is_own_program(config.health.test[1:])
    requested = ", ".join(filter(None, paths)) or "neither an address nor HEALTH_PATH"
    observed = requested if own else f"{words}: not the project's own program"
    return judge(wanted, observed, holds=own and {*paths} == {wanted})


@check(LIVE, remedy="exit with 0 only after a 200 from HEALTH_PATH on PORT, and with 1 in time otherwise")
def health_check_trial(trial: HealthTrial) -> Finding:
    """The health program succeeds only on a correct answer, not on an error, a timeout or a closed port."""
    wrong = (
        f"{case}: still waits" if code is None else f"{case}: exit code {code}"
        for number, (case, code) in enumerate(trial.codes.items())
        if code is None or (code == 0) != (number == 0)
    )
    return no_problem(wrong, passing=", ".join(f"{case} {code}" for case, code in trial.codes.items()))


@check(LIVE, remedy="docker inspect --format '{{json .State.Health}}'   shows the output of the health check")
def healthy(contract: Contract, container: Container) -> Finding:
    """Docker reports the container healthy in time, by the image's own health check."""
    return at_most(contract.rules.times.start_max_s, container.healthy_s, "s", digits=2)


@check(LIVE, remedy="serve it without calling anything that may be slow or absent")
def health_answer(contract: Contract, container: Container) -> Finding:
    """The health path answers 200 every time."""
    wrong = [answer.status or "no answer" for answer in container.health if answer.status != 200]
    observed = f"{wrong[0]}" if wrong else f"200, {len(container.health)} times"
    holds = bool(container.health) and not wrong
    return judge(f"GET {contract.service.health.path} 200", observed, holds=holds)


@check(LIVE, remedy="call nothing slow there, or give it a shorter timeout")
def health_time(contract: Contract, container: Container) -> Finding:
    """The health path answers in time every time."""
    slowest = max((answer.milliseconds for answer in container.health), default=0.0)
    return at_most(contract.rules.times.health_max_ms, slowest, "ms")


@check(LIVE, remedy="answer with application/json")
def health_json(contract: Contract, container: Container) -> Finding:
    """The service reports its health as JSON under every health path of the rules."""
    pages, answers = contract.rules.health_pages, container.health_pages
    silent = [f"{path} was not requested" for path in pages if path not in answers]
    wrong = [
        f"{path}: {answer.status or 'no answer'} {answer.content_type}".rstrip()
        for path, answer in answers.items()
        if answer.status != 200 or not answer.is_json
    ]
    return no_problem([*silent, *wrong], required=" ".join(f"{path} JSON" for path in pages))


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
