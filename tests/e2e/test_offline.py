"""The application without a connection: it starts, and loses nothing."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.e2e.person import Person

INSTALLED = "() => navigator.serviceWorker.controller !== null"
STORED = """(title) => new Promise((resolve) => {
    const open = indexedDB.open("todo", 1);
    open.onsuccess = () => {
        const get = open.result.transaction("copies").objectStore("copies").get("tasks open");
        get.onsuccess = () => resolve(get.result?.some((task) => task.title === title));
    };
})"""


def go_offline(person: Person, stored: str) -> None:
    """Wait until the browser has everything it needs, then take the network away."""
    person.page.wait_for_function(INSTALLED)
    wait_for_copy(person.page, stored, exists=True)
    person.page.context.set_offline(True)
    expect(notice(person.page)).to_be_visible()


def wait_for_copy(page: Page, title: str, *, exists: bool) -> None:
    """Wait until the browser remembers a task, or has forgotten it."""
    for _ in range(100):
        if bool(page.evaluate(STORED, title)) == exists:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{title} is {'not ' if exists else ''}in the browser's copy")


def notice(page: Page, text: str = "You are offline") -> Locator:
    """The notice above the tasks."""
    return page.get_by_text(re.compile(text))


def test_changes_made_offline_survive_a_reload_and_are_sent_in_order(
    sign_up: Callable[[str], Person],
) -> None:
    person = sign_up("Ada")
    page = person.page
    person.add("Buy milk")
    go_offline(person, "Buy milk")

    person.task("Buy milk").click()
    person.add("Call the bank")
    person.task("Call the bank").click()
    person.add("Water the plants")
    expect(notice(page, "4 changes will be sent")).to_be_visible()

    page.reload()
    expect(notice(page, "4 changes will be sent")).to_be_visible()
    expect(person.group("Done today").get_by_role("checkbox")).to_have_count(2)
    expect(person.task("Water the plants")).to_be_enabled()
    page.get_by_role("textbox", name="Message").fill("add Feed the cat")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(notice(page, "4 changes and 1 message will be sent")).to_be_visible()

    sent: list[str] = []
    page.on(
        "request",
        lambda request: (
            sent.append(request.url) if request.method == "POST" and "/parse" not in request.url else None
        ),
    )
    page.context.set_offline(False)
    expect(notice(page, "offline|Sending")).to_have_count(0)
    expect(person.task("Feed the cat")).to_be_enabled()
    paths = [re.sub(r"^.*?/api/|tasks/[\w-]+/", "", url) for url in sent]
    assert paths == ["complete", "tasks", "complete", "tasks", "chat"]

    page.reload()
    expect(person.group("Done today").get_by_role("checkbox")).to_have_count(2)
    expect(person.task("Water the plants")).to_have_count(1)
    expect(person.task("Call the bank")).to_be_checked()


def test_a_refused_change_says_why(sign_up: Callable[[str], Person]) -> None:
    person = sign_up("Ada")
    page = person.page
    person.add("Buy milk")
    go_offline(person, "Buy milk")
    person.task("Buy milk").click()
    expect(notice(page, "1 change will be sent")).to_be_visible()
    tasks = page.context.request.get("/api/tasks").json()["items"]
    origin = {"Origin": re.sub(r"(?<!/)/(?!/).*", "", page.url)}
    deleted = page.context.request.delete(f"/api/tasks/{tasks[0]['id']}", headers=origin)
    assert deleted.ok, deleted.text()
    page.context.set_offline(False)
    expect(page.get_by_text("‘Buy milk’ was not completed. The task was deleted elsewhere.")).to_be_visible()
    page.get_by_role("button", name="Dismiss").first.click()
    expect(page.get_by_text("was not completed")).to_have_count(0)


def test_signing_out_removes_what_the_browser_remembers(sign_up: Callable[[str], Person]) -> None:
    person = sign_up("Ada")
    person.add("Buy milk")
    wait_for_copy(person.page, "Buy milk", exists=True)
    person.sign_out()
    wait_for_copy(person.page, "Buy milk", exists=False)
