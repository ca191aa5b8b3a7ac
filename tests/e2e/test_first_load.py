"""The JavaScript that a browser really loads, before somebody does anything."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Response, expect

from tests.e2e.person import Person

VIEWPORTS = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1440, "height": 900}}
# React and Next.js are 135 kB of each page.
BUDGETS_KB = {
    ("/", "phone"): 180,
    # The chat stands beside the tasks.
    ("/", "desktop"): 190,
    ("/settings", "phone"): 197,
    ("/insights", "phone"): 182,
    ("/sign-in", "phone"): 177,
}
"""Kilobytes of scripts, gzipped."""


@pytest.mark.parametrize(("path", "screen"), BUDGETS_KB)
def test_a_page_loads_little_javascript(
    path: str,
    screen: str,
    sign_up: Callable[[str], Person],
    browser: Browser,
    browser_context_args: dict[str, Any],
) -> None:
    state = sign_up("Ada").page.context.storage_state() if path != "/sign-in" else None
    # The service worker fetches for later visits, not for this one.
    own = {"storage_state": state, "viewport": VIEWPORTS[screen], "service_workers": "block"}
    with browser.new_context(**{**browser_context_args, **own}) as context:
        page = context.new_page()
        responses: list[Response] = []
        page.on("response", lambda response: responses.append(response))
        if path == "/":
            # The last script to load is the one that follows what happens elsewhere.
            with page.expect_request("**/api/events"):
                page.goto(path)
            expect(page.get_by_text("Nothing to do")).to_be_visible()
        else:
            page.goto(path)
        expect(page.get_by_role("main")).to_be_visible()
        if screen == "desktop":
            expect(page.get_by_role("textbox", name="Message")).to_be_visible()
        scripts = [response for response in responses if response.request.resource_type == "script"]
        kilobytes = sum(len(gzip.compress(script.body())) for script in scripts) / 1000
    budget = BUDGETS_KB[path, screen]
    assert 100 < kilobytes <= budget, f"{path} on a {screen} loads {kilobytes:.1f} kB of {budget}"
