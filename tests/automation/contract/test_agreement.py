"""`env-check` and the backend accept and refuse the same values: what passes here starts there."""

import json
import os
import re
import subprocess
import sys
import tomllib

import pytest

from automation.contract import environment, profiles
from tests.automation.conftest import ROOT

SECRET = "0123456789abcdefghijABCDEFGHIJ-_"
BACKEND = """
import json, os, sys
from app.settings import SettingsError, load_settings
answers = []
for name, value in json.load(sys.stdin):
    os.environ[name] = value
    try:
        load_settings()
        answers.append([])
    except SettingsError as error:
        answers.append(error.problems)
    os.environ[name] = ""
    os.environ["BETTER_AUTH_SECRET"] = sys.argv[1]
print(json.dumps(answers))
"""
DATABASES = [
    "postgresql://me:pw@db.example:5432/todo?sslmode=require&channel_binding=require",
    "postgres://me@db.example/todo",
    "postgresql+psycopg://me:pw@db.example/todo",
    "postgresql://me:p%40ss@[2001:db8::1]:5432/todo",
    "postgresql:///todo?host=/var/run/postgresql",
    "postgresql://db.example?dbname=todo",
    "postgres://h1:5432,h2:5432/db",
    "postgres://h1,h2/db?target_session_attrs=read-write",
    "postgresql://me:p:w@db/todo",
    "postgresql://db/todo?ssl=true",
    "postgresql://db/todo?ssl=false",
    "postgresql://db/todo?pgbouncer=true",
    "postgresql://db/todo?schema=public",
    "postgresql://me:pass@word@db/todo",
    "postgresql://me:pass/word@db/todo",
    "postgresql://me:pass?word@db/todo",
    "postgresql://me:pass#word@db/todo",
    "postgresql://me:pass word@db/todo",
    "postgresql://me:pass%word@db/todo",
    "postgresql://db",
    "postgresql://",
    "postgresql:///todo",
    "postgresql://db:0/todo",
    "postgresql://db:99999/todo",
    "postgresql://db:port/todo",
    "postgresql://h1:5432,h2:0/todo",
    "postgresql://[::1/todo",
    "postgresql+asyncpg://db/todo",
    "sqlite:///./todo.db",
    "mysql://db/todo",
    "host=localhost dbname=todo",
]
ADDRESSES = [
    "https://todo.example.com",
    "http://localhost:3000/",
    "http://[::1]:3000/path",
    "ftp://todo.example.com",
    "todo.example.com",
    "http://",
    "http://todo.example:0",
    "http://todo.example:99999",
    "http://me@todo.example",
    "http://todo.example/#part",
    "http://todo example",
]
VALUES = [
    *(("DATABASE_URL", url) for url in DATABASES),
    *(("FRONTEND_URL", address) for address in ADDRESSES),
    *(("OPENAI_BASE_URL", address) for address in ADDRESSES),
    *(("TRUSTED_ORIGINS", address) for address in ADDRESSES),
    ("TRUSTED_ORIGINS", "https://a.example, https://b.example:8443"),
    ("TRUSTED_ORIGINS", "https://a.example,,"),
    ("TRUSTED_ORIGINS", "https://a.example?x=1"),
    *(
        ("TRUSTED_ORIGINS", f"http://{host}:*")
        for host in ("localhost", "[::1]", "*", "a.example:80", "a.example/")
    ),
    *(
        ("VERSION", version)
        for version in (
            "v1.0.0", "v1.2.3-rc.1+build.5", "v1.0.0-a..b", "v1.0.0+a..b", "v1.0.0-", "v1.0.0+", "1.0.0",
            "v1.0", "v01.0.0", "v1.0.0\n", f"v1.0.0-{'a' * 122}", "v1.0.0-ä", "v1.0.٠",
        )
    ),
    *(("BETTER_AUTH_SECRET", secret) for secret in ("short", SECRET, f"{SECRET}\t")),
    *(("JWT_SECRET", secret) for secret in ("short", SECRET)),
    *(("OPENAI_API_KEY", key) for key in ("sk-x", "x", "sk-x y", "sk-ключ", "sk-x\x7f")),
    *(("GEMINI_API_KEY", key) for key in ("AIza", "a b", "ключ")),
    *(("AGENT_PROVIDER", name) for name in ("openai", "gemini", "openrouter", "OpenAI", "ollama")),
    *(("LOG_LEVEL", level) for level in ("debug", "Debug", "trace")),
    *(("LOG_FORMAT", form) for form in ("json", "console", "JSON")),
    *(
        ("SMTP_URL", url)
        for url in (
            "smtp://mail.example", "smtps://mail.example/", "smtp://me:pw@mail.example:587", "smtp://[::1]:25",
            "smtps://me%40a.example:p%40ss@mail_server:465", "smtp://me@mail.example", "smtp://me:@mail.example",
            "smtp://me@a.example:pw@mail.example", "smtp://me:p/w@mail.example", "smtp://me:p%w@mail.example",
            "smtp://mail.example:0", "smtp://mail.example:99999", "smtp://mail.example/path", "smtp://",
            "SMTP://mail.example", "mail.example:587", "http://mail.example", "smtp://mail.example?x=1",
        )
    ),
    *(
        ("MAIL_FROM", sender)
        for sender in (
            "no-reply@a.example", "To-do <no-reply@a.example>", "Täglich <a@b>", "To-do", "<a@b>",
            "a@b, c@d", "To-do <a@b> x", "a@b\n", "a@b>", 'T"o <a@b>', "a @b", "To-do<a@b>",
        )
    ),
    ("AGENT_MODEL", "qwen3\x01"),
]  # fmt: skip


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str], list[str]]:
    """The backend's verdict on each value."""
    own = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "backend" / "src")}
    done = subprocess.run(
        [sys.executable, "-c", BACKEND, SECRET],
        input=json.dumps(VALUES),
        env={**own, "BETTER_AUTH_SECRET": SECRET},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(VALUES, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize(("name", "value"), VALUES)
def test_env_check_and_the_backend_agree(
    name: str, value: str, answers: dict[tuple[str, str], list[str]]
) -> None:
    given = {"BETTER_AUTH_SECRET": SECRET, name: value}
    refused = [problem for problem in environment.check(given, profiles.load()) if problem.blocking]
    assert bool(refused) == bool(answers[name, value]), (refused, answers[name, value])


def test_plain_builds_have_the_version_and_the_source_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dockerfiles = [*ROOT.glob("*end/Dockerfile"), *ROOT.glob("*end/Dockerfile.dev")]
    assert len(dockerfiles) == 4
    for file in (*dockerfiles, ROOT / "docker-compose.yml", ROOT / ".env.example"):
        versions = re.findall(r"VERSION(?:=|:-)(v[\d.]+)", file.read_text(encoding="utf-8"))
        assert {*versions} == {f"v{project['version']}"}, file
    for file in dockerfiles:
        sources = re.findall(r"image\.source=(\S+)", file.read_text(encoding="utf-8"))
        assert {*sources} == {project["urls"]["source"]}, file
