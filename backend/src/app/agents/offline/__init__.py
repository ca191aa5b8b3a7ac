"""The agent that answers without a model: a deterministic grammar over the same tools."""
