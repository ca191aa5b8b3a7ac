"""The order of tasks by hand, and the actions of a row on a touch screen."""

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.e2e.person import Person

COVERED = """() => {
    const toasts = document.querySelector("[aria-label=Notifications]").getBoundingClientRect();
    const behind = document.elementsFromPoint(toasts.right - 20, toasts.top + toasts.height / 2);
    return behind.some((element) => element.closest("[data-task-id]"));
}"""


def test_the_keyboard_moves_a_task(sign_up: Callable[[str], Person]) -> None:
    ada = sign_up("Ada")
    page = ada.page
    add(page, 30)
    expect_order(ada, "Task 0", "Task 1", "Task 2")
    ada.task("Task 2").focus()
    with page.expect_response("**/move"):
        page.keyboard.press("Alt+ArrowUp")
    expect(page.get_by_role("status", name="Notifications")).to_contain_text("Moved ‘Task 2’ up: 2 of 30")
    expect(ada.task("Task 2")).to_be_focused()
    assert not page.evaluate(COVERED)
    with page.expect_response("**/move"):
        page.keyboard.press("Alt+ArrowUp")
    expect_order(ada, "Task 2", "Task 0", "Task 1")
    page.reload()
    expect_order(ada, "Task 2", "Task 0", "Task 1")

    ada.task("Task 0").focus()
    with page.expect_response("**/move"):
        page.keyboard.press("Alt+ArrowDown")
    expect_order(ada, "Task 2", "Task 1", "Task 0")
    with page.expect_response("**/move"):
        page.keyboard.press("Control+z")
    expect_order(ada, "Task 2", "Task 0", "Task 1")


def test_a_touch_opens_the_actions_of_a_row(
    sign_up: Callable[[str], Person], browser: Browser, browser_context_args: dict[str, Any]
) -> None:
    ada = sign_up("Ada")
    add(ada.page, 2)
    own = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    state = {"storage_state": ada.page.context.storage_state()}
    with browser.new_context(**{**browser_context_args, **own, **state}) as context:
        change_by_touch(Person(context.new_page(), ada.name, ada.email, ada.password))


def change_by_touch(ada: Person) -> None:
    phone = ada.page
    phone.goto("/")
    choose(phone, "Task 1", "Move up")
    expect_order(ada, "Task 1", "Task 0")
    choose(phone, "Task 1", "Edit")
    sheet = phone.get_by_role("dialog", name="Edit task")
    expect(sheet.get_by_label("Title")).to_have_value("Task 1")
    sheet.get_by_role("button", name="Close").tap()
    choose(phone, "Task 1", "Delete")
    expect(ada.task("Task 1")).to_have_count(0)
    phone.get_by_role("button", name="Undo").last.tap()
    expect_order(ada, "Task 1", "Task 0")


def add(page: Page, count: int) -> None:
    """Add tasks without a date, and show them."""
    tasks = [{"title": f"Task {number}", "position": number * 1_000} for number in range(count)]
    headers = {"Origin": page.evaluate("location.origin"), "Content-Type": "application/json"}
    answer = page.request.post("/api/tasks/import", data=json.dumps({"tasks": tasks}), headers=headers)
    assert answer.ok, answer.text()
    page.reload()


def choose(page: Page, title: str, action: str) -> None:
    page.get_by_role("button", name=f"Actions for {title}").tap()
    page.get_by_role("menuitem", name=action).tap()


def expect_order(person: Person, *titles: str) -> None:
    """Expect these tasks first."""
    for place, title in enumerate(titles):
        row = person.group("No date").get_by_role("listitem").nth(place)
        expect(row.get_by_role("checkbox", name=title, exact=True)).to_be_visible()
