"""What an image, its Dockerfile and its sources may hide, in the ways that people have of hiding it."""

import pytest

from automation.verification import defaults

WORDS = "correct-horse-battery"


@pytest.mark.parametrize(
    ("name", "text"),
    [
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
        ("a.yml", "      DATABASE_URL: postgresql://todo:todo@postgres:5432/todo"),
        ("a.yml", "      DATABASE_URL: postgresql://${USER_NAME:-todo}:todo@postgres:5432/todo"),
    ],
)
def test_a_value_for_a_secret_is_seen_however_it_is_given(name: str, text: str) -> None:
    assert defaults.lines(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", 'key = os.environ.get("API_KEY", "")'),
        ("a.py", 'key = os.environ.get("AGENT_PROVIDER") or "openai"'),
        ("a.py", "class S(BaseSettings):\n    api_key: Key | None = None\n    jwt_secret: SecretStr"),
        ("a.py", 'SECRET_LENGTH = 32\ntoken = secrets.token_hex(16)\nkind = "credential"'),
        ("a.py", "raise ValueError(os.environ['JWT_SECRET'])"),
        ("a.ts", 'const secret = process.env.BETTER_AUTH_SECRET ?? "";'),
        ("a.tsx", 'const labels = { password: "Password", hint: "a-b-c-d-e" };'),
        ("a.tsx", '<Field autoComplete={isNew ? "new-password" : "current-password"} />'),
        ("a.yml", "    JWT_SECRET: ${JWT_SECRET:?is not set. Make .env}\n    API_KEY:\n    DATABASE_URL:"),
        ("a.yml", "    url: postgresql://todo:${POSTGRES_PASSWORD:?is not set}@postgres:5432/todo"),
        ("a.yaml", "tlsSecretName: todo-chatbot-tls\nsecret: {name: todo-secrets}"),
        ("a.yaml", "automountServiceAccountToken: false"),
        ("a.yaml", "# DATABASE_URL: postgresql://user:password@host/name"),
    ],
)
def test_what_gives_a_secret_no_value_is_left_alone(name: str, text: str) -> None:
    assert defaults.lines(name, text) == []


def test_the_line_of_a_value_is_told() -> None:
    assert defaults.lines("a.py", f'import os\n\nos.environ["JWT_SECRET"] = "{WORDS}"\n') == [3]
    assert defaults.lines("a.yml", f"services:\n\n  JWT_SECRET: {WORDS}\n") == [3]
