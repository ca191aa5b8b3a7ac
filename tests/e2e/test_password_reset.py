"""A forgotten password: the operator's link sets a new one. The server of these tests sends no email."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.application import Application
from tests.e2e.person import Person


def test_a_person_who_forgot_the_password_chooses_a_new_one(
    application: Application,
    sign_up: Callable[[str], Person],
    visit: Callable[[], Page],
    screenshot: Callable[[Page, str], None],
) -> None:
    if application.invoke is None:
        pytest.fail("needs an application that the test has started")
    ada = sign_up("Ada")
    page = visit()
    page.goto("/sign-in")
    page.get_by_role("link", name="Forgot password?").click()
    expect(page.get_by_role("heading", name="Reset your password", level=1)).to_be_visible()
    page.get_by_label("Email", exact=True).fill(ada.email)
    page.get_by_role("button", name="Send link").click()
    expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("Ask the person who runs it")
    screenshot(page, "forgot-password")

    printed = application.invoke("reset-password", "--email", ada.email).stdout
    [link] = re.findall(rf"{re.escape(application.address)}/reset-password\?token=\w+", printed)
    page.goto(link)
    expect(page).to_have_url(f"{application.address}/reset-password")
    page.get_by_label("New password", exact=True).fill("a better horse")
    screenshot(page, "reset-password")
    page.keyboard.press("Enter")
    changed = page.get_by_role("main").get_by_role("status")
    expect(changed).to_have_text("Your password was changed. Sign in with the new one.")

    ada.page.reload()
    expect(ada.page).to_have_url(re.compile("/sign-in"))
    Person(page, ada.name, ada.email, "a better horse").sign_in()

    page = visit()
    page.goto(link)
    page.get_by_label("New password", exact=True).fill("a third horse")
    page.get_by_role("button", name="Set password").click()
    expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("This link does not work")
