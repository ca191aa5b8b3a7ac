"""A user's actions in the browser, by the roles, labels and texts that users perceive."""

import re
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

ATTEMPTS = 5


@dataclass(frozen=True)
class Person:
    """A user with an account and a separate browser."""

    page: Page
    name: str
    email: str
    password: str

    def sign_up(self) -> None:
        """Create the account and open the tasks."""
        self.page.goto("/sign-up")
        self.page.get_by_label("Name").fill(self.name)
        self.page.get_by_label("Email").fill(self.email)
        self.page.get_by_label("Password", exact=True).fill(self.password)
        self._submit("Create account")

    def sign_in(self) -> None:
        """Sign in with the same account and open the tasks."""
        self.page.goto("/sign-in")
        self.page.get_by_label("Email").fill(self.email)
        self.page.get_by_label("Password", exact=True).fill(self.password)
        self._submit("Sign in")

    def sign_out(self) -> None:
        """Sign out and return to the sign-in page."""
        self.page.get_by_role("button", name="Account").click()
        self.page.get_by_role("menuitem", name="Sign out").click()
        expect(self.page).to_have_url(re.compile("/sign-in"))

    def say(self, message: str) -> None:
        """Send a chat message and wait for the complete reply."""
        self.page.get_by_role("textbox", name="Message").fill(message)
        with self.page.expect_response("**/api/chat"):
            self.page.get_by_role("button", name="Send", exact=True).click()
        expect(self.page.get_by_role("button", name="Stop")).to_be_hidden()

    def add(self, title: str) -> None:
        """Add a task with the field above the list."""
        self.page.get_by_role("textbox", name="New task").fill(title)
        self.page.keyboard.press("Enter")
        expect(self.task(title)).to_be_enabled()

    @property
    def tasks(self) -> Locator:
        """The pane with the task list."""
        return self.page.get_by_role("region", name="Tasks", exact=True)

    @property
    def conversation(self) -> Locator:
        """The chat messages."""
        return self.page.get_by_role("log", name="Conversation")

    def receipt(self, text: str) -> Locator:
        """The chat's receipt for an action. Clicking it shows the task."""
        return self.conversation.get_by_role("button", name=re.compile(f"^{re.escape(text)}", re.IGNORECASE))

    def group(self, name: str) -> Locator:
        """A group of the list: Today, Tomorrow, No date, Done today…"""
        return self.tasks.get_by_role("list", name=name)

    def task(self, title: str) -> Locator:
        """The checkbox of a task."""
        return self.tasks.get_by_role("checkbox", name=title, exact=True)

    def _submit(self, button: str) -> None:
        """Submit the form; if the server limits the rate, wait and submit it again."""
        arrived = self.page.get_by_role("textbox", name="New task")
        refused = self.page.get_by_role("main").get_by_role("alert")
        for _ in range(ATTEMPTS):
            self.page.get_by_role("button", name=button).click()
            expect(arrived.or_(refused)).to_be_visible()
            wait = re.search(r"Try again in (\d+) s", refused.inner_text() if refused.is_visible() else "")
            if not wait:
                break
            self.page.wait_for_timeout(int(wait[1]) * 1000)
        expect(arrived).to_be_visible()
