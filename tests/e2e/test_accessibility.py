"""Every page passes axe: in both themes, on a phone and a desktop, and with menus and sheets open."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.application import ROOT
from tests.e2e.person import Person

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => {
    const { passes, violations } = await axe.run();
    if (passes.length === 0) return ["no rule applied"];
    return violations.flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`));
}"""
SCREENS: dict[str, dict[str, Any]] = {
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
    "desktop": {"viewport": {"width": 1280, "height": 800}},
}
LOOKS = [(screen, theme) for screen in SCREENS for theme in ("light", "dark")]
PUBLIC = {
    "/sign-in": "Sign in",
    "/sign-up": "Create an account",
    "/forgot-password": "Reset your password",
    "/reset-password?token=x": "Choose a new password",
}
VIEWS = ["/", "/?view=today", "/?view=upcoming", "/?view=done", "/?tag=home"]

Violations = list[str]


def check(page: Page, what: str) -> Violations:
    """Return what axe finds on the page as it is."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return [f"{what}: {violation}" for violation in page.evaluate(RUN)]


@pytest.fixture(params=LOOKS, ids="-".join)
def look(
    request: pytest.FixtureRequest, browser: Browser, browser_context_args: dict[str, Any]
) -> Iterator[Callable[..., Page]]:
    """Open a page on a screen, in a theme. Nothing is checked while it fades."""
    screen, theme = request.param
    own = {**SCREENS[screen], "color_scheme": theme, "reduced_motion": "reduce"}
    with ExitStack() as contexts:

        def open_page(**settings: object) -> Page:
            context = browser.new_context(**{**browser_context_args, **own, **settings})
            return contexts.enter_context(context).new_page()

        yield open_page


def test_pages_for_everybody(look: Callable[..., Page]) -> None:
    page = look()
    found: Violations = []
    for path, title in PUBLIC.items():
        page.goto(path)
        expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
        found += check(page, path)
    assert found == []


def test_pages_of_a_user(look: Callable[..., Page], sign_up: Callable[[str], Person]) -> None:
    ada = sign_up("Ada")
    add_tasks(ada.page)
    page = look(storage_state=ada.page.context.storage_state())
    found: Violations = []
    for path in VIEWS:
        page.goto(path)
        expect(page.get_by_role("checkbox").first).to_be_visible()
        found += check(page, path)
    for path in ("/insights", "/settings"):
        page.goto(path)
        expect(page.get_by_role("heading", level=2).first).to_be_visible()
        page.wait_for_load_state("networkidle")
        found += check(page, path)
    page.goto("/")
    for what, opened in (
        ("account menu", account_menu),
        ("palette", palette),
        ("help", help_sheet),
        ("task", task_sheet),
        ("new task", new_task),
        ("message", message),
    ):
        with opened(page):
            found += check(page, what)
    assert found == []


def add_tasks(page: Page) -> None:
    """Add tasks with everything that a row can show."""
    day = timedelta(days=1)
    now = datetime.now(UTC)
    due = [(now + days * day).isoformat() for days in (-3, 0, 1, 3, 30)]
    tasks: list[dict[str, Any]] = [
        {"title": f"Due {at[:10]}", "due_at": at, "tags": ["home"], "priority": "high"} for at in due
    ]
    tasks += [
        {"title": "Water the plants", "description": "All of them", "priority": "low"},
        {"title": "Done", "status": "completed", "completed_at": now.isoformat()},
        {"title": "Rent", "due_at": due[3], "recurrence": "FREQ=MONTHLY", "time_zone": "Europe/Berlin"},
    ]
    headers = {"Origin": page.evaluate("location.origin"), "Content-Type": "application/json"}
    answer = page.request.post("/api/tasks/import", data=json.dumps({"tasks": tasks}), headers=headers)
    assert answer.ok, answer.text()


@contextmanager
def account_menu(page: Page) -> Iterator[None]:
    page.get_by_role("button", name="Account").click()
    expect(page.get_by_role("menuitem", name="Settings")).to_be_visible()
    yield
    page.keyboard.press("Escape")


@contextmanager
def palette(page: Page) -> Iterator[None]:
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search").fill("e")
    expect(page.get_by_role("option", name="Rent")).to_be_visible()
    yield
    page.keyboard.press("Escape")


@contextmanager
def help_sheet(page: Page) -> Iterator[None]:
    page.keyboard.press("Control+k")
    page.get_by_role("option", name="Keyboard shortcuts").click()
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    yield
    page.keyboard.press("Escape")


@contextmanager
def task_sheet(page: Page) -> Iterator[None]:
    page.get_by_role("button", name="Edit Water the plants").first.click()
    expect(page.get_by_role("dialog", name="Edit task").get_by_label("Title")).to_be_visible()
    yield
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


@contextmanager
def new_task(page: Page) -> Iterator[None]:
    field = page.get_by_role("textbox", name="New task")
    field.fill("Call mum tomorrow 10am #family")
    expect(page.get_by_role("button", name=re.compile("keep in the title"))).to_have_count(2)
    yield
    field.fill("")


@contextmanager
def message(page: Page) -> Iterator[None]:
    """The message of a completed task, with its action."""
    page.get_by_role("checkbox", name="Water the plants").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    yield
