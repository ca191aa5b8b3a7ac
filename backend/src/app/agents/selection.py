"""Which agent answers: the model whose key is set, otherwise the offline one."""

from app.agents.offline import OfflineAgent
from app.agents.protocol import Agent
from app.agents.providers import AgentSettings, choose_model


def choose_agent(settings: AgentSettings) -> Agent:
    """Return the agent for these settings.

    Cheap enough for a health check: a model's client library is imported when it first answers.
    """
    choice = choose_model(settings)
    if choice is None:
        return OfflineAgent()
    from app.agents.model import ModelAgent

    return ModelAgent(choice)
