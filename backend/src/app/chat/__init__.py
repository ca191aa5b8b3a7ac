"""Conversations with the agent, their messages and the stream of a reply."""
