"""Measures the pages in a browser: what they load, how they move, and how soon they respond.

The production build runs as native processes. Each visit is in a new browser context, without a cache. The
floor is a page without scripts with as many rows, under the same gestures: what the browser and the machine
take.
"""

import gzip
import json
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Response, expect, sync_playwright

from tests.bench.results import Measured
from tests.e2e.application import Application, own_application
from tests.e2e.person import Person
from tests.provision.browser import launch_any

PROBE = Path(__file__).with_name("probe.js")
SCREENS: Mapping[str, dict[str, Any]] = {
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 3,
        "is_mobile": True,
        "has_touch": True,
    },
    "desktop": {"viewport": {"width": 1440, "height": 900}},
}
TASKS = (60, 5_000)
UNITS = {"scripts": "kB", "layout shift": "", "elements": ""}
"""Units of what is not milliseconds. The shift is the browser's score, summed over the whole visit."""
BUDGETS = {
    "scripts": 160,
    "layout shift": 0.02,
    "elements": 3_000,
    "scroll, longest frame": 50,
    "filter, longest frame": 50,
    "complete, longest frame": 50,
    "complete, to paint": 50,
    "add, to paint": 50,
}
WHEELS, WHEEL_PX = 30, 700
FLOOR = "page without scripts"
LOADED_MS = 60_000


@dataclass
class Figures:
    """The values of each measurement, one for each visit."""

    values: dict[str, list[float]] = field(default_factory=dict)
    floors: dict[str, list[float]] = field(default_factory=dict)

    def add(self, visit: Mapping[str, float], floor: Mapping[str, float]) -> None:
        """Add the values of one visit."""
        for known, values in ((self.values, visit), (self.floors, floor)):
            for name, value in values.items():
                known.setdefault(name, []).append(value)

    def measured(self, where: str) -> Iterator[Measured]:
        """Yield a result for each measurement."""
        for name, values in self.values.items():
            floors = self.floors.get(name, ())
            floor = FLOOR if floors else ""
            yield Measured(
                f"{name}, {where}", UNITS.get(name, "ms"), values, floor, floors, BUDGETS.get(name)
            )


def measure(root: Path, runs: int) -> Iterator[Measured]:
    """Measure visits to the tasks on a phone and on a desktop, with few and with many tasks."""
    with running(root, "offline", {}, production=True) as (application, browser):
        yield Measured("sign-in to the tasks", "ms", [_sign_in(application, browser) for _ in range(runs)])
        for tasks in TASKS:
            state = _signed_up(application, browser, tasks)
            for screen, settings in SCREENS.items():
                figures = Figures()
                for _ in range(runs):
                    own = {**settings, "storage_state": state, "base_url": application.address}
                    figures.add(_visit(browser, own), _visit_floor(browser, settings, tasks))
                yield from figures.measured(f"{screen}, {tasks} t")


@contextmanager
def running(
    root: Path, agent: str, settings: Mapping[str, str], *, production: bool
) -> Iterator[tuple[Application, Browser]]:
    """Run a folder's application as native processes, and a browser."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-pages-") as folder,
        own_application(
            Path(folder),
            agent,
            settings,
            engine="native",
            profile="standalone",
            flags=["--prod"] * production,
            root=root,
        ) as application,
        sync_playwright() as playwright,
    ):
        browser = launch_any(playwright.chromium, root / ".run" / "browser")
        try:
            yield application, browser
        finally:
            browser.close()


def signed_up(context: BrowserContext) -> Person:
    """Return a new user on a page of a context."""
    email = f"ada-{secrets.token_hex(6)}@example.com"
    person = Person(context.new_page(), "Ada", email, secrets.token_hex(12))
    person.sign_up()
    return person


def painted(page: Page, event: str, condition: str, act: Callable[[], None]) -> float:
    """Return the milliseconds from an event that an action causes until a frame shows its effect.

    Args:
        event: type of the event, such as keydown.
        condition: expression in JavaScript that is true of the page once the effect is in it.
    """
    page.evaluate(f"() => probe.expectPaint('{event}', () => {condition})")
    act()
    milliseconds: float = page.evaluate("() => probe.painted")
    return milliseconds


def _sign_in(application: Application, browser: Browser) -> float:
    """Return the milliseconds from submitting the form to the list of the tasks."""
    with browser.new_context(base_url=application.address) as context:
        person = signed_up(context)
        person.add("Water the plants")
        person.sign_out()
        page = person.page
        page.get_by_label("Email").fill(person.email)
        page.get_by_label("Password", exact=True).fill(person.password)
        began = time.perf_counter()
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-task-id]")
        return (time.perf_counter() - began) * 1000


def _signed_up(application: Application, browser: Browser, tasks: int) -> Any:
    """Return what a browser stores for a new user with this many tasks: some overdue, half of them #home."""
    with browser.new_context(base_url=application.address) as context:
        signed_up(context)
        now = datetime.now(UTC).replace(microsecond=0)
        items = [
            {
                "title": f"Errand {number:04}",
                "tags": ["home" if number % 2 else "work"],
                "due_at": None if number % 10 else (now - timedelta(days=1 + number)).isoformat(),
            }
            for number in range(tasks)
        ]
        headers = {"Origin": application.address, "Content-Type": "application/json"}
        answer = context.request.post("/api/tasks/import", data=json.dumps({"tasks": items}), headers=headers)
        if not answer.ok:
            raise RuntimeError(f"the tasks were not imported: {answer.text()}")
        return context.storage_state()


class _Visit:
    """A visit to the tasks, from an empty cache to an added task."""

    def __init__(self, page: Page, *, is_phone: bool) -> None:
        self._page, self._is_phone = page, is_phone
        self._ada = Person(page, "", "", "")
        self._message = page.get_by_role("textbox", name="Message")

    def figures(self) -> Iterator[tuple[str, float]]:
        """Load the tasks, open the chat, scroll, filter, complete a task and add one."""
        page = self._page
        yield from self._load()
        if self._is_phone:
            self._use(page.get_by_role("button", name="Chat", exact=True))
            expect(self._message).to_be_visible()
            self._use(page.get_by_role("button", name="Tasks", exact=True))
        yield "scroll, longest frame", _scrolled(page, self._ada.tasks)
        _begin_frames(page)
        for address, title in (("/?tag=home", "#home"), ("/", "All tasks")):
            self._choose(address)
            page.evaluate(f"() => probe.when(() => document.querySelector('h1').textContent === '{title}')")
        yield "filter, longest frame", _longest_frame(page)
        yield from self._complete()
        yield "add, to paint", self._add()
        yield "slowest interaction", _probe(page, "interaction")
        yield "layout shift", _probe(page, "shift")

    def _load(self) -> Iterator[tuple[str, float]]:
        responses: list[Response] = []
        self._page.on("response", lambda response: responses.append(response))
        # The last script to load is the one that follows what happens elsewhere.
        with self._page.expect_request("**/api/events"):
            self._page.goto("/")
        if not self._is_phone:
            expect(self._message).to_be_visible()
        # Without a plus: all pages of the list are read.
        undated = self._ada.tasks.get_by_role("heading", name="No date")
        expect(undated).to_have_text(re.compile(r"\d$"), timeout=LOADED_MS)
        scripts = [response for response in responses if response.request.resource_type == "script"]
        yield "scripts", sum(len(gzip.compress(script.body())) for script in scripts) / 1000
        yield "largest paint", _probe(self._page, "largestPaint")
        yield "elements", self._page.evaluate("() => document.querySelectorAll('*').length")

    def _complete(self) -> Iterator[tuple[str, float]]:
        page, first = self._page, self._ada.tasks.get_by_role("checkbox").first
        title = first.get_attribute("aria-label")
        checked = f"""document.querySelector('[aria-label="{title}"][aria-checked=true]')"""
        first.focus()
        _begin_frames(page)
        if self._is_phone:
            tap = page.locator("[role=checkbox]").first.tap
            yield "complete, to paint", painted(page, "click", checked, tap)
        else:
            press = page.keyboard.press
            yield "complete, to paint", painted(page, "keydown", checked, lambda: press("Space"))
        page.evaluate(
            f"() => probe.when(() => document.querySelector('[role=checkbox]').ariaLabel !== '{title}')"
        )
        yield "complete, longest frame", _longest_frame(page)

    def _add(self) -> float:
        title = f"Water plant {secrets.token_hex(3)}"
        self._page.get_by_role("textbox", name="New task").fill(title)
        there = f"""document.querySelector('[role=checkbox][aria-label="{title}"]')"""
        milliseconds = painted(self._page, "keydown", there, lambda: self._page.keyboard.press("Enter"))
        expect(self._ada.task(title)).to_be_enabled()
        return milliseconds

    def _use(self, target: Locator) -> None:
        if self._is_phone:
            target.tap()
        else:
            target.click()

    def _choose(self, address: str) -> None:
        # By selectors: a search by role in a large page takes longer than a frame.
        if self._is_phone:
            self._use(self._page.locator("nav[aria-label=Panes] [aria-haspopup=dialog]"))
        self._use(self._page.locator(f'nav[aria-label=Views] a[href="{address}"]'))


def _visit(browser: Browser, settings: Mapping[str, Any]) -> dict[str, float]:
    # The service worker fetches for later visits, not for this one.
    with browser.new_context(**settings, service_workers="block") as context:
        context.add_init_script(path=PROBE)
        return dict(_Visit(context.new_page(), is_phone="has_touch" in settings).figures())


def _visit_floor(browser: Browser, settings: Mapping[str, Any], tasks: int) -> dict[str, float]:
    with browser.new_context(**settings) as context:
        context.add_init_script(path=PROBE)
        page = context.new_page()
        page.goto("about:blank")
        rows = "".join(f"<li><input type=checkbox> Errand {number:04}" for number in range(tasks))
        page.set_content(f"<ul style='height: 80vh; overflow: auto; line-height: 44px'>{rows}</ul>")
        frame = _scrolled(page, page.get_by_role("list"))
        checkbox = page.get_by_role("checkbox").first
        checkbox.focus()
        checked = "document.querySelector('input').checked"
        paint = painted(page, "keydown", checked, lambda: page.keyboard.press("Space"))
        return {"scroll, longest frame": frame, "complete, to paint": paint, "add, to paint": paint}


def _scrolled(page: Page, area: Locator) -> float:
    """Return the longest frame of a fast scroll down and up again, in milliseconds."""
    box = area.bounding_box()
    if box is None:
        raise RuntimeError("the list is not visible")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    _begin_frames(page)
    for number in range(WHEELS):
        page.mouse.wheel(0, WHEEL_PX if number < WHEELS / 2 else -WHEEL_PX)
    return _longest_frame(page)


def _begin_frames(page: Page) -> None:
    page.evaluate("() => { probe.frame = 0 }")


def _longest_frame(page: Page) -> float:
    # The frame that is drawn now counts too.
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return _probe(page, "frame")


def _probe(page: Page, name: str) -> float:
    value: float = page.evaluate(f"() => probe.{name}")
    return value
