"""The supervisor runs any service; these services are small Python programs."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from automation.console.events import Event, Line, StepFinished
from automation.process import processes
from automation.process.instance import Instance
from automation.process.supervisor import Service, ServiceStoppedError, Supervisor
from tests.ports import unused_port

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            sys.stdout.flush()
            import os; os._exit(5)
        print("asked for", self.path, flush=True)
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def service(name: str, program: str = SERVER, **changes: Any) -> Service:
    """Return a service that runs a Python program with its port as the argument."""
    port = unused_port()
    address = f"http://127.0.0.1:{port}"
    settings: dict[str, Any] = {
        "name": name,
        "command": (sys.executable, "-c", program, str(port)),
        "cwd": Path.cwd(),
        "environ": {},
        "port": port,
        "address": address,
        "health": f"{address}/health",
        **changes,
    }
    return Service(**settings)


class Case:
    """An instance with its supervisor and its output."""

    def __init__(self, folder: Path) -> None:
        self.instance = Instance(folder / "run")
        assert self.instance.acquire()
        self.record = self.instance.begin("native", "development", "http://localhost:1")
        self.said: list[Event] = []

    def run(self, body: Coroutine[Any, Any, None]) -> None:
        """Run the body, then verify that no service is left."""
        try:
            asyncio.run(body)
        finally:
            self.instance.release()
            assert list(processes.marked(self.record.mark)) == []

    def supervisor(self) -> Supervisor:
        """Return the supervisor of a running event loop."""
        return Supervisor(self.instance, self.record, self.said.append)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """Create a separate instance."""
    return Case(tmp_path)


def test_services_start_together_and_end_together(case: Case) -> None:
    async def body() -> None:
        async with case.supervisor() as supervisor:
            await supervisor.all_of(supervisor.start(service(name)) for name in ("one", "two"))
            record = case.instance.read()
            assert record is not None
            assert {service.name for service in record.services} == {"one", "two"}
            assert all(service.process.alive for service in record.services)

    case.run(body())
    assert {event.step for event in case.said if isinstance(event, StepFinished)} == {"one", "two"}


def test_a_service_that_ends_while_another_starts_fails_the_start(case: Case) -> None:
    async def body() -> None:
        dying = service("dying")
        slow = service("slow", "import threading; threading.Event().wait()")
        async with case.supervisor() as supervisor:
            await supervisor.start(dying)

            async def kill() -> None:
                reader, writer = await asyncio.open_connection("127.0.0.1", dying.port)
                writer.write(b"GET /die HTTP/1.0\r\n\r\n")
                await reader.read()
                writer.close()

            await supervisor.all_of((supervisor.start(slow), kill()))

    with pytest.raises(ServiceStoppedError, match="the dying stopped with exit code 5"):
        case.run(body())


def test_a_service_that_ends_again_and_again_ends_all(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automation.process.supervisor._BACKOFF_SECONDS", (0.0, 0.0))

    async def body() -> None:
        dying, other = service("dying"), service("other")
        async with case.supervisor() as supervisor:
            await supervisor.all_of((supervisor.start(dying), supervisor.start(other)))
            supervisor.mark_running()

            async def kill() -> None:
                while True:
                    with suppress(OSError):
                        reader, writer = await asyncio.open_connection("127.0.0.1", dying.port)
                        writer.write(b"GET /die HTTP/1.0\r\n\r\n")
                        await reader.read()
                        writer.close()
                    await asyncio.sleep(0.01)

            await supervisor.all_of([kill()])

    with pytest.raises(ServiceStoppedError, match="the dying stopped with exit code 5, 3 times in a row"):
        case.run(body())


def test_a_service_that_never_gets_healthy_times_out_with_its_output(case: Case) -> None:
    async def body() -> None:
        mute = service(
            "mute", "print('thinking', flush=True); import threading; threading.Event().wait()", patience=1.0
        )
        async with case.supervisor() as supervisor:
            await supervisor.start(mute)

    with pytest.raises(ServiceStoppedError, match="was not healthy within 1 s") as caught:
        case.run(body())
    assert caught.value.details == ("thinking",)


def test_a_missing_program_is_reported_by_name(case: Case) -> None:
    async def body() -> None:
        async with case.supervisor() as supervisor:
            await supervisor.start(service("absent", command=("/does/not/exist",)))

    with pytest.raises(ServiceStoppedError, match="exit code 127") as caught:
        case.run(body())
    assert "/does/not/exist" in caught.value.details[0]


def test_a_service_that_ignores_sigterm_is_killed_after_its_grace_period(case: Case) -> None:
    program = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SERVER}"

    async def body() -> None:
        async with case.supervisor() as supervisor:
            await supervisor.start(service("stubborn", program, grace=0.2))

    case.run(body())


def test_processes_of_a_service_in_other_sessions_end_with_it(case: Case) -> None:
    program = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import threading; threading.Event().wait()'],"
        " start_new_session=True)\n" + SERVER
    )

    async def body() -> None:
        async with case.supervisor() as supervisor:
            await supervisor.start(service("parent", program))
            assert len(list(processes.marked(case.record.mark))) == 3

    case.run(body())


def test_output_is_shown_line_by_line_without_control_characters(case: Case) -> None:
    async def body() -> None:
        talker = service("talker")
        async with case.supervisor() as supervisor:
            await supervisor.start(talker)
            running = asyncio.ensure_future(supervisor.run(show_output=True))
            while not any(isinstance(event, Line) for event in case.said):
                reader, writer = await asyncio.open_connection("127.0.0.1", talker.port)
                writer.write(b"GET /\x1b[31mred HTTP/1.0\r\n\r\n")
                await reader.read()
                writer.close()
                await asyncio.sleep(0.05)
            running.cancel()

    case.run(body())
    assert Line("talker", "asked for /red") in case.said


def test_only_the_owner_can_read_a_log(case: Case) -> None:
    async def body() -> None:
        async with case.supervisor() as supervisor:
            await supervisor.start(service("one"))

    case.run(body())
    assert case.instance.log("one").stat().st_mode & 0o077 == 0


def test_a_second_supervisor_of_an_instance_is_refused(case: Case) -> None:
    assert not Instance(case.instance.directory).acquire()
    case.instance.release()
    second = Instance(case.instance.directory)
    assert second.acquire()
    second.release()


def test_a_record_with_a_reused_process_id_is_ignored(case: Case) -> None:
    from dataclasses import replace

    older = replace(case.record.supervisor, started=case.record.supervisor.started - 3600)
    case.instance.write(replace(case.record, supervisor=older))
    record = case.instance.read()
    assert record is not None
    assert record.state == "crashed"
    case.instance.release()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"mark": 1}', "null"])
def test_a_damaged_record_is_ignored(case: Case, content: str) -> None:
    (case.instance.directory / "instance.json").write_text(content)
    assert case.instance.read() is None
    case.instance.release()


def test_a_process_is_identified_after_a_clock_change(monkeypatch: pytest.MonkeyPatch) -> None:
    me = processes.identify(os.getpid())
    boot_time, create_time = psutil.boot_time, psutil.Process.create_time
    # The time that the system reports after its clock was set an hour ahead.
    monkeypatch.setattr(psutil, "boot_time", lambda: boot_time() + 3600)
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: create_time(process) + 3600)
    assert me.alive
    assert not processes.Identity(me.pid, me.started - 3600).alive


def test_the_log_of_the_last_run_is_kept(case: Case) -> None:
    async def body() -> None:
        for words in ("crashed", "started"):
            with pytest.raises(ServiceStoppedError):
                async with case.supervisor() as supervisor:
                    await supervisor.start(service("short", f"print({words!r})"))

    case.run(body())
    log = case.instance.log("short")
    assert (log.read_text(), log.with_suffix(".previous.log").read_text()) == ("started\n", "crashed\n")
