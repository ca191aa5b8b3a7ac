"""Docker's command line: what is made of its answers and of its failures, with stand-in programs."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from automation import settings
from automation.docker.cli import Docker, DockerError, DockerUnavailableError
from tests.automation.conftest import eventually

StandIn = Callable[..., Docker]


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    """Put a program called docker on PATH: the body of a Python program that has `arguments`."""

    def make(body: str, **environ: str) -> Docker:
        program = tmp_path / "docker"
        program.write_text(f"#!{sys.executable}\nimport os, sys, time\narguments = sys.argv[1:]\n{body}\n")
        program.chmod(0o755)
        return Docker.find(settings.load({"PATH": str(tmp_path), **environ}, tmp_path))

    return make


def test_a_machine_without_the_program_is_told_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(DockerUnavailableError, match="Docker is not installed") as caught:
        Docker.find(settings.load({"PATH": str(tmp_path)}, tmp_path))
    assert "docs.docker.com" in caught.value.remedies[0]


SOCKET = "unix:///var/run/docker.sock"
REMOTE = "tcp://10.0.0.1:2375"


NOT_PERMITTED = f"permission denied while trying to connect to the Docker daemon socket at {SOCKET}: Get …"
NO_HOST = (
    'error during connect: Get "http://nohost:2375/v1.51/version": dial tcp: lookup nohost: no such host'
)
NO_CONTEXT = (
    'Failed to initialize: unable to resolve docker endpoint: context "work": context not found: open …'
)
NO_PLUGIN = "docker: unknown command: docker buildx\n\nRun 'docker --help' for more information"
NO_PLUGIN_BEFORE_28 = "docker: 'compose' is not a docker command.\nSee 'docker --help'"
NO_SPACE = "Error response from daemon: write /var/lib/docker/tmp/x: no space left on device"


def not_running(host: str) -> str:
    return f"Cannot connect to the Docker daemon at {host}. Is the docker daemon running?"


@pytest.mark.parametrize(
    ("said", "host", "what", "remedy", "unavailable"),
    [
        (not_running(SOCKET), "", "the Docker daemon is not running", "sudo systemctl start docker", True),
        (not_running(REMOTE), REMOTE, "the Docker daemon is not running", "unset DOCKER_HOST", True),
        (NOT_PERMITTED, "", "may not use the Docker daemon", "usermod -aG docker", True),
        (NO_HOST, "tcp://nohost", "reached at DOCKER_HOST, 'tcp://nohost'", "unset DOCKER_HOST", True),
        (NO_CONTEXT, "", "context 'work' does not exist", "docker context use default", True),
        (NO_PLUGIN, "", "Docker's plugin buildx is missing", "apt install docker-buildx", False),
        (NO_PLUGIN_BEFORE_28, "", "Docker's plugin compose is missing", "apt install docker-compose", False),
        (NO_SPACE, "", "Docker's disk is full", "docker builder prune", False),
    ],
)
def test_a_failure_says_what_to_do(
    stand_in: StandIn, said: str, host: str, what: str, remedy: str, unavailable: bool
) -> None:
    docker = stand_in(f"sys.stderr.write({said!r}); sys.exit(1)", DOCKER_HOST=host)
    with pytest.raises(DockerError) as caught:
        asyncio.run(docker.engine())
    assert what in caught.value.what
    assert remedy in "\n".join(caught.value.remedies)
    assert isinstance(caught.value, DockerUnavailableError) == unavailable


def test_a_failure_that_nobody_foresaw_shows_what_docker_said(stand_in: StandIn) -> None:
    docker = stand_in("sys.stderr.write('Error response from daemon: \\x1b[31mstrange\\n'); sys.exit(1)")
    with pytest.raises(DockerError, match="docker image ls failed") as caught:
        asyncio.run(docker.run("image", "ls"))
    assert caught.value.details == ("strange",)


def test_a_daemon_that_never_answers_is_given_up(stand_in: StandIn) -> None:
    docker = stand_in("time.sleep(600)", DOCKER_HOST=REMOTE)
    with pytest.raises(DockerUnavailableError, match="does not respond") as caught:
        asyncio.run(docker.run("image", "ls", seconds=0.2))
    assert REMOTE in caught.value.why


def test_json_is_an_array_or_a_document_a_line(stand_in: StandIn) -> None:
    assert asyncio.run(stand_in("print('[{\"a\": 1}]')").json("inspect", "x")) == [{"a": 1}]
    assert asyncio.run(stand_in("print('{\"a\": 1}'); print('{\"a\": 2}')").json("ps")) == [
        {"a": 1},
        {"a": 2},
    ]
    with pytest.raises(DockerError, match="returned invalid JSON"):
        asyncio.run(stand_in("print('hello')").json("ps"))


INSPECT = """
import json
there = {"a:1": {"Id": "1"}, "c:1": {"Id": "3"}}
asked = arguments[2:]
print(json.dumps([there[each] for each in asked if each in there]))
missing = [each for each in asked if each not in there]
for each in missing:
    sys.stderr.write(f"Error response from daemon: No such image: PREFIX{each}\\n")
sys.exit(bool(missing))
"""


@pytest.mark.parametrize("prefix", ["", "docker.io/library/"])
def test_images_that_are_not_there_are_left_out(stand_in: StandIn, prefix: str) -> None:
    docker = stand_in(INSPECT.replace("PREFIX", prefix))
    found = asyncio.run(docker.images("a:1", "b:1", "c:1"))
    assert found == {"a:1": {"Id": "1"}, "c:1": {"Id": "3"}}
    assert asyncio.run(docker.images("b:1")) == {}


def test_an_archive_streams_through_the_reader(stand_in: StandIn) -> None:
    docker = stand_in("sys.stdout.write('x' * 10**6 + ' '.join(arguments))")
    assert asyncio.run(docker.save("a:1", lambda archive: archive.read()[10**6 :])) == b"image save a:1"


def test_an_archive_that_docker_cannot_make_is_explained_and_not_what_the_reader_made_of_it(
    stand_in: StandIn,
) -> None:
    def read(archive: object) -> None:
        raise EOFError("half an archive")

    docker = stand_in(
        "sys.stdout.close(); sys.stderr.write('no space left on device'); sys.stderr.flush(); sys.exit(1)"
    )

    def wait_and_read(archive: object) -> None:
        assert hasattr(archive, "read")
        archive.read()
        read(archive)

    with pytest.raises(DockerError, match="disk is full"):
        asyncio.run(docker.save("a:1", wait_and_read))
    with pytest.raises(EOFError):
        asyncio.run(stand_in("sys.stdout.write('x' * 10**7)").save("a:1", read))


def test_interrupting_the_reading_of_an_archive_ends_the_program(stand_in: StandIn, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    docker = stand_in("open('pid', 'w').write(str(os.getpid())); time.sleep(600)")

    async def interrupt() -> None:
        reading = asyncio.ensure_future(docker.save("a:1", lambda archive: archive.read()))
        await asyncio.to_thread(eventually, lambda: pid_file.exists() and pid_file.read_text(), "it runs")
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(interrupt())
    assert not psutil.pid_exists(int(pid_file.read_text()))
