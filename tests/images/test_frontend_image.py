"""The frontend's images in use: a hardened Node server or nginx in front of the backend."""

import re
import shutil
import socket
import subprocess
import tarfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from automation.contract import profiles
from backend.tests.chat.stream import calls_of, parts_of
from tests.images.containers import (
    PATIENCE_S,
    ROOT,
    SHELLS_AND_INSTALLERS,
    Container,
    build,
    docker,
    migrate,
    running,
    volume,
    wait_until,
)

# One image of each kind; `invoke verify --all` checks every profile.
PROFILES = ["standalone", "taskflow"]
ADDRESS = re.compile(r'(?:src|href)="(/_next/static/[^"]+)"')


def image_of(profile: str) -> tuple[str, list[str], int]:
    """Return the image of a profile, built if missing, its run options and its port."""
    wanted = profiles.load(profile).frontend
    image = build("--profile", profile, "--service", "frontend")["reference"]
    owner = f"uid={wanted.user.uid},gid={wanted.user.gid}"
    return image, [word for path in wanted.writable for word in ("--tmpfs", f"{path}:{owner}")], wanted.port


@contextmanager
def application(profile: str) -> Iterator[tuple[Container, Container]]:
    """Run both images of a profile until the block ends; yield the frontend and the backend."""
    backend_port = profiles.load(profile).backend.port
    backend_image = build("--profile", profile, "--service", "backend")["reference"]
    image, options, port = image_of(profile)
    name = f"images-{uuid.uuid4().hex}"
    network = ("--network", name)
    docker("network", "create", name)
    try:
        with volume() as data:
            stored = ("--volume", f"{data}:/data")
            migrate(backend_image, *stored)
            alias = ("--network-alias", "backend")
            address = {"API_URL": f"http://backend:{backend_port}"}
            with (
                running(backend_image, *network, *alias, *stored, port=backend_port) as backend,
                running(image, *network, *options, port=port, environment=address) as frontend,
            ):
                backend.wait("/ready")
                frontend.wait()
                yield frontend, backend
    finally:
        docker("network", "rm", name)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_frontend_serves_sign_up_tasks_and_chat(profile: str) -> None:
    with application(profile) as (frontend, _), frontend.person() as person:
        assert person.post("/api/tasks", json={"title": "Buy milk"}).status_code == 201
        chat = person.post("/api/chat", json={"message": "add water the plants tomorrow at 5pm"})
        assert chat.headers["content-type"].startswith("text/event-stream")
        assert "add_task" in calls_of(parts_of(chat.text))
        titles = {task["title"] for task in person.get("/api/tasks").json()["items"]}
        assert titles == {"Buy milk", "Water the plants"}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_image_serves_its_pages_and_their_assets(profile: str) -> None:
    image, options, port = image_of(profile)
    with running(image, *options, port=port) as container:
        assert container.wait().json()["status"] == "ok"
        for path in ("/", "/sign-in", "/sign-up"):
            page = container.get(path)
            assert (page.status_code, page.headers["x-frame-options"]) == (200, "DENY")
            files = set(ADDRESS.findall(page.text))
            assert any(file.endswith(".js") for file in files)
            assert any(file.endswith(".css") for file in files)
            for file in files:
                asset = container.get(file)
                assert asset.status_code == 200, file
                assert "immutable" in asset.headers["cache-control"]
                assert asset.headers.get("content-encoding") == "gzip" or len(asset.content) < 1000
        for path in ("/there-is-no-such-page", "/_next/image?url=%2Fx&w=64&q=75"):
            assert container.get(path).status_code == 404
        # No backend runs at this address.
        assert container.get("/api/tasks").json()["code"] == "backend_unreachable"
        assert "nhandled" not in container.logs()


@pytest.mark.parametrize("profile", PROFILES)
def test_the_image_has_no_shell_and_its_user_owns_the_contracts_paths(profile: str, tmp_path: Path) -> None:
    image, options, port = image_of(profile)
    wanted = profiles.load(profile).frontend
    with running(image, *options, port=port) as container:
        container.wait()
        processes = docker("top", container.id, "-eo", "pid,uid,gid").stdout.splitlines()[1:]
        assert {tuple(line.split()[1:]) for line in processes} == {
            (str(wanted.user.uid), str(wanted.user.gid))
        }
        archive = tmp_path / "root.tar"
        docker("export", "--output", str(archive), container.id)
    with tarfile.open(archive) as members:
        found = {f"/{member.name}": member for member in members}
    programs = {Path(path).name for path, member in found.items() if not member.isdir()}
    assert not SHELLS_AND_INSTALLERS & programs
    writable = {
        path
        for path, member in found.items()
        if member.isdir() and (member.uid != 0 or member.mode & 0o022) and path not in {"/dev/shm", "/tmp"}
    }
    assert writable == set(wanted.writable)
    assert not [path for path, member in found.items() if member.isfile() and member.mode & 0o6002]
    with tarfile.open(archive) as members:
        content = members.extractfile("etc/passwd")
        assert content is not None
        user = f"{wanted.user.name}:x:{wanted.user.uid}:{wanted.user.gid}:"
        assert [line for line in content.read().decode().splitlines() if line.startswith(user)]


@pytest.mark.parametrize("profile", PROFILES)
def test_docker_reports_a_healthy_container_within_seconds(profile: str) -> None:
    image, options, port = image_of(profile)
    with running(image, *options, port=port) as container:
        wait_until(lambda: container.state["Health"]["Status"] == "healthy")
        configured = docker("inspect", "--format", '{{join .Config.Healthcheck.Test "\\n"}}', image).stdout
        check = configured.split("\n")[1:-1]
        assert docker("exec", container.id, *check).returncode == 0
        # One port without a server, and one path whose status is not 200.
        for wrong in ("PORT=9", "HEALTH_PATH=/there-is-no-such-page"):
            assert docker("exec", "--env", wrong, container.id, *check, check=False).returncode == 1


@pytest.mark.parametrize("profile", PROFILES)
def test_a_request_in_flight_is_answered_before_the_container_stops(profile: str) -> None:
    body = b'{"email": "ada@example.org", "password": "wrong horse"}'
    head = (
        "POST /api/auth/sign-in/email HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with application(profile) as (frontend, _):
        host, port = frontend.address.removeprefix("http://").split(":")
        with (
            socket.create_connection((host, int(port)), 30) as connection,
            connection.makefile("rb") as answer,
        ):
            connection.sendall(head.encode() + body[:10])
            stopping = subprocess.Popen(["docker", "stop", frontend.id], stdout=subprocess.DEVNULL)
            wait_until(lambda: not is_open(frontend))
            connection.sendall(body[10:])
            assert answer.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
            read_to_end(answer)
        assert stopping.wait(30) == 0
        # The container neither failed nor was killed.
        assert frontend.state["ExitCode"] in {0, 143}, frontend.logs()


def is_open(container: Container) -> bool:
    """Check in the container that the server listens: Docker's proxy accepts connections anyway."""
    listening = docker("exec", container.id, *LISTENS[container.port], check=False)
    return listening.returncode == 0


LISTENS = {3000: ("node", "healthcheck.mjs"), 8080: ("healthcheck",)}


def read_to_end(answer: IO[bytes]) -> None:
    """Read until the server closes the connection."""
    while answer.read(4096):
        pass


@pytest.mark.parametrize("profile", PROFILES[:1])
def test_the_init_process_reaps_orphans(profile: str) -> None:
    image, options, port = image_of(profile)
    with running(image, *options, port=port) as container:
        container.wait()
        orphan = docker("exec", container.id, "node", "--eval", LEAVE_AN_ORPHAN).stdout.strip()
        gone = ("node", "--eval", f"process.exit(require('fs').existsSync('/proc/{orphan}') ? 1 : 0)")
        wait_until(lambda: docker("exec", container.id, *gone, check=False).returncode == 0)


LEAVE_AN_ORPHAN = """
const child = require("child_process").spawn(process.execPath, ["--eval", "setTimeout(() => {}, 200)"],
                                             { detached: true, stdio: "ignore" });
child.unref();
console.log(child.pid);
"""


def test_changes_are_served_from_sources_of_another_owner(tmp_path: Path) -> None:
    image = build("--dev", "--service", "frontend")["reference"]
    sources = tmp_path / "frontend"
    names = subprocess.run(
        ["git", "ls-files", "-z", "frontend"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    # The mount points of the volumes, which Docker cannot create in a read-only file system.
    for name in ("node_modules", ".next"):
        (sources / name).mkdir()
    options = [
        "--volume", f"{sources}:/app:ro", "--volume", "/app/node_modules", "--volume", "/app/.next",
        "--tmpfs", "/tmp",
    ]  # fmt: skip
    with running(image, *options, port=3000) as container:
        container.wait()
        page = sources / "app" / "a-new-page" / "page.tsx"
        page.parent.mkdir()
        page.write_text("export default function Page() {\n  return <p>changed</p>;\n}\n")
        deadline = time.monotonic() + PATIENCE_S
        while container.get("/a-new-page").status_code != 200:
            assert time.monotonic() < deadline, container.logs()


# Starts the server that Next.js generates for a build, from the image's files.
NEXT_SERVER = """
import { readFileSync } from "node:fs";
const { config } = JSON.parse(readFileSync(".next/required-server-files.json", "utf8"));
process.env.__NEXT_PRIVATE_STANDALONE_CONFIG = JSON.stringify(config);
const { default: { startServer } } = await import("next/dist/server/lib/start-server.js");
const address = { hostname: "0.0.0.0", port: 3000, allowRetry: false };
await startServer({ dir: process.cwd(), isDev: false, config, ...address });
"""
ROUTER_DATA = {"rsc": "1"}
PREFETCH = {"rsc": "1", "next-router-prefetch": "1", "next-router-segment-prefetch": "/_tree"}


def test_the_server_sends_what_next_js_would_send() -> None:
    image, options, port = image_of("standalone")
    with (
        running(image, *options, port=port) as ours,
        running(
            image, *options, port=port, command=("node", "--input-type=module", "--eval", NEXT_SERVER)
        ) as theirs,
    ):
        ours.wait()
        theirs.wait()
        files = ADDRESS.findall(ours.get("/").text)
        assert files
        asked: list[tuple[str, dict[str, str]]] = [
            *((file, {}) for file in files),
            *(
                (page, headers)
                for page in ("/", "/sign-in", "/sign-up")
                for headers in ({}, ROUTER_DATA, PREFETCH)
            ),
            *(
                (path, {})
                for path in ("/sign-in/", "/favicon.ico", "/icon.svg", "/health", "/api/health", "/nothing")
            ),
        ]
        for path, headers in asked:
            answer, expected = (
                ours.get(path, headers=headers),
                theirs.get(path, headers=headers, follow_redirects=True),
            )
            assert (answer.status_code, answer.content) == (expected.status_code, expected.content), (
                path,
                headers,
            )
