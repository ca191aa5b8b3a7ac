"""The scanner finds a secret in every place where people leave one, with the project's own rules."""

import asyncio
import base64
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from automation import settings
from automation.contract import profiles
from automation.contract.models import SERVICES
from automation.paths import ROOT
from automation.verify.facts import Leaks
from automation.verify.gather import inspection, sources
from automation.verify.gather.leaks import Leak, Scan

WORDS = "correct-horse-battery"
RANDOM = "Zk8vQ2mT7xWp4LsR9dYc3HnB6jFgA1eU0oIq5KtV"
KEY = "sk-proj-" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z"
TOKEN = "npm_" + "a1B2c3D4e" * 4
ACCESS_TOKEN = "todo_pat_" + "a1B2c3D4" * 4


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def zipped(text: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("x/.npmrc", text)
    return made.getvalue()


def packed(text: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        member = tarfile.TarInfo("x/.npmrc")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text.encode()))
    return made.getvalue()


PLANTED: dict[str, str | bytes] = {
    "npmrc/.npmrc": f"//registry.example.com/:_authToken={RANDOM}\n",
    "npm/.npmrc": f"//registry.example.com/:_authToken={TOKEN}\n",
    "netrc/.netrc": f"machine example.com login me password {RANDOM}\n",
    "access-token/notes.md": f"Connect with {ACCESS_TOKEN}.\n",
    "json/settings.json": json.dumps({"password": WORDS}),
    "json-key/settings.json": json.dumps({"apiKey": RANDOM}),
    "shell/run.sh": f"export BETTER_AUTH_SECRET={WORDS}\n",
    "header/run.sh": f"curl -H 'Authorization: Bearer {RANDOM}' https://example.com\n",
    "environment/.env": f"BETTER_AUTH_SECRET={WORDS}\n",
    "address/compose.yml": f"url: postgresql://todo:{RANDOM}@db.example/todo\n",
    "model/main.py": f'KEY = "{KEY}"\n',
    "google/main.py": "KEY = 'AIza" + "SyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe'\n",
    "github/notes.txt": "ghp_" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zQ1w2E",
    "heredoc/Dockerfile": f"FROM x\nRUN <<EOF\nexport JWT_SECRET={WORDS}\nEOF\n",
    "base64/notes.txt": encoded(f"OPENAI_API_KEY={KEY}"),
    "kubernetes/secret.yaml": f"kind: Secret\ndata:\n  JWT_SECRET: {encoded(RANDOM)}\n",
    "key/tls.pem": f"-----BEGIN PRIVATE KEY-----\n{encoded(RANDOM * 6)}\n-----END PRIVATE KEY-----\n",
    "zip/a.zip": zipped(f"//registry.example.com/:_authToken={TOKEN}\n"),
    "tar/a.tar.gz": packed(f"//registry.example.com/:_authToken={TOKEN}\n"),
}
HARMLESS: dict[str, str | bytes] = {
    "example/.env.example": "OPENAI_API_KEY=\nBETTER_AUTH_SECRET=\n",
    "variable/run.sh": 'export JWT_SECRET="$(openssl rand -hex 32)"\n',
    "placeholder/compose.yml": "url: postgresql://todo:${POSTGRES_PASSWORD:?is not set}@postgres/todo\n",
    "sample/main.py": 'KEY = "sk-your-openai-api-key-here"\n',
    "reference/.npmrc": "//registry.example.com/:_authToken=${NPM_TOKEN}\n",
}


DEFAULTS: list[tuple[str, str]] = [
    ("a.py", f'key = config("JWT_SECRET", cast=str, default="{WORDS}")'),
    ("a.py", f'key = os.environ.get("BETTER_AUTH_SECRET") or "{WORDS}"'),
    ("a.py", f'key = os.environ.get("JWT_SECRET") if wanted else "{WORDS}"'),
    ("a.py", f'os.environ.setdefault("BETTER_AUTH_SECRET", "{WORDS}")'),
    ("a.py", f'os.environ["BETTER_AUTH_SECRET"] = "{WORDS}"'),
    ("a.py", f'key = os.environ.get(\n    "BETTER_AUTH_SECRET",\n    "{WORDS}",\n)'),
    ("a.py", f'class S(BaseSettings):\n    better_auth_secret: str = "{WORDS}"'),
    ("a.py", f'class S(BaseSettings):\n    jwt_secret: SecretStr = Field(default="{WORDS}")'),
    ("a.py", f'class S(BaseSettings):\n    jwt_secret: SecretStr = SecretStr("{WORDS}")'),
    ("a.py", f'OTHER = "{WORDS}"\nkey = os.getenv("JWT_SECRET", OTHER)'),
    ("a.py", f'os.environ.update({{"JWT_SECRET": "{WORDS}"}})'),
    ("a.py", f'os.environ.update(JWT_SECRET="{WORDS}")'),
    ("a.py", f'def sign(text: str, *, secret: str = "{WORDS}") -> str: ...'),
    ("a.py", 'key = os.environ.get("API_KEY", "abcdef")'),
    ("a.yml", """command: python -c 'os.environ.get("API_KEY", "abcdef")'"""),
    ("a.ts", 'const secret = process.env.BETTER_AUTH_SECRET ?? "for-development";'),
    ("a.ts", f"const secret = process.env.BETTER_AUTH_SECRET ?? `{WORDS}`;"),
    ("a.ts", f'const secret = process.env["JWT_SECRET"] ||\n  "{WORDS}";'),
    ("a.ts", f'process.env.JWT_SECRET ??= "{WORDS}";'),
    ("a.mjs", f'export const settings = {{ betterAuthSecret: "{WORDS}" }};'),
    ("a.yaml", f"betterAuthSecret: {WORDS}"),
    ("a.yaml", f"secret: {{betterAuthSecret: {WORDS}}}"),
    ("a.yml", f"      better_auth_secret: '{WORDS}'  # for now"),
    ("a.yml", f'      - "BETTER_AUTH_SECRET={WORDS}"'),
    ("a.yml", f"      - name: BETTER_AUTH_SECRET\n        value: {WORDS}"),
    ("a.yml", "  - ${jwt_secret:-change-me}"),
    ("a.yml", "  - ${JWT_SECRET:-change-me}"),
    ("a.yml", "      BETTER_AUTH_SECRET: only-for-development"),
    ("a.yml", "      DATABASE_URL: postgresql://todo:todo@postgres:5432/todo"),
    ("a.yml", "      DATABASE_URL: postgresql://${USER_NAME:-todo}:todo@postgres:5432/todo"),
]
"""Default values for a secret in code, Compose files and the chart."""
NO_DEFAULTS: list[tuple[str, str]] = [
    ("a.py", 'id_token: Mapped[str | None] = mapped_column("idToken", Text)'),
    ("a.py", 'key = os.environ.get("API_KEY", "")'),
    ("a.py", 'key = os.environ.get("AGENT_PROVIDER") or "openai"'),
    ("a.py", "class S(BaseSettings):\n    api_key: Key | None = None\n    jwt_secret: SecretStr"),
    ("a.py", 'SECRET_LENGTH = 32\ntoken = secrets.token_hex(16)\nkind = "credential"'),
    ("a.py", "raise ValueError(os.environ['JWT_SECRET'])"),
    ("a.ts", 'const secret = process.env.BETTER_AUTH_SECRET ?? "";'),
    ("a.tsx", 'const labels = { password: "Password", hint: "a-b-c-d-e" };'),
    ("a.tsx", '<Field autoComplete={isNew ? "new-password" : "current-password"} />'),
    ("a.yml", "  - ${AGENT_PROVIDER:-openai}"),
    ("a.yml", "JWT_SECRET: ${JWT_SECRET:?is not set}"),
    ("a.yml", "API_KEY: Key | None = None"),
    ("a.yml", "    JWT_SECRET: ${JWT_SECRET:?is not set. Create .env}\n    API_KEY:\n    DATABASE_URL:"),
    ("a.yml", "    url: postgresql://todo:${POSTGRES_PASSWORD:?is not set}@postgres:5432/todo"),
    ("a.yaml", "tlsSecretName: todo-chatbot-tls\nsecret: {name: todo-secrets}"),
    ("a.yaml", "automountServiceAccountToken: false"),
    ("a.yaml", "# DATABASE_URL: postgresql://user:password@host/name"),
]
CONFIGS: dict[str, dict[str, Any]] = {
    **{
        name: {"config": {"Env": [f"{name}={WORDS}"]}}
        for name in ("PGPASSWORD", "DB_PASS", "SIGNING_KEY", "STRIPE_KEY", "X-Api-Key", "SMTP_PASSWORD_FILE")
    },
    "a key": {"config": {"Env": [f"SOMETHING={KEY}"]}},
    "what looks like a key": {"config": {"Env": [f"SOMETHING={RANDOM}"]}},
    "a label": {"config": {"Labels": {"api-token": WORDS}}},
    "a command": {"config": {"Cmd": ["serve", f"--token={WORDS}"]}},
    "a health check": {"config": {"Healthcheck": {"Test": ["CMD", "probe", f"--token={WORDS}"]}}},
    "an instruction for later": {"config": {"OnBuild": [f"ENV API_KEY={WORDS}"]}},
    "an address": {"config": {"Env": [f"URL=postgresql://todo:{RANDOM}@db.example/todo"]}},
    "a header": {"history": [{"created_by": f'RUN fetch --header "Authorization: Bearer {RANDOM}"'}]},
    "an argument": {"history": [{"created_by": f"RUN |2 NPM_TOKEN={WORDS} UID=1 /bin/sh -c npm ci"}]},
    "a random argument": {"history": [{"created_by": f"|1 SALT={RANDOM} /bin/sh -c make"}]},
    "a declared argument": {"history": [{"created_by": f"ARG API={KEY}"}]},
    "a command of the build": {"history": [{"created_by": f"RUN JWT_SECRET={WORDS} make"}]},
}
"""Configurations of images that have a secret."""
PLAIN_CONFIGS: dict[str, dict[str, Any]] = {
    **{
        name: {"config": {"Env": [f"{name}=7169605f62c751356d054a26a821e680"]}}
        for name in ("GPG_KEY", "PUBLIC_KEY", "KEY", "KEYCLOAK_REALM", "COMPASS", "PYTHON_SHA256")
    },
    "a variable": {"history": [{"created_by": 'RUN fetch --header "Authorization: Bearer $TOKEN"'}]},
}
BINARY = b"\x7fELF\0\0\1\2\0" * 3000 + KEY.encode() + b"\0\0\1" + b"\0\3" * 1000
VALUE = "known-to-this-machine"


def data(content: str | bytes) -> io.BytesIO:
    return io.BytesIO(content.encode() if isinstance(content, str) else content)


@pytest.fixture(scope="module")
def found() -> Mapping[Any, tuple[Leak, ...]]:
    """Scan every example at once."""
    with Scan(settings.load(), {"A_SETTING": VALUE, "SHORT": "todo"}) as scan:
        for name, content in {**PLANTED, **HARMLESS}.items():
            scan.add(name, name, data(content), area="context")
        for name, text in (*DEFAULTS, *NO_DEFAULTS):
            scan.add(text, name, data(text + "\n"), area="declared")
        for key, document in {**CONFIGS, **PLAIN_CONFIGS}.items():
            for part, name, text in inspection.texts(document):
                scan.add(key, part, data(text), area="image", name=name)
        for name, content in {**OTHERS, **EXAMPLES}.items():
            scan.add(name, name, data(content), area="image")
        return asyncio.run(scan.leaks())


OTHERS: dict[str, str | bytes] = {
    "/app/program": BINARY,
    "/app/settings.yaml": f"secret: {WORDS}\n",
    "/app/known.bin": b"\0" * (2**24 - 5) + VALUE.encode(),
    "/app/..": f"export JWT_SECRET='{KEY}'",
    "/usr/lib/python3/site-packages/a/b.py": f"url = 'postgresql://todo:{RANDOM}@db.example/todo'",
    "/app/ignored.sh": f"export JWT_SECRET={WORDS} # kingfisher:ignore\n",
}
"""Cases that only images have: programs, hostile names, and words that hide a line from the scanner."""
EXAMPLES: dict[str, str | bytes] = {
    "/opt/venv/lib/python3.11/site-packages/a/networks.py": "# https://user:pass123word@example.com/",
}
"""Texts that others write in the documentation of their packages."""


@pytest.mark.parametrize("place", [*PLANTED, *CONFIGS, *OTHERS])
def test_a_secret_is_found_in_every_place(place: str, found: Mapping[Any, tuple[Leak, ...]]) -> None:
    assert found.get(place)
    assert not any(secret in str(found[place]) for secret in (WORDS, RANDOM, KEY, TOKEN, VALUE))


@pytest.mark.parametrize("place", [*HARMLESS, *PLAIN_CONFIGS, *EXAMPLES])
def test_what_only_resembles_a_secret_passes(place: str, found: Mapping[Any, tuple[Leak, ...]]) -> None:
    assert found.get(place, ()) == ()


@pytest.mark.parametrize("text", [text for _, text in DEFAULTS])
def test_a_default_value_for_a_secret_is_found(text: str, found: Mapping[Any, tuple[Leak, ...]]) -> None:
    assert found.get(text)


@pytest.mark.parametrize("text", [text for _, text in NO_DEFAULTS])
def test_a_secret_without_a_default_value_passes(text: str, found: Mapping[Any, tuple[Leak, ...]]) -> None:
    assert found.get(text, ()) == ()


def test_the_line_of_a_secret_is_reported(found: Mapping[Any, tuple[Leak, ...]]) -> None:
    assert {leak.line for leak in found["heredoc/Dockerfile"]} == {3}


def test_a_missing_scanner_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    current = settings.load()
    leaks = asyncio.run(sources.leaks(current, profiles.load()))
    assert leaks["backend"].failure == "Kingfisher, which searches for secrets, is not installed"
    assert "./dev" in leaks[""].remedy


def test_the_project_has_no_secret() -> None:
    leaks = asyncio.run(sources.leaks(settings.load(), profiles.load()))
    assert leaks == dict.fromkeys(("", *SERVICES), Leaks())


def test_a_secret_that_a_later_commit_removes_is_found(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(str(PLANTED["environment/.env"]))
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "Add it"), ("rm", "-q", ".env"),
                  ("commit", "-qm", "Remove it")):  # fmt: skip
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, timeout=60)
    rules = str(ROOT / "deploy/secrets.toml")
    scan = (
        "kingfisher",
        "scan",
        "--no-validate",
        "--no-update-check",
        "--git-history",
        "full",
        "--rules-path",
    )
    command = [sys.executable, "-m", *scan, rules, "."]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=200).returncode == 200
