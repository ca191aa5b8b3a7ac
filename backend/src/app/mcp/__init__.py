"""The agents' tools, which call the same services as the HTTP endpoints."""
