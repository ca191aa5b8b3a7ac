"""The model providers as data: all three implement OpenAI's Chat Completions API."""

from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's address, and the default model without `AGENT_MODEL`."""

    name: str
    label: str
    key_variable: str
    base_url: str
    default_model: str


# The order of precedence when AGENT_PROVIDER is not set.
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
    """The settings that select the agent."""

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
    """The selected model, with its key and address."""

    provider: Provider
    model: str
    base_url: str
    key: SecretStr


def choose_model(settings: AgentSettings) -> ModelChoice | None:
    """Return the model that the settings select, or None for the offline agent.

    `AGENT_PROVIDER` selects the provider; by default, the first provider with a key is used. A selected
    provider without a key selects the offline agent, so that a missing key never prevents startup.
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
