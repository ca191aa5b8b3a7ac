"""The scanner finds a secret in every place where people leave one, with the project's own rules."""

import base64
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from automation.paths import ROOT

SCAN = (
    *(str(Path(sys.executable).with_name("kingfisher")), "scan", "--no-validate", "--no-update-check"),
    *("--redact", "--format", "jsonl", "--no-dedup", "--rules-path", str(ROOT / "deploy/secrets.toml")),
)
WORDS = "correct-horse-battery"
RANDOM = "Zk8vQ2mT7xWp4LsR9dYc3HnB6jFgA1eU0oIq5KtV"
KEY = "sk-proj-" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z"
TOKEN = "npm_" + "a1B2c3D4e" * 4


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


def scanned(folder: Path, *arguments: str) -> tuple[int, set[str]]:
    """Return the exit code, and the names of the files in which there is a secret."""
    done = subprocess.run(
        [*SCAN, *arguments, "."], cwd=folder, capture_output=True, text=True, check=False, timeout=200
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    found = {line["finding"]["path"] for line in lines if "finding" in line}
    return done.returncode, {path.removeprefix("./").partition("/")[0] for path in found}


@pytest.fixture
def planted(tmp_path: Path) -> Callable[[dict[str, str | bytes]], Path]:
    def plant(files: dict[str, str | bytes]) -> Path:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            data = content.encode() if isinstance(content, str) else content
            (tmp_path / name).write_bytes(data)
        return tmp_path

    return plant


def test_a_secret_is_found_in_every_kind_of_file(planted: Callable[[dict[str, str | bytes]], Path]) -> None:
    code, found = scanned(planted(PLANTED), "--git-history", "none")
    assert found == {name.partition("/")[0] for name in PLANTED}
    assert code == 200


def test_what_only_resembles_a_secret_passes(planted: Callable[[dict[str, str | bytes]], Path]) -> None:
    assert scanned(planted(HARMLESS), "--git-history", "none") == (0, set())


def test_a_secret_that_a_later_commit_removes_is_found(
    planted: Callable[[dict[str, str | bytes]], Path],
) -> None:
    folder = planted({"environment/.env": PLANTED["environment/.env"]})
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "Add it"), ("rm", "-q", "environment/.env"),
                  ("commit", "-qm", "Remove it")):  # fmt: skip
        subprocess.run(["git", *identity, *words], cwd=folder, check=True, timeout=60)
    code, found = scanned(folder, "--git-history", "full")
    assert (code, "environment" in found) == (200, True)
