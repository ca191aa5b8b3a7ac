"""The backend's images in use: every feature works without the files that were removed."""

import gzip
import json
import signal
import socket
import ssl
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from automation.contract import profiles
from automation.settings import load as load_settings
from backend.tests.chat.stream import calls_of, parts_of, text_of
from tests.images.containers import (
    HARDENED,
    ROOT,
    SECRET,
    SHELLS_AND_INSTALLERS,
    build,
    docker,
    migrate,
    running,
    volume,
    wait_until,
)

# One image with a virtual environment and one without; `invoke verify --all` checks every profile.
PROFILES = ["standalone", "taskflow"]


@pytest.fixture(scope="module")
def standalone() -> str:
    return image_of("standalone")[0]


def image_of(profile: str) -> tuple[str, int]:
    """Return the image of a profile, built if missing, and its port."""
    image = build("--profile", profile, "--service", "backend")["reference"]
    return image, profiles.load(profile).backend.port


# --- Every profile


@pytest.mark.parametrize("profile", PROFILES)
def test_users_and_tasks_survive_the_container(profile: str) -> None:
    image, port = image_of(profile)
    with volume() as data, ExitStack() as people, ExitStack() as first:
        assert "applied 0001_accounts" in migrate(image, "--volume", f"{data}:/data")
        container = first.enter_context(running(image, "--volume", f"{data}:/data", port=port))
        assert container.wait("/ready").status_code == 200
        person = people.enter_context(container.person())
        assert person.post("/api/tasks", json={"title": "Buy milk"}).status_code == 201
        chat = person.post("/api/chat", json={"message": "add water the plants tomorrow at 5pm"})
        assert "add_task" in calls_of(parts_of(chat.text))
        first.close()
        with running(image, "--volume", f"{data}:/data", port=port) as again:
            again.wait("/ready")
            person.base_url = again.address
            titles = {task["title"] for task in person.get("/api/tasks").json()["items"]}
            assert titles == {"Buy milk", "Water the plants"}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_container_runs_as_its_user_with_the_contracts_writable_paths(profile: str) -> None:
    image, port = image_of(profile)
    wanted = profiles.load(profile).backend
    with running(image, port=port) as container:
        observed = json.loads(container.python(OBSERVE))
    assert observed["user"] == [wanted.user.name, wanted.user.group, wanted.user.uid, wanted.user.gid]
    assert set(observed["writable"]) == {"/data", *wanted.writable}
    assert observed["privileges"] == {"CapEff": "0000000000000000", "NoNewPrivs": "1"}
    assert not SHELLS_AND_INSTALLERS & {Path(program).name for program in observed["programs"]}
    assert Path("/app/app/main.py") in map(Path, observed["sources"])
    assert Path("/app/main.py") in map(Path, observed["sources"])


OBSERVE = """
import grp, json, os, pwd
programs, writable, sources = [], [], []
for directory, names, files in os.walk("/"):
    names[:] = [name for name in names if os.path.join(directory, name) not in ("/proc", "/sys", "/dev")]
    status = os.stat(directory)
    if status.st_uid == os.getuid() or status.st_mode & 0o022:
        writable.append(directory)
    for name in files:
        path = os.path.join(directory, name)
        if os.access(path, os.X_OK):
            programs.append(path)
        if path.endswith(".py"):
            sources.append(path)
lines = (line.split(":") for line in open("/proc/self/status"))
facts = {name: value.strip() for name, value in lines if name in ("CapEff", "NoNewPrivs")}
user = [pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name, os.getuid(), os.getgid()]
print(json.dumps(dict(user=user, writable=writable, programs=programs, sources=sources, privileges=facts)))
"""


@pytest.mark.parametrize("profile", PROFILES)
def test_docker_reports_a_healthy_container_within_seconds(profile: str) -> None:
    image, port = image_of(profile)
    with running(image, port=port) as container:
        wait_until(lambda: container.state["Health"]["Status"] == "healthy")
        # A frozen server is unhealthy, by the check that Docker runs.
        container.python(f"{FIND_SERVER}os.kill(server, 19)")
        asked = docker("exec", container.id, "python", "-m", "app.healthcheck", check=False)
        path = profiles.load(profile).backend.health.path
        assert (asked.returncode, asked.stdout) == (1, f"{path} on port {port}: no answer within 1 s\n")


FIND_SERVER = """
import os
[server] = [
    int(pid)
    for pid in os.listdir("/proc")
    if pid.isdigit() and pid != "1" and b"app" in open(f"/proc/{pid}/cmdline", "rb").read()
]
"""


def test_a_request_in_flight_is_answered_before_the_container_stops(standalone: str) -> None:
    body = b'{"email": "ada@example.org", "password": "wrong horse"}'
    head = (
        "POST /api/auth/sign-in/email HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    )
    with volume() as data:
        migrate(standalone, "--volume", f"{data}:/data")
        with running(standalone, "--volume", f"{data}:/data") as container:
            container.wait("/ready")
            host, port = container.address.removeprefix("http://").split(":")
            with (
                socket.create_connection((host, int(port)), 30) as connection,
                connection.makefile("rb") as answer,
            ):
                connection.sendall(head.encode())
                # The server reads the body after it has started the request.
                assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
                assert answer.readline() == b"\r\n"
                stopping = subprocess.Popen(["docker", "stop", container.id], stdout=subprocess.DEVNULL)
                wait_until(lambda: "Shutting down" in container.logs())
                connection.sendall(body)
                assert answer.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
            assert stopping.wait(30) == 0
            # The process ended by the signal it received, not by the SIGKILL after Docker's grace period.
            assert container.state["ExitCode"] == 128 + signal.SIGTERM
            assert "Application shutdown complete" in container.logs()


def test_the_init_process_reaps_orphans(standalone: str) -> None:
    with running(standalone) as container:
        container.wait()
        orphan = container.python(
            "import os\nif os.fork() == 0:\n    print(os.getpid(), flush=True)\n    os._exit(0)"
        )
        gone = f"import os; print(os.path.exists('/proc/{orphan}'))"
        wait_until(lambda: container.python(gone) == "False")


@pytest.mark.parametrize("profile", ["cluster", "uv"])
def test_the_port_is_configurable_at_startup(profile: str) -> None:
    image, _ = image_of(profile)
    with running(image, port=9123, environment={"PORT": "9123"}) as container:
        assert container.wait().status_code == 200
        assert docker("exec", container.id, "python", "-m", "app.healthcheck").returncode == 0


# --- The image's libraries


def test_a_model_streams_its_answer_and_calls_tools(standalone: str) -> None:
    server = ("python", "-m", "tests.model_server", "--port", "9000")
    with volume() as data:
        migrate(standalone, "--volume", f"{data}:/data")
        with running(
            standalone,
            "--volume",
            f"{data}:/data",
            environment={"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": "http://127.0.0.1:9000/v1"},
        ) as container:
            started = docker(
                "run", "--detach", *HARDENED, "--network", f"container:{container.id}",
                "--volume", f"{ROOT}/tests:/srv/tests:ro", "--workdir", "/srv", standalone, *server,
            )  # fmt: skip
            try:
                container.wait("/ready")
                with container.person() as person:
                    reply = person.post("/api/chat", json={"message": "add buy milk"})
            finally:
                docker("rm", "--force", started.stdout.strip())
    parts = parts_of(reply.text)
    assert calls_of(parts) == ["add_task"]
    assert text_of(parts)
    assert not [part for part in parts if part["type"] == "error"]


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A PostgreSQL server that requires TLS: its network, and the certificate to trust."""
    certificate = make_certificate(tmp_path, "database")
    tmp_path.chmod(0o755)
    certificate.chmod(0o644)
    network = f"images-{uuid.uuid4().hex}"
    docker("network", "create", network)
    start = (
        "install -o postgres -m 600 /tls/server.key /tmp/server.key; exec docker-entrypoint.sh postgres "
        "-c ssl=on -c ssl_cert_file=/tls/server.crt -c ssl_key_file=/tmp/server.key"
    )
    server = docker(
        "run", "--detach", "--network", network, "--network-alias", "database",
        "--volume", f"{tmp_path}:/tls:ro",
        "--env", f"POSTGRES_PASSWORD={SECRET}", "--env", "POSTGRES_DB=todo",
        "--entrypoint", "sh", "postgres:17", "-c", start,
    ).stdout.strip()  # fmt: skip
    try:
        ready = ("exec", server, "pg_isready", "--host=127.0.0.1", "--dbname=todo")
        wait_until(lambda: docker(*ready, check=False).returncode == 0)
        yield network, certificate
    finally:
        docker("rm", "--force", "--volumes", server)
        docker("network", "rm", network)


def make_certificate(folder: Path, name: str) -> Path:
    """Create a certificate and key for a host in the folder; return the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.key").write_bytes(encoded)
    (folder / "server.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return folder / "server.crt"


def test_postgresql_connections_use_verified_tls(standalone: str, postgresql: tuple[str, Path]) -> None:
    network, certificate = postgresql
    url = f"postgresql://postgres:{SECRET}@database:5432/todo?sslmode=verify-full&channel_binding=require"
    options = ("--network", network, "--volume", f"{certificate}:/tls/server.crt:ro")
    trusted = {"DATABASE_URL": f"{url}&sslrootcert=/tls/server.crt"}
    assert "applied 0001_accounts" in migrate(standalone, *options, environment=trusted)
    with running(standalone, *options, environment=trusted) as container:
        assert container.wait("/ready").json() == {"status": "ready"}
        with container.person() as person:
            assert person.post("/api/tasks", json={"title": "Buy milk"}).status_code == 201
            assert person.get("/api/tasks").json()["items"][0]["title"] == "Buy milk"
    # The image has the public certificate authorities, none of which signed this certificate.
    public = {"DATABASE_URL": f"{url}&sslrootcert=system"}
    with running(standalone, *options, environment=public) as container:
        assert container.wait("/ready").json() == {"status": "database unreachable"}
        container.wait("/ready")
        assert "certificate verify failed" in container.logs()


def test_tokens_are_signed_and_passwords_verified(standalone: str) -> None:
    with volume() as data:
        migrate(standalone, "--volume", f"{data}:/data")
        with running(standalone, "--volume", f"{data}:/data") as container:
            container.wait("/ready")
            with container.person() as person:
                token = person.get("/api/auth/token").json()["token"]
                [key] = person.get("/api/auth/jwks").json()["keys"]
                claims = jwt.decode(
                    token, jwt.PyJWK(key), algorithms=["EdDSA"], audience="http://localhost:3000"
                )
                session: dict[str, Any] = person.get("/api/auth/get-session").json()
                assert claims["sub"] == session["user"]["id"]
                wrong = {"email": session["user"]["email"], "password": "wrong horse"}
                assert person.post("/api/auth/sign-in/email", json=wrong).status_code == 401
                right = {**wrong, "password": "correct horse"}
                assert person.post("/api/auth/sign-in/email", json=right).status_code == 200


@pytest.mark.parametrize("profile", PROFILES)
def test_every_module_can_be_imported(profile: str) -> None:
    """Import every module. Only packages that are not installed may be missing."""
    image, _ = image_of(profile)
    said = docker("run", "--rm", "--interactive", *HARDENED, image, "python", "-", input=IMPORT_ALL).stdout
    imported = json.loads(said)
    assert imported["count"] > 1500
    assert not imported["missed"]


IMPORT_ALL = """
import importlib, io, json, os, sys, sysconfig, warnings
warnings.simplefilter("ignore")
top, out, sys.stdout = sysconfig.get_path("purelib"), sys.stdout, io.StringIO()
names = set()
for directory, _, files in os.walk(top):
    for file in files:
        stem, _, rest = file.partition(".")
        parts = [part for part in os.path.relpath(directory, top).split("/") if part != "."]
        if rest.split(".")[-1] in ("py", "pyc", "so") and all(part.isidentifier() for part in (*parts, stem)):
            names.add(".".join(parts if stem == "__init__" else (*parts, stem)))
of_windows = {"_overlapped", "_winapi", "msvcrt", "nt", "winreg", "winsound"}
own = {name.partition(".")[0] for name in names} | sys.stdlib_module_names - of_windows
missed = {}
for name in sorted(names):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        # One that says of itself that it does not exist tells of a change of its name.
        if error.name and error.name != name and error.name.partition(".")[0] in own:
            missed[name] = str(error)
    except LookupError as error:
        missed[name] = str(error)
    except BaseException:
        continue  # it wants another system, or settings of its own
out.write(json.dumps({"count": len(names), "missed": missed}))
"""


# --- The build


def test_the_image_contains_no_build_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = f"marker{uuid.uuid4().hex}"
    given = load_settings().build_secrets
    authorities = given.get("ca") or Path(ssl.get_default_verify_paths().cafile or "")
    for name, source, comment in (
        ("CA", authorities, marker),
        ("PIPCONF", given.get("pipconf"), f"# {marker}"),
        ("APTCONF", given.get("aptconf"), f"// {marker}"),
    ):
        file = tmp_path / name
        file.write_text(f"{comment}\n{source.read_text() if source else ''}")
        monkeypatch.setenv(f"BUILD_{name}_FILE", str(file))
    image = build("--profile", "standalone", "--service", "backend", "--no-cache")["reference"]
    archive = tmp_path / "image.tar"
    docker("save", "--output", str(archive), image)
    names = 0
    with tarfile.open(archive) as members:
        for member in members:
            if content := members.extractfile(member):
                data = content.read()
                data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
                assert marker.encode() not in data, member.name
                names += b"usr/bin/tini" in data
    assert names, "the layers were not read"
    assert marker not in docker("history", "--no-trunc", image).stdout
