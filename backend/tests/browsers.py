"""Simulated browsers that call the application without a network."""

import secrets

import httpx2
from fastapi import FastAPI

from app.accounts.models import User

ORIGIN = "http://localhost:3000"
SECRET = secrets.token_urlsafe(48)


class Person(httpx2.AsyncClient):
    """A browser with a signed-in user."""

    user: User


def browser(app: FastAPI, address: str = "127.0.0.1") -> Person:
    """Return a client that behaves like a browser on the application's own pages.

    Args:
        app: the application to call.
        address: the client's address, which the rate limits count.
    """
    return Person(
        transport=httpx2.ASGITransport(app, client=(address, 50_000)),
        base_url=ORIGIN,
        headers={"Origin": ORIGIN},
    )
