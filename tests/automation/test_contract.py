"""A profile's file is read strictly: what is wrong in it is named with the file and the key."""

import shutil
from pathlib import Path

import pytest

from automation import contract
from automation.errors import UsageError
from tests.automation.conftest import ROOT

GOOD = (ROOT / "deploy" / "profiles" / "standalone.toml").read_text(encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a project that has nothing but profiles."""
    shutil.copytree(ROOT / "deploy" / "profiles", tmp_path / "deploy" / "profiles")
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
    profile = contract.load(name)
    assert profile.name == name
    assert profile.backend.environment.model_key == model_key
    assert profile.backend.environment.provider == provider


def test_standalone_is_the_profile_without_a_name() -> None:
    assert contract.load().name == "standalone"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("summary =", "sumary =", ["unknown key sumary", "did you mean summary?"]),
        ("provider =", "colour =", ["unknown key backend.environment.colour", "known here: model_key"]),
        ('provider = "openai"', "provider = 1", ["backend.environment.provider is a whole number", "a text"]),
        ('provider = "openai"\n', "", ["backend.environment.provider is missing", "it must be a text"]),
        (
            '["BETTER_AUTH_SECRET"]',
            '"X"',
            ["backend.environment.required is a text", "a list, each item a text"],
        ),
        ('["BETTER_AUTH_SECRET"]', "[true]", ["required[0] is true or false", "it must be a text"]),
        ("[backend.environment]", "[backend]", ["unknown key backend.model_key"]),
        ('name = "standalone"', 'name = "other"', ["name is 'other'", "'standalone' like the file"]),
        ("summary", "= summary", ["is not valid TOML", "line 2"]),
    ],
)
def test_a_mistake_is_named_with_file_and_key(root: Path, before: str, after: str, words: list[str]) -> None:
    assert before in GOOD
    (root / "deploy" / "profiles" / "standalone.toml").write_text(GOOD.replace(before, after, 1))
    with pytest.raises(contract.ContractError) as caught:
        contract.load("standalone", root)
    said = f"{caught.value.what} {caught.value.why}"
    assert said.startswith(str(Path("deploy/profiles/standalone.toml")))
    for each in words:
        assert each in said


def test_an_unknown_profile_lists_the_known_ones_and_guesses() -> None:
    with pytest.raises(UsageError, match="there is no profile 'clustr'") as caught:
        contract.load("clustr")
    assert "cluster, gordon, standalone, taskflow, uv" in caught.value.why
    assert caught.value.remedies == ("--profile cluster",)
