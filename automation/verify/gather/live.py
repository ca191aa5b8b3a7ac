"""Running both services of a profile as in production, and measuring what they do."""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin

import httpx2

from automation.console.errors import AutomationError
from automation.console.events import Step
from automation.contract.contract import Contract
from automation.contract.models import SERVICES, Profile, Rules
from automation.docker.cli import DockerError
from automation.verify.facts import (
    Answer,
    Configured,
    Container,
    Endurance,
    Misconfigured,
    Pair,
    Process,
    Stop,
    Unconfigured,
)
from automation.verify.gather.laboratory import LABEL, READ_ONLY, EndedError, Laboratory

_ORIGIN = "http://localhost:3000"
"""What the backend takes for the address of the page, unless it is told another."""
_ADDRESS_VARIABLES = ("API_URL", "NEXT_PUBLIC_API_URL")
_MIGRATE = ("python", "-m", "app.database.migrate")
_SAMPLES = 10
_POLL_S = 0.02
_HEALTH_POLL_S = 0.2
_ASSET = re.compile(r"""(?:src|href)="([^"#]+\.(?:js|css|svg|png|ico|woff2?)(?:\?[^"]*)?)\"""")
_WRONG = {
    "BETTER_AUTH_SECRET": "31-characters-are-one-too-few--",
    "JWT_SECRET": "31-characters-are-one-too-few--",
    "DATABASE_URL": "mysql://db.example/todo",
    "FRONTEND_URL": "ftp://todo.example",
    "OPENAI_API_KEY": "a-key-of-somebody-else",
    "VERSION": "one",
}
"""Values that the rules of the environment refuse."""


@dataclass(frozen=True)
class Observed:
    """What a run of both services showed."""

    containers: Mapping[str, Container]
    pair: Pair


@dataclass
class _Running:
    """A service that has been started."""

    name: str
    container: str
    port: int
    seen: Container


class Stage:
    """Both services of a profile, in a laboratory."""

    def __init__(
        self, laboratory: Laboratory, profile: Profile, rules: Rules, images: Mapping[str, str], step: Step
    ) -> None:
        """Take the images by service."""
        self._lab = laboratory
        self._profile = profile
        self._rules = rules
        self._images = images
        self._step = step
        # No build can have known it.
        self._alias = f"backend-{secrets.token_hex(4)}"
        self._signing = secrets.token_urlsafe(48)
        self._alive: Mapping[str, _Running] = {}

    async def observe(self) -> Observed:
        """Start both and measure how fast they are. Nothing else should run meanwhile."""
        self._step.progress("starting")
        started = await self._start_both()
        containers = {name: each.seen for name, each in started.items()}
        broken = [f"the {name} {each.failure}" for name, each in containers.items() if each.failure]
        pair = Pair(failure="; ".join(broken))
        alive = {name: each for name, each in started.items() if not each.seen.failure}
        self._step.progress("asking")
        seen = await asyncio.gather(*(self._look(each) for each in alive.values()))
        containers |= {each.name: facts for each, facts in zip(alive.values(), seen, strict=True)}
        if not broken:
            pair = await self._together(started)
        self._alive = alive
        return Observed(containers, pair)

    async def finish(self, observed: Observed) -> Mapping[str, Endurance]:
        """Leave both idle, kill what they run, and ask them to end while they are busy."""
        found = {
            name: Endurance(failure=each.failure, remedy=each.remedy)
            for name, each in observed.containers.items()
        }
        self._step.progress("idle")
        found |= await self._idle()
        self._step.progress("restarting")
        restarted = await asyncio.gather(*(self._restart(each) for each in self._alive.values()))
        for name, seconds in zip(self._alive, restarted, strict=True):
            found[name] = replace(found[name], restarted_s=seconds)
        self._step.progress("stopping")
        for name in reversed(SERVICES):  # the frontend passes its last request on to the backend
            if name in self._alive and found[name].restarted_s is not None:
                found[name] = replace(found[name], stop=await self._stop(self._alive[name]))
        return found

    async def configured(self, service: str) -> Configured:
        """Start the service with every variable it accepts, and see whether each arrives."""
        asked = self._asked(service)
        given = self._values(asked)
        takes_port = "PORT" in asked.service.environment.accepted
        port = int(given["PORT"]) if takes_port else asked.service.port
        container = await self._lab.create(
            self._images[service], options=(READ_ONLY, *self._mounts(asked)), environ=given
        )
        await self._lab.start(container)
        try:
            seen = await self._lab.look_inside(
                container, self._user(service), inside=True,
                answers=f"http://127.0.0.1:{port}{asked.service.health.path}",
            )  # fmt: skip
        except DockerError as error:
            last = await self._lab.last_words(container)
            return Configured(failure=f"does not start with every variable set: {last or error.what}")
        finally:
            await self._lab.remove(container)
        # The first process is given them in any case; what counts is what it starts.
        others = [each for each in seen["environments"][1:] if "PATH" in each] or seen["environments"]
        missing = [name for name, value in given.items() if all(each.get(name) != value for each in others)]
        return Configured(
            missing=tuple(missing),
            port=port if takes_port else 0,
            answers=seen["answers"]["status"] == 200,
            agent=str(_within(seen["answers"]["body"], "agent", "name") or ""),
        )

    async def unconfigured(self) -> Unconfigured:
        """Start the backend without what it requires, and see whether it ends and says why."""
        code, said = await self._last_words({})
        required = self._profile.backend.environment.required
        return Unconfigured(code, tuple(each for each in required if each in said))

    async def misconfigured(self) -> Misconfigured:
        """Start the backend with values that cannot be right, and see whether it ends and names each."""
        names = {*self._asked("backend").accepted, "VERSION"}
        wrong = {name: value for name, value in _WRONG.items() if name in names}
        code, said = await self._last_words({**self._required(), **wrong})
        return Misconfigured(code, tuple(wrong), tuple(name for name in wrong if f"{name}:" in said))

    async def _last_words(self, environ: Mapping[str, str]) -> tuple[int | None, str]:
        """Start a backend that should not go on; return its exit code, None when it did, and what it said."""
        asked = self._asked("backend")
        container = await self._lab.create(
            self._images["backend"], options=(READ_ONLY, *self._mounts(asked)), environ=environ
        )
        await self._lab.start(container)
        try:
            code = await self._exit_code(container, self._rules.times.start_max_s)
            done = await self._lab.docker.complete("container", "logs", container)
        finally:
            await self._lab.remove(container)
        return code, done.output + done.errors

    async def _start_both(self) -> dict[str, _Running]:
        volume = f"{self._lab.name}-data"
        await self._lab.docker.run("volume", "create", "--label", f"{LABEL}={self._lab.mark}", volume)
        backend, frontend = await asyncio.gather(self._start_backend(volume), self._start("frontend"))
        return {"backend": backend, "frontend": frontend}

    async def _start_backend(self, volume: str) -> _Running:
        options = ("--mount", f"type=volume,src={volume},dst={self._rules.data_folder}")
        migration = await self._lab.create(
            self._images["backend"], *_MIGRATE,
            options=(READ_ONLY, "--no-healthcheck", *options), environ=self._required(),
        )  # fmt: skip
        await self._lab.start(migration)
        code = await self._exit_code(migration, self._rules.times.start_max_s)
        if code:
            why = await self._lab.last_words(migration)
            failure = f"could not migrate its database (exit code {code}): {why}"
            return _Running("backend", migration, 0, Container(failure=failure, remedy=" ".join(_MIGRATE)))
        return await self._start("backend", options)

    async def _start(self, name: str, options: Sequence[str] = ()) -> _Running:
        """Start a service; where it needs a writable root to start, say so and start it with one."""
        first = await self._try_to_start(name, (*options, READ_ONLY))
        if not first.seen.failure:
            return first
        await self._lab.remove(first.container)
        second = await self._try_to_start(name, options)
        if second.seen.failure:
            return second
        second.seen = replace(second.seen, read_only=first.seen.failure)
        return second

    async def _try_to_start(self, name: str, options: Sequence[str]) -> _Running:
        asked = self._asked(name)
        environ = self._required() if name == "backend" else self._frontend_environment()
        alias = ("--network-alias", self._alias) if name == "backend" else ()
        own = [word for word in self._mounts(asked) if f"{self._rules.data_folder}:" not in word]
        container = await self._lab.create(
            self._images[name],
            options=("--publish", f"127.0.0.1::{asked.service.port}", *alias, *own, *options),
            environ=environ,
            name=f"{name}-{secrets.token_hex(2)}",
        )
        began = time.monotonic()
        running = _Running(name, container, 0, Container())
        try:
            await self._lab.start(container)
            running.port = await self._lab.host_port(container, asked.service.port)
            address = f"http://127.0.0.1:{running.port}{asked.service.health.path}"
            await self._first_answer(container, address)
            first_answer = time.monotonic() - began
            healthy = await self._healthy(container, began)
        except AutomationError as error:
            running.seen = Container(failure=error.what, remedy="docker run the image and read what it says")
            return running
        running.seen = Container(first_answer_s=first_answer, healthy_s=healthy)
        return running

    async def _first_answer(self, container: str, address: str) -> None:
        deadline = time.monotonic() + self._rules.times.start_max_s * 1.5
        looked = time.monotonic()
        async with _client() as client:
            while time.monotonic() < deadline:
                with suppress(httpx2.HTTPError):
                    if (await client.get(address)).status_code == httpx2.codes.OK:
                        return
                if time.monotonic() - looked > 1:
                    await self._lab.require_running(container)
                    looked = time.monotonic()
                await asyncio.sleep(_POLL_S)
        await self._lab.require_running(container)
        raise EndedError(f"did not answer 200 within {self._rules.times.start_max_s * 1.5:.0f} s")

    async def _healthy(self, container: str, began: float) -> float | None:
        """Return after how long Docker called the container healthy; None when it did not."""
        deadline = began + self._rules.times.start_max_s
        while True:
            health = (await self._lab.inspect(container))["State"].get("Health")
            if health is not None and health["Status"] == "healthy":
                return time.monotonic() - began
            if health is None or time.monotonic() > deadline:
                return None
            await asyncio.sleep(_HEALTH_POLL_S)

    async def _look(self, running: _Running) -> Container:
        asked = self._asked(running.name)
        base = f"http://127.0.0.1:{running.port}"
        inside = asyncio.ensure_future(
            self._lab.look_inside(running.container, self._user(running.name), inside=True)
        )
        async with _client() as client:
            health = [await _ask(client, f"{base}{asked.service.health.path}") for _ in range(_SAMPLES)]
            pages = {path: await _ask(client, f"{base}{path}") for path in self._rules.health_pages}
            encoding = ""
            with suppress(httpx2.HTTPError):
                page = await client.get(f"{base}/", headers={"accept-encoding": "gzip"})
                encoding = page.headers.get("content-encoding", "")
        seen = await inside
        return replace(
            running.seen,
            health=tuple(health),
            health_pages=pages,
            page_encoding=encoding,
            # Those that have no parent in here were brought by Docker, as a health check is.
            processes=tuple(
                Process(each["pid"], each["uid"], each["gid"], each["command"])
                for each in seen["processes"]
                if each["pid"] == 1 or each["parent"]
            ),
            writable=tuple(seen["writable"]),
            zombies=0 if seen["reaped"] else 1,
        )

    async def _together(self, started: Mapping[str, _Running]) -> Pair:
        backend, frontend = started["backend"], started["frontend"]
        own = self._profile.backend
        direct = f"http://{self._alias}:{own.port}{own.health.path}"
        seen = await self._lab.look_inside(frontend.container, self._user("frontend"), addresses=[direct])
        answers = seen["addresses"][direct]
        base = f"http://127.0.0.1:{frontend.port}"
        async with _client() as client:
            latency = None
            with suppress(httpx2.HTTPError):
                body = (await client.get(f"http://127.0.0.1:{backend.port}{own.health.path}")).text
                latency = _within(body, "database", "latency_ms")
            reached = await _problem(client, f"{base}/api/tasks")
            first_page_ms, files = await _load_page(client, base)
            began = time.monotonic()
            problem = await _use(client, base)
            end_to_end_ms = (time.monotonic() - began) * 1000
            chat = problem or await _chat(client, base)
        failed = next((each for each in answers if each["status"] != 200), None)
        return Pair(
            address_reached=reached,
            service_to_service_ms=max(each["milliseconds"] for each in answers) if failed is None else None,
            database_connection_ms=float(latency) if isinstance(latency, int | float) else None,
            first_page_ms=first_page_ms,
            first_page_files=files,
            end_to_end_ms=end_to_end_ms,
            end_to_end=problem,
            chat=chat,
        )

    async def _idle(self) -> dict[str, Endurance]:
        if not self._alive:
            return {}
        names = {each.container: name for name, each in self._alive.items()}
        figures = await self._lab.docker.json("stats", "--no-stream", "--format", "{{json .}}", *names)
        busy = {names[each["Name"]]: float(each["CPUPerc"].rstrip("%")) / 100 for each in figures}
        seen = await asyncio.gather(
            *(self._lab.look_inside(each, self._user(name), memory=True) for each, name in names.items())
        )
        return {
            name: Endurance(memory_mb=each["memory"] / 10**6, cpus=busy[name])
            for name, each in zip(names.values(), seen, strict=True)
        }

    async def _restart(self, running: _Running) -> float | None:
        """Kill the service's process, and return after how long its container answers again."""
        docker = self._lab.docker
        await docker.run(
            "container", "update", f"--restart={self._rules.production_restart}", running.container
        )
        asked = self._asked(running.name)
        began = time.monotonic()
        try:
            if not await self._lab.kill_inside(running.container, self._user(running.name)):
                return None
            while (await self._lab.inspect(running.container))["RestartCount"] == 0:
                if time.monotonic() - began > self._rules.times.start_max_s:
                    return None
                await asyncio.sleep(_HEALTH_POLL_S)
            # Docker may publish another port now.
            running.port = await self._lab.host_port(running.container, asked.service.port)
            address = f"http://127.0.0.1:{running.port}{asked.service.health.path}"
            await self._first_answer(running.container, address)
        except AutomationError:
            return None
        return time.monotonic() - began

    async def _stop(self, running: _Running) -> Stop:
        """Ask the container to end while a request is half sent, then send the rest."""
        config = (await self._lab.inspect(running.container))["Config"]
        signal = config.get("StopSignal") or "SIGTERM"
        body = json.dumps({"email": "nobody@example.com", "password": secrets.token_urlsafe(12)}).encode()
        head = (
            "POST /api/auth/sign-in/email HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Origin: {_ORIGIN}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        answered = False
        try:
            writer.write(head + body[:8])
            await writer.drain()
            await asyncio.sleep(0.2)  # until the server has read it: nothing tells
            began = time.monotonic()
            ending = asyncio.ensure_future(self._exit_code(running.container, self._rules.times.stop_max_s))
            await self._lab.docker.run("container", "kill", "--signal", signal, running.container)
            await asyncio.sleep(0.3)  # until the server no longer listens
            with suppress(OSError, TimeoutError):
                writer.write(body[8:])
                await writer.drain()
                status = await asyncio.wait_for(reader.readline(), self._rules.times.stop_max_s)
                answered = re.match(rb"HTTP/1\.\d [1-4]\d\d ", status) is not None
        finally:
            writer.close()
        code = await ending
        return Stop(time.monotonic() - began, -1 if code is None else code, answered)

    async def _exit_code(self, container: str, seconds: float) -> int | None:
        """Wait for the end of a container; None when it goes on."""
        waiting = asyncio.ensure_future(self._lab.docker.run("container", "wait", container, seconds=600))
        done, _ = await asyncio.wait({waiting}, timeout=seconds)
        if not done:
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
            return None
        return int(waiting.result())

    def _asked(self, service: str) -> Contract:
        return Contract(self._profile, self._rules, service)

    def _user(self, service: str) -> str:
        user = self._profile.service(service).user
        return f"{user.uid}:{user.gid}"

    def _mounts(self, asked: Contract) -> list[str]:
        user = asked.service.user
        return [f"--tmpfs={place}:uid={user.uid},gid={user.gid},mode=0755" for place in asked.writable]

    def _required(self) -> dict[str, str]:
        return dict.fromkeys(self._profile.backend.environment.required, self._signing)

    def _frontend_environment(self) -> dict[str, str]:
        address = f"http://{self._alias}:{self._profile.backend.port}"
        names = [each for each in _ADDRESS_VARIABLES if each in self._profile.frontend.environment.accepted]
        return dict.fromkeys(names[:1], address)

    def _values(self, asked: Contract) -> dict[str, str]:
        """Return a value for each variable that the service accepts, other than the image's own."""
        values = {name: self._value(name, asked) for name in asked.accepted}
        if asked.name == "backend":
            values["AGENT_PROVIDER"] = self._profile.backend.environment.provider
        return values

    def _value(self, name: str, asked: Contract) -> str:
        match name:
            case "DATABASE_URL":
                return f"postgresql://nobody:{secrets.token_hex(8)}@127.0.0.1:9/nothing"
            case "PORT":
                return str(asked.service.port + 1)
            case "HOST":
                return "127.0.0.1"
            case "NODE_ENV":
                return "production"
            case "PYTHONPATH":
                return f"{asked.service.workdir}:/{secrets.token_hex(4)}"
            case "OPENAI_API_KEY":
                return f"sk-{secrets.token_hex(24)}"
        if name.endswith("_URL"):
            return f"http://{secrets.token_hex(4)}.example:8000"
        return secrets.token_urlsafe(32)


def _client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(trust_env=False, timeout=10.0)


async def _ask(client: httpx2.AsyncClient, address: str) -> Answer:
    began = time.perf_counter()
    try:
        answer = await client.get(address)
    except httpx2.HTTPError:
        return Answer(0, "", is_json=False, milliseconds=(time.perf_counter() - began) * 1000)
    milliseconds = (time.perf_counter() - began) * 1000
    kind = answer.headers.get("content-type", "").partition(";")[0]
    is_json = kind == "application/json" and _is_json(answer.text)
    return Answer(answer.status_code, kind, is_json, milliseconds)


async def _problem(client: httpx2.AsyncClient, address: str) -> str:
    """Return why the backend was not reached through the frontend: it refuses whom it does not know."""
    try:
        answer = await client.get(address)
    except httpx2.HTTPError as error:
        return f"GET /api/tasks: {type(error).__name__}"
    return "" if answer.status_code == httpx2.codes.UNAUTHORIZED else f"GET /api/tasks: {answer.status_code}"


async def _load_page(client: httpx2.AsyncClient, base: str) -> tuple[float, int]:
    """Return the milliseconds of the first page with its scripts and styles, and how many they are."""
    began = time.monotonic()
    try:
        page = await client.get(f"{base}/", follow_redirects=True)
        assets = {urljoin(str(page.url), found) for found in _ASSET.findall(page.text)}
        own = [each for each in assets if each.startswith(base)]
        got = await asyncio.gather(*(client.get(each) for each in own))
    except httpx2.HTTPError:
        return (time.monotonic() - began) * 1000, 0
    loaded = [each for each in got if each.status_code == httpx2.codes.OK]
    return (time.monotonic() - began) * 1000, len(loaded)


async def _use(client: httpx2.AsyncClient, base: str) -> str:
    """Sign up, add a task and find it in the list, all through the frontend; return what went wrong."""
    person = {
        "name": "Verification",
        "email": f"{secrets.token_hex(6)}@example.com",
        "password": secrets.token_urlsafe(16),
    }
    title = f"Verify {secrets.token_hex(4)}"
    headers = {"origin": _ORIGIN}
    try:
        for method, path, body, wanted in (
            ("POST", "/api/auth/sign-up/email", person, 200),
            ("POST", "/api/tasks", {"title": title}, 201),
            ("GET", "/api/tasks", None, 200),
        ):
            answer = await client.request(method, f"{base}{path}", json=body, headers=headers)
            if answer.status_code != wanted:
                return f"{method} {path}: {answer.status_code}"
        listed = [each.get("title") for each in answer.json()["items"]]
    except (httpx2.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{method} {path}: {type(error).__name__}"
    return "" if title in listed else "the new task is not in the list"


async def _chat(client: httpx2.AsyncClient, base: str) -> str:
    """Ask the agent for a task, as whom `_use` has signed up; return what went wrong."""
    title = f"water {secrets.token_hex(4)}"
    try:
        said = await client.post(
            f"{base}/api/chat", json={"message": f"add {title}"}, headers={"origin": _ORIGIN}
        )
        if said.status_code != httpx2.codes.OK:
            return f"POST /api/chat: {said.status_code}"
        if "add_task" not in said.text:
            return "the reply names no call of add_task"
        listed = (await client.get(f"{base}/api/tasks")).json()["items"]
        titles = [str(each.get("title")).lower() for each in listed]
    except (httpx2.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"POST /api/chat: {type(error).__name__}"
    return "" if title in titles else "the task that was asked for is not in the list"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _within(text: str, *keys: str) -> Any:
    """Return what is under the keys of a JSON document; None where there is nothing."""
    try:
        found = json.loads(text)
        for key in keys:
            found = found[key]
    except (ValueError, KeyError, TypeError):
        return None
    return found
