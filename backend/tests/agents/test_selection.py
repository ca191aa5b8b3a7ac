"""The configured keys select the agent."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import app
from app.agents.selection import Agents
from app.settings import Settings

SECRET = "x" * 32


def settings(**values: Any) -> Settings:
    return Settings.model_validate({"better_auth_secret": SECRET, **values})


@pytest.mark.parametrize(
    ("values", "name", "model"),
    [
        ({}, "offline", None),
        ({"openai_api_key": "sk-1"}, "openai", "gpt-5.4-mini"),
        ({"gemini_api_key": "g"}, "gemini", "gemini-3.8-flash"),
        ({"openrouter_api_key": "r"}, "openrouter", "openai/gpt-5.4-mini"),
        ({"openrouter_api_key": "r", "gemini_api_key": "g"}, "gemini", "gemini-3.8-flash"),
        (
            {"openai_api_key": "sk-1", "gemini_api_key": "g", "agent_provider": "gemini"},
            "gemini",
            "gemini-3.8-flash",
        ),
        ({"openai_api_key": "sk-1", "agent_model": "other"}, "openai", "other"),
        ({"openai_api_key": "sk-1", "agent_provider": "gemini"}, "offline", None),
    ],
)
def test_the_first_configured_key_selects_the_agent(
    values: dict[str, str], name: str, model: str | None
) -> None:
    agent = Agents().choose(settings(**values))
    assert (agent.name, agent.model) == (name, model)


def test_startup_and_selection_import_no_agent() -> None:
    """The imports take a second and 35 MB, so they happen on the first chat message."""
    program = (
        "import sys; import app.main; from app.agents.selection import Agents; "
        "from app.settings import Settings; "
        f"settings = {{'better_auth_secret': '{SECRET}', 'openai_api_key': 'sk-1'}}; "
        "Agents().choose(Settings.model_validate(settings)); "
        "Agents().choose(Settings.model_validate(settings | {'openai_api_key': None})); "
        "sys.exit(', '.join({'openai', 'mcp', 'app.language.phrases'} & set(sys.modules)) or 0)"
    )
    source = str(Path(app.__path__[0]).parent)
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=source, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
