"""A local server that speaks streaming Chat Completions, so that tests need neither a key nor the internet.

What it says follows from the conversation alone: `planner` behaves like a sensible model, and a model whose
name begins with `script:` behaves badly in the way `scripts` describes.
"""

from tests.model_server.server import ModelServer, model_server

__all__ = ["ModelServer", "model_server"]
