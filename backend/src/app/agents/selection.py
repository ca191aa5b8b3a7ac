"""Select the agent: a model whose key is set, otherwise the offline agent."""

from app.agents.offline import OfflineAgent
from app.agents.protocol import Agent
from app.agents.providers import AgentSettings, choose_model


def choose_agent(settings: AgentSettings) -> Agent:
    """Return the agent for these settings.

    This is cheap enough for a health check: the model's client library is imported on its first answer.
    """
    choice = choose_model(settings)
    if choice is None:
        return OfflineAgent()
    from app.agents.model import ModelAgent

    return ModelAgent(choice)
