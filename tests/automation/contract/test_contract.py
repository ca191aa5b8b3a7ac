"""A profile's file is read strictly: an error names the file, the key and what would be right."""

import json
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from automation.console.errors import UsageError
from automation.contract import models, profiles
from tests.automation.conftest import ROOT

GOOD = (ROOT / "deploy" / "profiles" / "standalone.toml").read_text(encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a project that has nothing but profiles."""
    shutil.copytree(ROOT / "deploy" / "profiles", tmp_path / "deploy" / "profiles")
    shutil.copy(ROOT / "deploy" / "rules.toml", tmp_path / "deploy")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "model_key", "provider"),
    [
        ("gordon", "GEMINI_API_KEY", "gemini"),
        ("standalone", "OPENAI_API_KEY", "openai"),
        ("taskflow", "OPENROUTER_API_KEY", "openrouter"),
        ("cluster", "GEMINI_API_KEY", "gemini"),
        ("uv", "OPENAI_API_KEY", "openai"),
    ],
)
def test_each_profile_names_its_model_key(name: str, model_key: str, provider: str) -> None:
    profile = profiles.load(name)
    assert profile.name == name
    assert profile.backend.environment.model_key == model_key
    assert profile.backend.environment.provider == provider


def test_standalone_is_the_profile_without_a_name() -> None:
    assert profiles.load().name == "standalone"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("summary =", "sumary =", ["unknown key sumary", "did you mean summary?"]),
        ("provider =", "colour =", ["unknown key backend.environment.colour", "known here: accepted"]),
        ('provider = "openai"', "provider = 1", ["backend.environment.provider is a whole number", "a text"]),
        ('provider = "openai"\n', "", ["backend.environment.provider is missing", "it must be a text"]),
        (
            '["BETTER_AUTH_SECRET"]',
            '"X"',
            ["backend.environment.required is a text", "a list, each item a text"],
        ),
        ('["BETTER_AUTH_SECRET"]', "[true]", ["required[0] is true or false", "it must be a text"]),
        ("retries = 3", "retries = 3.5", ["frontend.health.retries is a number", "a whole number"]),
        ("retries = 3", 'retries = "3"', ["frontend.health.retries is a text", "a whole number"]),
        ("retries = 3", "retries = 2026-01-01", ["frontend.health.retries is a text", "a whole number"]),
        ("retries = 3", "[frontend.health.retries]", ["frontend.health.retries is a table"]),
        ("[backend.environment]", "[backend.surroundings]", ["unknown key backend.surroundings"]),
        ("port = 3000", "port = -1", ["frontend.port is -1", "at least 1 and at most 65535"]),
        ("port = 3000", "port = 0", ["frontend.port is 0", "at least 1 and at most 65535"]),
        ("port = 3000", "port = 99999", ["frontend.port is 99999", "at most 65535"]),
        ("uid = 1001", "uid = 0", ["frontend.user.uid is 0", "at least 1"]),
        ("retries = 3", "retries = 0", ["frontend.health.retries is 0", "at least 1"]),
        ('path = "/api/health"', 'path = ""', ["frontend.health.path is ''", "begins with /"]),
        ('image = "todo-frontend"', 'image = "../X Y"', ["frontend.image is '../X Y'", "lowercase letters"]),
        (
            'base = "python:3.11-slim"',
            'base = "python:latest"',
            ["backend.base is 'python:latest'", "a tag other than latest"],
        ),
        (
            'command = ["node", "server.js"]',
            "command = []",
            ["frontend.command is empty", "a list, not empty, each item a text"],
        ),
        ("port = 3000", "port = true", ["frontend.port is true or false", "a whole number"]),
        ('output = "server"', 'output = "servr"', ["frontend.output is 'servr'", "one of server, static"]),
        ('NODE_ENV = "production"', "NODE_ENV = 1", ["frontend.environment.fixed.NODE_ENV", "a text"]),
        ("size_max_mb = 200", "size_max = 200", ["unknown key frontend.size_max", "size_max_mb"]),
        ('name = "standalone"', 'name = "other"', ["name is 'other'", "'standalone' like the file"]),
        ("summary", "= summary", ["is not valid TOML", "line 3"]),
    ],
)
def test_a_mistake_is_named_with_file_and_key(root: Path, before: str, after: str, words: list[str]) -> None:
    assert before in GOOD
    (root / "deploy" / "profiles" / "standalone.toml").write_text(GOOD.replace(before, after, 1))
    with pytest.raises(profiles.ContractError) as caught:
        profiles.load("standalone", root)
    said = f"{caught.value.what} {caught.value.why}"
    assert said.startswith(str(Path("deploy/profiles/standalone.toml")))
    for each in words:
        assert each in said


def test_every_mistake_of_a_file_is_reported(root: Path) -> None:
    text = GOOD.replace("summary =", "sumary =").replace("port = 3000", "port = 0")
    (root / "deploy" / "profiles" / "standalone.toml").write_text(text)
    with pytest.raises(profiles.ContractError) as caught:
        profiles.load("standalone", root)
    assert caught.value.details == (
        "summary is missing; it must be a text",
        "frontend.port is 0; it must be a whole number, at least 1 and at most 65535",
        "compose.frontend_port is 0; it must be a whole number, at least 1 and at most 65535",
    )


def test_an_unknown_profile_lists_the_known_ones_and_guesses() -> None:
    with pytest.raises(UsageError, match="there is no profile 'clustr'") as caught:
        profiles.load("clustr")
    assert "cluster, gordon, standalone, taskflow, uv" in caught.value.why
    assert caught.value.remedies == ("--profile cluster",)


def test_a_mistake_in_the_common_rules_is_named_too(root: Path) -> None:
    text = (ROOT / "deploy" / "rules.toml").read_text(encoding="utf-8")
    (root / "deploy" / "rules.toml").write_text(text.replace("health_max_ms", "health_max_s"))
    with pytest.raises(profiles.ContractError, match=r"unknown key times.health_max_s") as caught:
        profiles.load_rules(root)
    assert "deploy" in caught.value.what
    assert caught.value.why == "did you mean health_max_ms?"


@pytest.mark.parametrize(
    ("file", "kind"),
    [("deploy/profiles/schema.json", models.Profile), ("deploy/rules.schema.json", models.Rules)],
)
def test_the_schema_that_editors_read_is_the_one_of_the_code(file: str, kind: type[models.Model]) -> None:
    # When this fails: invoke profiles --schema
    assert (ROOT / file).read_text(encoding="utf-8") == profiles.schema_text(kind)


def test_the_schema_knows_every_key_of_every_file() -> None:
    schema = json.loads((ROOT / "deploy/profiles/schema.json").read_text(encoding="utf-8"))
    definitions = schema["$defs"]
    assert (
        definitions["Frontend"]["properties"]["port"].items()
        >= {
            "type": "integer",
            "minimum": 1,
            "maximum": 65535,
        }.items()
    )
    assert definitions["Frontend"]["properties"]["output"]["enum"] == ["server", "static"]
    assert "unpacked" in definitions["Backend"]["properties"]["size_max_mb"]["description"]
    assert not any(table["additionalProperties"] for table in (schema, *definitions.values()))
    assert "model_key" in definitions["BackendEnvironment"]["required"]


def test_the_profiles_stand_side_by_side() -> None:
    names = profiles.names()
    rows = profiles.compare([profiles.load(name) for name in names])
    table = {row.key: dict(zip(names, row.values, strict=True)) for row in rows}
    assert table["backend.port"] == {
        "cluster": "8080", "gordon": "8000", "standalone": "8000", "taskflow": "8000", "uv": "8000",
    }  # fmt: skip
    assert table["frontend.output"]["taskflow"] == "static"
    assert table["kubernetes.backend.replicas"] == {
        name: "1" if name == "cluster" else profiles.ABSENT for name in names
    }
    lines = profiles.as_table(rows, names, 120)
    assert all(name.upper() in lines[0] for name in names)
    assert max(map(len, lines)) <= 200
    assert any(line.startswith("backend.user.uid") and line.endswith("1001") for line in lines)


def test_every_profile_runs_as_another_user_than_root_and_on_a_port_that_it_may_use() -> None:
    for name in profiles.names():
        profile = profiles.load(name)
        for service in (profile.frontend, profile.backend):
            assert service.user.uid == service.user.gid == 1001
            assert service.user.name != "root"
            assert service.port >= 1024
            assert service.size_aim_mb <= service.size_max_mb
            assert not any(base.endswith(":latest") or ":" not in base for base in (service.base,))


def test_a_contract_cannot_be_changed_by_who_reads_it() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        profiles.load().name = "other"
