"""The application under the short name, for servers that are started as `uvicorn main:app`."""

from app.main import __getattr__

__all__ = ["__getattr__"]
