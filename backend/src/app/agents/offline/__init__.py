"""The agent that answers without a model: a deterministic grammar over the same tools."""

from app.agents.offline.agent import OfflineAgent

__all__ = ["OfflineAgent"]
