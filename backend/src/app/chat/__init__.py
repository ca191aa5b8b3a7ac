"""Conversations with the agent: what was said, what was done, and the stream that carries it."""
