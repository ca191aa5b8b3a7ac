"""The tools an agent may use, which call the same services as the HTTP endpoints."""
