"""The settings: the profile, access tokens, files, the calendar, sessions, the password and the end
of an account.
"""

import json
import re
from collections.abc import Callable

import httpx2
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.e2e.application import Application
from tests.e2e.person import Person


def test_a_user_changes_the_account_and_deletes_it(
    sign_up: Callable[[str], Person],
    visit: Callable[[], Page],
    application: Application,
    screenshot: Callable[[Page, str], None],
) -> None:
    ada = sign_up("Ada")
    page = ada.page
    page.get_by_role("button", name="Account").click()
    page.get_by_role("menuitem", name="Settings").click()
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()

    part(page, "Profile").get_by_label("Name").fill("Ada Lovelace")
    part(page, "Profile").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Name saved")).to_be_visible()
    preferences = part(page, "Preferences")
    with page.expect_response("**/api/preferences"):
        preferences.get_by_label("Time zone").select_option("Asia/Tokyo")
    preferences.get_by_label("Theme").select_option("dark")

    tokens = part(page, "Access tokens")
    tokens.get_by_label("Name of a new token").fill("Script")
    tokens.get_by_role("button", name="Create token").click()
    token = tokens.get_by_role("status").get_by_text(re.compile("^todo_pat_")).inner_text()
    assert tasks_status(application, token) == 200
    screenshot(page, "settings")
    page.reload()
    expect(tokens.get_by_text("Used today · expires")).to_be_visible()
    expect(page.get_by_text(token)).to_be_hidden()
    expect(part(page, "Profile").get_by_label("Name")).to_have_value("Ada Lovelace")
    expect(preferences.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    expect(preferences.get_by_label("Theme")).to_have_value("dark")
    preferences.get_by_label("Theme").select_option("system")
    page.reload()
    expect(preferences.get_by_label("Theme")).to_have_value("system")
    tokens.get_by_role("button", name="Revoke Script").click()
    expect(tokens.get_by_role("button", name="Revoke Script")).to_be_hidden()
    assert tasks_status(application, token) == 401

    phone = Person(visit(), ada.name, ada.email, ada.password)
    phone.sign_in()
    page.reload()
    sessions = part(page, "Sessions")
    expect(sessions.get_by_text("This device")).to_be_visible()
    sessions.get_by_role("button", name="End session").click()
    expect(sessions.get_by_role("listitem")).to_have_count(1)
    phone.page.reload()
    expect(phone.page).to_have_url(re.compile("/sign-in"))

    password = part(page, "Password")
    password.get_by_label("Current password", exact=True).fill(ada.password)
    password.get_by_label("New password", exact=True).fill("another fine password")
    password.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Password changed")).to_be_visible()

    deletion = part(page, "Delete account")
    expect(deletion.get_by_role("button", name="Delete account")).to_be_disabled()
    deletion.get_by_label("Type your email address to confirm").fill(ada.email)
    deletion.get_by_label("Password", exact=True).fill(ada.password)
    deletion.get_by_role("button", name="Delete account").click()
    expect(deletion.get_by_role("alert")).to_have_text("The password is incorrect.")
    deletion.get_by_label("Password", exact=True).fill("another fine password")
    deletion.get_by_role("button", name="Delete account").click()
    expect(page).to_have_url(re.compile("/sign-up"))


def test_a_person_takes_tasks_out_and_in(
    sign_up: Callable[[str], Person],
    screenshot: Callable[[Page, str], None],
    application: Application,
) -> None:
    page = sign_up("Ada").page
    page.goto("/settings")
    importing = part(page, "Import")
    todoist = (
        "TYPE,CONTENT,PRIORITY,DATE\ntask,Water plants,1,2099-05-01\ntask,Bad,1,someday maybe\ntask,Rest,4,\n"
    )
    file: FilePayload = {"name": "todoist.csv", "mimeType": "text/csv", "buffer": todoist.encode()}
    importing.get_by_label("File to import").set_input_files(file)
    preview = importing.get_by_role("region", name="Preview")
    expect(preview.get_by_role("list", name="Tasks")).to_contain_text("Water plants")
    expect(preview.get_by_role("list", name="Remarks")).to_contain_text("Row 3")
    screenshot(page, "import")
    preview.get_by_role("button", name=re.compile("^Import ")).click()
    expect(importing.get_by_role("status")).to_contain_text("Imported")
    with page.expect_download() as download:
        part(page, "Export").get_by_role("link", name="Download JSON").click()
    exported = json.loads(download.value.path().read_text())
    assert "Water plants" in {task["title"] for task in exported["tasks"]}
    importing.get_by_role("button", name="Undo").click()
    expect(importing.get_by_text("Import undone.")).to_be_visible()
    with page.expect_download() as download:
        part(page, "Export").get_by_role("link", name="Download CSV").click()
    assert "Water plants" not in download.value.path().read_text()
    importing.get_by_label("File to import").set_input_files({**file, "buffer": b"\xff\xfe"})
    expect(importing.get_by_role("alert")).to_be_visible()

    calendar = part(page, "Calendar")
    calendar.get_by_role("button", name="Create address").click()
    first = calendar.get_by_role("status").get_by_text(re.compile("^http")).inner_text()
    assert calendar_status(application, first) == 200
    calendar.get_by_role("button", name="Copy address").click()
    expect(calendar.get_by_role("button", name="Copied")).to_be_visible()
    screenshot(page, "calendar")
    calendar.get_by_role("button", name="Renew address").click()
    expect(calendar.get_by_text(first)).to_be_hidden()
    second = calendar.get_by_role("status").get_by_text(re.compile("^http")).inner_text()
    assert (calendar_status(application, first), calendar_status(application, second)) == (404, 200)
    calendar.get_by_role("button", name="Turn off").click()
    expect(calendar.get_by_text("No calendar address yet.")).to_be_visible()
    assert calendar_status(application, second) == 404


def part(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


def tasks_status(application: Application, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.get(f"{application.address}/api/tasks", headers=headers, trust_env=False).status_code


def calendar_status(application: Application, url: str) -> int:
    """Return the status of a request for a calendar, through the address of the test's server."""
    path = url.split("/api/", 1)[1]
    return httpx2.get(f"{application.address}/api/{path}", trust_env=False).status_code
