"""The whole environment is validated before anything starts."""

import pytest

from app.settings import SettingsError, load_settings

SECRET = "0123456789abcdef0123456789abcdef"
NEON = "ep-cool-name-123456-pooler.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require"


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> list[str]:
    """Load the settings from an environment and return its problems."""
    for name, value in {"BETTER_AUTH_SECRET": SECRET, **environment}.items():
        monkeypatch.setenv(name, value)
    try:
        load_settings()
    except SettingsError as error:
        return error.problems
    return []


def test_only_the_secret_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch) == []


def test_all_problems_are_reported_together_without_values(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = load(
        monkeypatch,
        BETTER_AUTH_SECRET="hidden",
        JWT_SECRET="hidden",
        DATABASE_URL="mysql://u:hidden@host/name",
        OPENAI_API_KEY="hidden",
        GEMINI_API_KEY="hidden key",
        OPENROUTER_API_KEY="hidden\nkey",
        AGENT_PROVIDER="hidden",
        OPENAI_BASE_URL="ftp://hidden",
        FRONTEND_URL="hidden",
        BETTER_AUTH_URL="https://user:hidden@host",
        TRUSTED_ORIGINS="https://a.example,hidden",
        SMTP_URL="smtp://user:hidden@",
        MAIL_FROM="hidden",
        VERSION="hidden",
        LOG_LEVEL="hidden",
        LOG_FORMAT="hidden",
    )
    assert sorted(problem.split(":")[0] for problem in problems) == [
        "AGENT_PROVIDER",
        "BETTER_AUTH_SECRET",
        "BETTER_AUTH_URL",
        "DATABASE_URL",
        "FRONTEND_URL",
        "GEMINI_API_KEY",
        "JWT_SECRET",
        "LOG_FORMAT",
        "LOG_LEVEL",
        "MAIL_FROM",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENROUTER_API_KEY",
        "SMTP_URL",
        "TRUSTED_ORIGINS",
        "VERSION",
    ]
    assert "hidden" not in "".join(problems)


def test_a_missing_secret_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ["BETTER_AUTH_SECRET: is not set; it needs at least 32 random characters"]
    assert load(monkeypatch, BETTER_AUTH_SECRET="") == expected


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("DATABASE_URL", "OPENAI_API_KEY", "FRONTEND_URL", "TRUSTED_ORIGINS", "VERSION", "AGENT_PROVIDER")
    assert load(monkeypatch, **dict.fromkeys(names, "")) == []
    assert load_settings().database.startswith("sqlite:///")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_neon_url_is_accepted_unchanged(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    assert load(monkeypatch, DATABASE_URL=f"{scheme}://user:p%40ss@{NEON}") == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgresql://host",
        "postgresql://u:p@host:port/name",
        "postgresql://u:p@host/name?pgbouncer=true",
        "sqlite:///todo.db",
        "host=localhost dbname=todo",
    ],
)
def test_an_invalid_postgresql_url_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    [problem] = load(monkeypatch, DATABASE_URL=url)
    assert problem.startswith("DATABASE_URL: ")


@pytest.mark.parametrize("version", ["v1.0.0", "v0.1.0-rc.1", "v10.20.30+build.5"])
def test_versions_are_semantic(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    assert load(monkeypatch, VERSION=version) == []


@pytest.mark.parametrize("version", ["1.0.0", "v1.0", "v01.0.0", "v1.0.0-a..b", "latest"])
def test_other_versions_are_refused(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    assert load(monkeypatch, VERSION=version) == ["VERSION: must be a semantic version such as v1.0.0"]


def test_a_control_character_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, VERSION="v1.0.0\n") == ["VERSION: contains a control character"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://ai:hidden@word@localhost:5432/ai", "@ as %40"),
        ("postgresql://u:p@host/name?pgbouncer=true", "does not know: pgbouncer"),
        ("postgresql://u:p@host/name?schema=public", "does not know: schema"),
        ("postgresql://h1:5432,h2:hidden/name", "a port that is not between 1 and 65535"),
    ],
)
def test_a_refused_database_url_names_the_cause(
    monkeypatch: pytest.MonkeyPatch, url: str, words: str
) -> None:
    [problem] = load(monkeypatch, DATABASE_URL=url)
    assert words in problem
    assert "hidden" not in problem


def test_a_log_level_may_be_uppercase(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, LOG_LEVEL="WARNING") == []
    assert load_settings().log_level == "warning"


def test_origins_are_what_browsers_send(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        load(
            monkeypatch,
            BETTER_AUTH_URL="https://Todo.Example:443/",
            FRONTEND_URL="http://todo.example:80/app",
            TRUSTED_ORIGINS="http://[2001:DB8::1]:8080, https://b.example",
        )
        == []
    )
    assert load_settings().origins == {
        "https://todo.example",
        "http://todo.example",
        "http://[2001:db8::1]:8080",
        "https://b.example",
    }


def test_secrets_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    load(monkeypatch, DATABASE_URL=f"postgresql://user:hidden@{NEON}", OPENAI_API_KEY="sk-hidden")
    shown = repr(load_settings())
    assert "hidden" not in shown
    assert SECRET not in shown


def test_a_trusted_origin_can_stand_for_every_port_of_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    origins = "http://localhost:*,http://[192.0.2.1]:30080,http://[2001:db8::1]:*"
    assert load(monkeypatch, TRUSTED_ORIGINS=origins) == []
    settings = load_settings()
    for trusted in (
        "http://localhost:3001",
        "http://localhost",
        "http://192.0.2.1:30080",
        "http://[2001:db8::1]:30080",
    ):
        assert settings.trusts(trusted)
    for foreign in ("https://localhost:3001", "http://192.0.2.1:3000", "http://localhost.evil.example:1"):
        assert not settings.trusts(foreign)


@pytest.mark.parametrize("origin", ["http://*:*", "http://a.example:80:*", "*", "http://a.example/:*"])
def test_other_wildcards_in_origins_are_refused(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    [problem] = load(monkeypatch, TRUSTED_ORIGINS=origin)
    assert problem.startswith("TRUSTED_ORIGINS: must be ")
