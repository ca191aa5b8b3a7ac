"""The order of tasks by hand, and the actions of a row on a touch screen."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

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


def test_the_mouse_drags_a_task(sign_up: Callable[[str], Person]) -> None:
    ada = sign_up("Ada")
    page = ada.page
    add(page, 4)
    press(ada, "Task 3")
    x, y = middle(ada.task("Task 1")).values()
    page.mouse.move(x, y - 10, steps=4)
    with page.expect_response("**/move"):
        page.mouse.up()
    expect(page.get_by_role("status", name="Notifications")).to_contain_text("Moved ‘Task 3’ up: 2 of 4")
    expect_order(ada, "Task 0", "Task 3", "Task 1", "Task 2")
    expect(ada.task("Task 3")).to_be_focused()
    expect(page.get_by_role("dialog")).to_have_count(0)

    press(ada, "Task 0")
    page.keyboard.press("Escape")
    expect(page.locator(".drop-line")).to_have_count(0)
    page.mouse.up()
    expect_order(ada, "Task 0", "Task 3", "Task 1", "Task 2")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_long_list_scrolls_while_a_task_is_dragged(sign_up: Callable[[str], Person]) -> None:
    ada = sign_up("Ada")
    page = ada.page
    add(page, 1_000)
    press(ada, "Task 0")
    x = middle(ada.task("Task 1"))["x"]
    page.mouse.move(x, 795, steps=4)
    # In each frame: it scrolls on while nobody looks.
    page.wait_for_function("() => [...document.querySelectorAll('*')].some(each => each.scrollTop > 8000)")
    page.mouse.move(x, 400, steps=4)
    with page.expect_response("**/move"):
        page.mouse.up()
    message = page.get_by_role("status", name="Notifications")
    expect(message).to_contain_text(re.compile(r"Moved ‘Task 0’ down: \d{3} of 1000"))
    expect(ada.task("Task 0")).to_be_focused()
    expect(ada.task("Task 0")).to_be_in_viewport()


@pytest.fixture
def phone(
    sign_up: Callable[[str], Person], browser: Browser, browser_context_args: dict[str, Any]
) -> Iterator[Person]:
    """Ada's phone, with four tasks."""
    ada = sign_up("Ada")
    add(ada.page, 4)
    own = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    state = {"storage_state": ada.page.context.storage_state()}
    with browser.new_context(**{**browser_context_args, **own, **state}) as context:
        page = context.new_page()
        page.goto("/")
        yield Person(page, ada.name, ada.email, ada.password)


def test_a_finger_drags_a_task_after_a_long_press(phone: Person) -> None:
    page = phone.page
    expect_order(phone, "Task 0", "Task 1", "Task 2", "Task 3")
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *points: dict[str, float]) -> None:
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    first, third = middle(phone.task("Task 0")), middle(phone.task("Task 2"))
    touch("touchStart", first)
    expect(page.locator(".drop-line")).to_be_visible()
    for step in (0.3, 0.6, 1):
        touch("touchMove", {**first, "y": first["y"] + (third["y"] + 10 - first["y"]) * step})
    with page.expect_response("**/move"):
        touch("touchEnd")
    expect_order(phone, "Task 1", "Task 2", "Task 0", "Task 3")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_touch_opens_the_actions_of_a_row(phone: Person) -> None:
    page = phone.page
    choose(page, "Task 1", "Move up")
    expect_order(phone, "Task 1", "Task 0")
    choose(page, "Task 1", "Edit")
    sheet = page.get_by_role("dialog", name="Edit task")
    expect(sheet.get_by_label("Title")).to_have_value("Task 1")
    sheet.get_by_role("button", name="Close").tap()
    choose(page, "Task 1", "Delete")
    expect(phone.task("Task 1")).to_have_count(0)
    page.get_by_role("button", name="Undo").last.tap()
    expect_order(phone, "Task 1", "Task 0")


def test_taps_select_tasks_that_are_changed_together(phone: Person) -> None:
    page = phone.page
    choose(page, "Task 1", "Select")
    page.get_by_role("button", name="Edit Task 3").tap()
    bar = page.get_by_role("toolbar", name="2 selected")
    expect(bar).to_be_in_viewport(ratio=1)
    bar.get_by_role("button", name="Complete").tap()
    expect(bar).to_have_count(0)
    expect(phone.group("Done today").get_by_role("checkbox")).to_have_count(2)
    expect(phone.group("No date").get_by_role("checkbox")).to_have_count(2)


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


def middle(check: Locator) -> dict[str, float]:
    """Return the place of a task's row, right of its checkbox."""
    box = check.bounding_box()
    assert box
    return {"x": box["x"] + 80, "y": box["y"] + box["height"] / 2}


def press(person: Person, title: str) -> None:
    """Begin to drag a task with the mouse."""
    x, y = middle(person.task(title)).values()
    mouse = person.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x, y + 20, steps=4)
    expect(person.page.locator(".drop-line")).to_be_visible()
