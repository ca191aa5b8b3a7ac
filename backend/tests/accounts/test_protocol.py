"""The server returns the same responses as a real Better Auth server."""

import json
from itertools import count

from pydantic import SecretStr
from starlette.testclient import TestClient

from app.accounts.ratelimits import RESETS
from app.main import create_app
from app.ratelimits import RateLimiter
from app.settings import Settings
from backend.tests.accounts.conversation import ORIGIN, RECORDED, answers

OTHER_METHODS = ("sign up by GET", "path by another method")
"""Better Auth answers these with 404; HTTP has a status of its own for another method of a known path."""


def test_every_response_equals_better_auths(settings: Settings) -> None:
    mail = {"smtp_url": SecretStr("smtp://mail.invalid")}
    app = create_app(settings.model_copy(update=mail))
    # The conversation pauses until the longest window of a rate limit ends.
    app.state.rate_limiter = RateLimiter(
        app.state.database, clock=count(1_800_000_000, RESETS.window_s).__next__
    )
    with TestClient(app, base_url=ORIGIN, follow_redirects=False) as client:
        ours = {step.name: answer for step, answer in answers(client)}
    recorded = json.loads(RECORDED.read_text())
    for name in OTHER_METHODS:
        recorded[name]["status"] = 405
    assert ours == recorded
