"""The offline agent: a deterministic grammar that uses the same tools as a model."""

from app.agents.offline.agent import OfflineAgent

__all__ = ["OfflineAgent"]
