"""The providers of models, as data: all three speak OpenAI's Chat Completions and differ in nothing else."""

from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider listens and which model is asked when `AGENT_MODEL` names none."""

    name: str
    label: str
    key_variable: str
    base_url: str
    default_model: str


# In the order in which a key is looked for when AGENT_PROVIDER does not say.
PROVIDERS = (
    Provider("openai", "OpenAI", "OPENAI_API_KEY", "https://api.openai.com/v1", "gpt-5.4-mini"),
    Provider(
        "gemini",
        "Gemini",
        "GEMINI_API_KEY",
        "https://generativelanguage.googleapis.com/v1beta/openai/",
        "gemini-3.8-flash",
    ),
    Provider(
        "openrouter",
        "OpenRouter",
        "OPENROUTER_API_KEY",
        "https://openrouter.ai/api/v1",
        "openai/gpt-5.4-mini",
    ),
)


class AgentSettings(Protocol):
    """The part of the application's settings that decides who answers."""

    @property
    def openai_api_key(self) -> SecretStr | None: ...
    @property
    def gemini_api_key(self) -> SecretStr | None: ...
    @property
    def openrouter_api_key(self) -> SecretStr | None: ...
    @property
    def agent_provider(self) -> str | None: ...
    @property
    def agent_model(self) -> str | None: ...
    @property
    def openai_base_url(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The model that was chosen, with the key and the address to reach it."""

    provider: Provider
    model: str
    base_url: str
    key: SecretStr


def choose_model(settings: AgentSettings) -> ModelChoice | None:
    """Return the model that the settings ask for, or None where the offline agent answers.

    The first provider with a key wins, unless `AGENT_PROVIDER` names one; a named provider without a key
    means the offline agent, so that a missing key never stops the application.
    """
    for provider in PROVIDERS:
        if settings.agent_provider not in (None, "", provider.name):
            continue
        key: SecretStr | None = getattr(settings, provider.key_variable.lower())
        if key is None or not key.get_secret_value().strip():
            continue
        return ModelChoice(
            provider=provider,
            model=settings.agent_model or provider.default_model,
            base_url=settings.openai_base_url or provider.base_url,
            key=key,
        )
    return None
