"""A pushed reminder is a notification that leads to its task.

No push service is needed: the browser's own debugging interface delivers what one would.
"""

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.application import Application
from tests.e2e.person import Person
from tests.e2e.test_offline import INSTALLED

ARE_SHOWN = """async (expected) => {
    const registration = await navigator.serviceWorker.ready;
    const shown = (await registration.getNotifications()).map(({ title, body, tag }) => [title, body, tag]);
    return JSON.stringify(shown) === JSON.stringify(expected);
}"""
CLICK = """async () => {
    const [notification] = await self.registration.getNotifications();
    self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
}"""


def deliver(page: Page, origin: str, message: dict[str, Any]) -> None:
    """Deliver a message to the service worker, as a push service does."""
    session = page.context.new_cdp_session(page)
    registrations: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registrations.extend(found["registrationId"] for found in event["registrations"]),
    )
    session.send("ServiceWorker.enable")
    for _ in range(100):
        if registrations:
            break
        page.wait_for_timeout(100)
    values = {"origin": origin, "registrationId": registrations[0], "data": json.dumps(message)}
    session.send("ServiceWorker.deliverPushMessage", values)
    session.detach()


def test_a_pushed_reminder_is_shown_and_leads_to_its_task(
    application: Application, sign_up: Callable[[str], Person]
) -> None:
    person = sign_up("Ada")
    page = person.page
    page.context.grant_permissions(["notifications"], origin=application.address)
    person.add("Call Ann")
    page.wait_for_function(INSTALLED)
    [task] = page.request.get("/api/tasks").json()["items"]
    reminder = {
        "tag": f"{task['id']} 2026-11-28T09:00:00Z",
        "task_id": task["id"],
        "title": "Call Ann",
        "due_at": None,
        "all_day": False,
    }

    # Another message of the same reminder replaces the first one.
    for title in ("Call Ann", "Call Ann at home"):
        deliver(page, application.address, reminder | {"title": title})
        page.wait_for_function(ARE_SHOWN, arg=[[title, "Reminder", reminder["tag"]]])

    [worker] = page.context.service_workers
    worker.evaluate(CLICK)
    expect(person.task("Call Ann")).to_be_focused()
    page.goto(f"/?task={task['id']}")
    expect(person.task("Call Ann")).to_be_focused()
    expect(page).to_have_url("/")


def test_the_edit_sheet_says_how_a_reminder_comes(
    application: Application, sign_up: Callable[[str], Person], screenshot: Callable[[Page, str], None]
) -> None:
    person = sign_up("Ada")
    page = person.page
    page.get_by_role("textbox", name="New task").fill("Call Ann tomorrow 10am")
    page.keyboard.press("Enter")
    expect(person.task("Call Ann")).to_be_enabled()
    page.get_by_role("button", name="Edit Call Ann", exact=True).first.click()
    page.get_by_label("Reminder").select_option(label="10 minutes before")
    expect(page.get_by_text("Comes on this page. Notifications are off")).to_be_visible()
    page.context.grant_permissions(["notifications"], origin=application.address)
    page.get_by_label("Reminder").select_option(label="30 minutes before")
    expect(page.get_by_text("Comes as a notification while a page is open.")).to_be_visible()
    screenshot(page, "reminder")
