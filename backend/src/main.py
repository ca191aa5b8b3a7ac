"""The application under the short name, for servers that are started as `uvicorn main:app`."""

from app.main import app

__all__ = ["app"]
