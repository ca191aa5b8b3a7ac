"""Starts containers with all of their variables, without the required ones, and with invalid values."""

import asyncio
import secrets
from collections.abc import Collection, Mapping
from typing import Any

from automation.contract.contract import Contract
from automation.contract.models import SERVICES
from automation.docker.cli import DockerError
from automation.verify.facts import Configured, Fact, Misconfigured, Unconfigured
from automation.verify.gather.pair import within
from automation.verify.gather.stack import Running, Stack

_INVALID = {
    "BETTER_AUTH_SECRET": "31-characters-are-one-too-few--",
    "JWT_SECRET": "31-characters-are-one-too-few--",
    "DATABASE_URL": "mysql://db.example/todo",
    "FRONTEND_URL": "ftp://todo.example",
    "OPENAI_API_KEY": "a-key-of-somebody-else",
    "VERSION": "one",
}


async def try_variables(stack: Stack, needs: Collection[type[Any]]) -> list[Fact]:
    """Return those of the facts that are needed."""
    facts: list[Fact] = []
    if Configured in needs:
        seen = await asyncio.gather(*(_configured(stack, service) for service in SERVICES))
        facts += zip(SERVICES, seen, strict=True)
    if Unconfigured in needs:
        facts.append(("backend", await _unconfigured(stack)))
    if Misconfigured in needs:
        facts.append(("backend", await _misconfigured(stack)))
    return facts


async def _configured(stack: Stack, service: str) -> Configured:
    """Start the service with every variable that it accepts, and see which reach its process."""
    contract = stack.contract(service)
    given = {name: _value(name, contract) for name in contract.accepted}
    if service == "backend":
        given["AGENT_PROVIDER"] = stack.profile.backend.environment.provider
    takes_port = "PORT" in contract.service.environment.accepted
    port = int(given["PORT"]) if takes_port else contract.service.port
    async with stack.run(service, given) as container:
        running = Running(contract, container, port)
        try:
            most = stack.rules.times.start_max_s
            seen = await stack.sandbox.look_inside(
                container, running.user, address=running.health, patience=most
            )
        except DockerError as error:
            last = await stack.sandbox.last_words(container)
            return Configured(failure=f"does not start with every variable set: {last or error.what}")
    # The first process gets them in any case; what counts are the processes that it starts.
    environs = [process["environ"] for process in seen["processes"] if process["environ"]]
    environs = [environ for environ in environs[1:] if "PATH" in environ] or environs
    missing = [name for name, value in given.items() if all(own.get(name) != value for own in environs)]
    [answer] = seen["answers"]
    return Configured(
        missing=tuple(missing),
        port=port if takes_port else 0,
        answers=answer["status"] == 200,
        agent=str(within(answer["body"], "agent", "name") or ""),
    )


async def _unconfigured(stack: Stack) -> Unconfigured:
    """Start the backend without its required variables, and see whether it ends and names them."""
    code, output = await _end(stack, {})
    required = stack.profile.backend.environment.required
    return Unconfigured(code, tuple(name for name in required if name in output))


async def _misconfigured(stack: Stack) -> Misconfigured:
    """Start the backend with invalid values, and see whether it ends and names each variable."""
    names = {*stack.contract("backend").accepted, "VERSION"}
    invalid = {name: value for name, value in _INVALID.items() if name in names}
    code, output = await _end(stack, {**stack.required, **invalid})
    return Misconfigured(code, tuple(name for name in invalid if f"{name}:" in output), tuple(invalid))


async def _end(stack: Stack, environ: Mapping[str, str]) -> tuple[int | None, str]:
    """Return the exit code and the output of a backend that should end at once."""
    async with stack.run("backend", environ) as container:
        code = await stack.sandbox.exit_code(container, stack.rules.times.start_max_s)
        done = await stack.sandbox.docker.complete("container", "logs", container)
    return code, done.output + done.errors


def _value(name: str, contract: Contract) -> str:
    """Return a valid value for a variable that differs from the image's own."""
    match name:
        case "DATABASE_URL":
            return f"postgresql://nobody:{secrets.token_hex(8)}@127.0.0.1:9/nothing"
        case "PORT":
            return str(contract.service.port + 1)
        case "HOST":
            return "127.0.0.1"
        case "NODE_ENV":
            return "production"
        case "PYTHONPATH":
            return f"{contract.service.workdir}:/{secrets.token_hex(4)}"
        case "OPENAI_API_KEY":
            return f"sk-{secrets.token_hex(24)}"
    if name.endswith("_URL"):
        return f"http://{secrets.token_hex(4)}.example:8000"
    return secrets.token_urlsafe(32)
