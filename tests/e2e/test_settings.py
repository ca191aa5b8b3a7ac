"""The settings: the profile, access tokens, sessions, the password and the end of an account."""

import re
from collections.abc import Callable

import httpx2
from playwright.sync_api import Locator, Page, expect

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


def part(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


def tasks_status(application: Application, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.get(f"{application.address}/api/tasks", headers=headers, trust_env=False).status_code
