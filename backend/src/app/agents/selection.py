"""Select the agent: a model whose key is set, otherwise the offline agent."""

from typing import TYPE_CHECKING

from app.agents.offline import OfflineAgent
from app.agents.protocol import Agent
from app.agents.providers import AgentSettings, ModelChoice, choose_model

if TYPE_CHECKING:
    from app.agents.model import ModelAgent


class Agents:
    """The agents of an application. A model's agent keeps its connections to the provider."""

    def __init__(self) -> None:
        self._models: dict[ModelChoice, ModelAgent] = {}

    def choose(self, settings: AgentSettings) -> Agent:
        """Return the agent for these settings.

        This is cheap enough for a health check: the model's client library is imported on its first answer.
        """
        choice = choose_model(settings)
        if choice is None:
            return OfflineAgent()
        from app.agents.model import ModelAgent

        return self._models.setdefault(choice, ModelAgent(choice))

    async def close(self) -> None:
        """Close the connections of all agents."""
        for agent in self._models.values():
            await agent.close()
