"""Measures how soon the chat replies: with the offline agent, and with a model on a local server.

The model server answers at once, so its figures are what the application adds to a model's own time.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.bench.pages import PROBE, SCREENS, painted, running, signed_up
from tests.bench.results import Measured
from tests.model_server import model_server

AGENTS = ("offline", "openai")
LATER_REPLIES = 3
"""Replies after the first of a process, which also loads the agent."""
BUDGETS = {"first reply": 1_000, "later reply": 300}
"""Milliseconds; not in the contract, but a person waits for each."""


def measure(root: Path, runs: int) -> Iterator[Measured]:
    """Measure the first reply of a started application, and later ones, with each agent."""
    for agent in AGENTS:
        values: dict[str, list[float]] = {}
        for _ in range(runs):
            for name, milliseconds in _replies(root, agent):
                values.setdefault(name, []).append(milliseconds)
        for name, times in values.items():
            budget = BUDGETS[name.partition(":")[0]]
            yield Measured(f"{name}, {agent}", "ms", times, budget=budget)


def _replies(root: Path, agent: str) -> Iterator[tuple[str, float]]:
    with ExitStack() as stack:
        settings: Mapping[str, str] = {}
        if agent == "openai":
            url = stack.enter_context(model_server()).url
            key = f"sk-{secrets.token_hex(24)}"
            settings = {"AGENT_PROVIDER": "openai", "OPENAI_API_KEY": key, "OPENAI_BASE_URL": url}
        application, browser = stack.enter_context(running(root, agent, settings, production=True))
        own = {**SCREENS["desktop"], "base_url": application.address}
        context = stack.enter_context(browser.new_context(**own))
        context.add_init_script(path=PROBE)
        page = signed_up(context).page
        for number in range(1 + LATER_REPLIES):
            name = "later reply" if number else "first reply"
            said = page.evaluate("() => document.querySelectorAll('[role=log] p[dir]').length")
            text = f"document.querySelectorAll('[role=log] p[dir]').length > {said}"
            yield f"{name}: text", _said(page, "hello", text)
            task = f"""document.querySelector('[role=checkbox][aria-label="Errand {number}"]')"""
            yield f"{name}: task", _said(page, f"add errand {number}", task)


def _said(page: Page, message: str, effect: str) -> float:
    """Return the milliseconds from sending a message until a frame shows its effect."""
    field = page.get_by_role("textbox", name="Message")
    field.fill(message)
    field.focus()
    milliseconds = painted(page, "keydown", effect, lambda: page.keyboard.press("Enter"))
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    return milliseconds
