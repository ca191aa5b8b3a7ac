"""Two windows of one user show the same, without a reload."""

from collections.abc import Callable
from dataclasses import replace

from playwright.sync_api import Page, expect

from tests.e2e.person import Person

LISTS = "/api/tasks?"


def second_window(person: Person) -> Person:
    """Open another window of the same browser, and wait until it follows."""
    page = person.page.context.new_page()
    with page.expect_response("**/api/events"):
        page.goto("/")
    expect(page.get_by_role("textbox", name="New task")).to_be_visible()
    return replace(person, page=page)


def test_a_change_in_one_window_appears_in_the_other(sign_up: Callable[[str], Person]) -> None:
    first = sign_up("Ada")
    second = second_window(first)
    first.add("Buy milk")
    expect(second.task("Buy milk")).to_be_visible(timeout=2_000)
    second.task("Buy milk").click()
    expect(first.group("Done today").get_by_role("checkbox", name="Buy milk")).to_be_visible(timeout=2_000)
    first.say("add call the bank")
    expect(second.tasks.get_by_role("checkbox", name="call the bank")).to_be_visible(timeout=2_000)


def test_both_windows_continue_one_conversation(sign_up: Callable[[str], Person]) -> None:
    first = sign_up("Ada")
    second = second_window(first)
    first.say("add buy milk")
    expect(second.conversation.get_by_text("add buy milk")).to_be_visible()
    expect(second.receipt("Added ‘buy milk’")).to_be_visible()
    second.say("add call the bank")
    expect(first.receipt("Added ‘call the bank’")).to_be_visible()
    assert len(conversations(first.page)) == 1
    second.page.reload()
    expect(second.receipt("Added ‘buy milk’")).to_be_visible()
    expect(second.receipt("Added ‘call the bank’")).to_be_visible()


def test_signing_out_in_one_window_signs_out_in_the_other(sign_up: Callable[[str], Person]) -> None:
    first = sign_up("Ada")
    second = second_window(first)
    first.sign_out()
    expect(second.page.get_by_role("button", name="Sign in")).to_be_visible(timeout=5_000)


def test_a_window_does_not_read_its_own_changes_again(sign_up: Callable[[str], Person]) -> None:
    ada = sign_up("Ada")
    second = second_window(ada)
    read: list[str] = []
    ada.page.on("request", lambda request: read.append(request.url) if LISTS in request.url else None)
    for title in ("One", "Two", "Three"):
        ada.add(title)
    ada.task("Two").click()
    # The other window shows all of it, so every event has arrived here too.
    expect(second.group("Done today").get_by_role("checkbox", name="Two")).to_be_visible()
    expect(second.task("Three")).to_be_visible()
    assert read == []


def conversations(page: Page) -> list[object]:
    """Return the conversations of a page's user from the API."""
    items: list[object] = page.request.get("/api/conversations").json()["items"]
    return items
