"""A list of 5,000 tasks: few elements, and the keyboard reaches all of them."""

import json
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.person import Person

TASKS = 5_000
MOST_ELEMENTS = 3_000
PAGES_READ_MS = 60_000


def test_five_thousand_tasks_need_few_elements(sign_up: Callable[[str], Person]) -> None:
    ada = sign_up("Ada")
    page = ada.page
    origin = {"Origin": page.evaluate("location.origin"), "Content-Type": "application/json"}
    tasks = [{"title": f"Task {number:04}"} for number in range(TASKS)]
    answer = page.request.post("/api/tasks/import", data=json.dumps({"tasks": tasks}), headers=origin)
    assert answer.ok, answer.text()
    page.reload()
    heading = ada.tasks.get_by_role("heading", name="No date")
    expect(heading).to_have_text(f"No date{TASKS}", timeout=PAGES_READ_MS)
    assert elements(page) < MOST_ELEMENTS
    rows = ada.group("No date").get_by_role("listitem")
    expect(rows.first).to_have_attribute("aria-setsize", str(TASKS))

    checks = ada.tasks.get_by_role("checkbox")
    first = checks.first.get_attribute("aria-label")
    checks.first.focus()
    page.keyboard.press("End")
    last = page.locator("[data-task-id]:focus-within")
    expect(last).to_have_attribute("aria-posinset", str(TASKS))
    expect(last).to_be_in_viewport()
    page.keyboard.press("ArrowUp")
    expect(last).to_have_attribute("aria-posinset", str(TASKS - 1))
    page.keyboard.press("Home")
    expect(ada.task(str(first))).to_be_focused()
    assert elements(page) < MOST_ELEMENTS

    page.keyboard.press("Space")
    expect(heading).to_have_text(f"No date{TASKS - 1}")
    expect(checks.first).to_be_focused()

    # The browser would search only what is rendered.
    page.keyboard.press("Control+f")
    page.get_by_role("combobox", name="Search").fill("Task 0042")
    page.get_by_role("option", name="Task 0042").click()
    expect(ada.task("Task 0042")).to_be_focused()
    expect(ada.task("Task 0042")).to_be_in_viewport()


def elements(page: Page) -> int:
    count: int = page.evaluate("document.querySelectorAll('*').length")
    return count
