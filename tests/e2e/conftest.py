"""Fixtures for the end-to-end tests: the application, the browser and the users."""

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserType, Page, expect

from tests.e2e.application import (
    ROOT,
    Application,
    address_for_containers,
    address_for_pods,
    own_application,
)
from tests.e2e.person import Person
from tests.model_server import model_server
from tests.provision.browser import launch_any

AGENTS = ("offline", "openai")
# The browser also logs refused requests, which some tests cause. The second message is about a header that
# browsers apply only over HTTPS and on localhost, which a node's port is not. Tests run in incognito mode.
NO_ERRORS = (
    "Failed to load resource",
    "The Cross-Origin-Opener-Policy header has been ignored",
    "Chrome currently does not support the Push API in incognito mode",
)
expect.set_options(timeout=15_000)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("application")
    group.addoption(
        "--engine", choices=["native", "compose", "cluster"], default="native", help="what runs it"
    )
    group.addoption("--profile", default="standalone", help="the profile that is run")
    group.addoption("--address", help="test the application that runs there, instead of starting one")
    group.addoption("--agent", choices=AGENTS, help="the agent that answers there, or the only one to test")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the tests that need what containers, pods or a running application do not have here."""
    engine = "other" if config.getoption("--address") else config.getoption("--engine")
    # Only native processes install the frontend's packages, one of which is axe.
    needs = {"test_development.py": ("native", "compose"), "test_accessibility.py": ("native",)}
    return True if engine not in needs.get(collection_path.name, (engine,)) else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "application" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--agent")
        metafunc.parametrize("application", [chosen] if chosen else AGENTS, indirect=True, scope="session")


@pytest.fixture(scope="session")
def application(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Application]:
    """The running application, once with the offline agent and once with a model on a local server."""
    agent: str = request.param
    if address := request.config.getoption("--address"):
        yield Application(address, agent)
        return
    engine, profile = request.config.getoption("--engine"), request.config.getoption("--profile")
    run = partial(own_application, tmp_path_factory.mktemp(agent), agent, engine=engine, profile=profile)
    if agent == "offline":
        with run({}) as application:
            yield application
        return
    key = f"sk-{secrets.token_hex(24)}"
    reached = {"compose": address_for_containers, "cluster": address_for_pods}
    with model_server(reached[engine]() if engine in reached else "127.0.0.1") as server:
        settings = {"AGENT_PROVIDER": "openai", "OPENAI_API_KEY": key, "OPENAI_BASE_URL": server.url}
        with run(settings) as application:
            yield application


@pytest.fixture(scope="session")
def browser(browser_type: BrowserType) -> Iterator[Browser]:
    """Chrome or Chromium, from wherever this machine has it."""
    browser = launch_any(browser_type, ROOT / ".run" / "browser")
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any], application: Application) -> dict[str, Any]:
    """A desktop in a time zone whose date differs from UTC, which exposes dates in the wrong zone."""
    behind = datetime.now(UTC).hour < 11
    return {
        **browser_context_args,
        "base_url": application.address,
        "viewport": {"width": 1280, "height": 800},
        "timezone_id": "Pacific/Pago_Pago" if behind else "Pacific/Kiritimati",
        "locale": "en-GB",
    }


@pytest.fixture
def visit(new_context: Callable[..., Any]) -> Iterator[Callable[[], Page]]:
    """Open a page in a new browser. An error on any page fails the test."""
    errors: list[str] = []

    def open_page() -> Page:
        page: Page = new_context().new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        return page

    yield open_page
    assert [error for error in errors if not error.startswith(NO_ERRORS)] == []


@pytest.fixture
def sign_up(visit: Callable[[], Page]) -> Callable[[str], Person]:
    """Create an account through the page, as a new user does."""

    def sign_up(name: str) -> Person:
        person = Person(
            visit(), name, f"{name.lower()}-{secrets.token_hex(6)}@example.com", secrets.token_hex(12)
        )
        person.sign_up()
        return person

    return sign_up


@pytest.fixture
def screenshot(application: Application) -> Callable[[Page, str], None]:
    """Save a screenshot of a page at desktop and phone width."""
    folder = ROOT / ".artifacts" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)

    def keep(page: Page, name: str) -> None:
        size = page.viewport_size
        for device, width, height in (("desktop", 1280, 800), ("phone", 375, 812)):
            page.set_viewport_size({"width": width, "height": height})
            picture = folder / f"{application.agent}-{name}-{device}.png"
            page.screenshot(path=picture, animations="disabled")
        if size:
            page.set_viewport_size(size)

    return keep
