"""Select the agent: a model whose key is set, otherwise the offline agent."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib import import_module
from typing import TYPE_CHECKING

from app.agents.protocol import Agent, AgentEvent, Turn
from app.agents.providers import AgentSettings, ModelChoice, choose_model

if TYPE_CHECKING:
    from app.agents.model import ModelAgent


class Offline:
    """The offline agent. Its grammar takes a fifth of the start, so it is imported for the first answer."""

    name = "offline"
    model = None

    async def answer(self, turn: Turn) -> AsyncGenerator[AgentEvent, None]:
        """Answer one message, after an import that does not hold up other requests."""
        module = await asyncio.to_thread(import_module, "app.agents.offline")
        agent: Agent = module.OfflineAgent()
        async with aclosing(agent.answer(turn)) as events:
            async for event in events:
                yield event


class Agents:
    """The agents of an application. A model's agent keeps its connections to the provider."""

    def __init__(self) -> None:
        self._models: dict[ModelChoice, ModelAgent] = {}

    def choose(self, settings: AgentSettings) -> Agent:
        """Return the agent for these settings.

        This is cheap enough for a health check: an agent's libraries are imported for its first answer.
        """
        choice = choose_model(settings)
        if choice is None:
            return Offline()
        from app.agents.model import ModelAgent

        return self._models.setdefault(choice, ModelAgent(choice))

    async def close(self) -> None:
        """Close the connections of all agents."""
        for agent in self._models.values():
            await agent.close()
