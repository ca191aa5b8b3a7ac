"""What a person does in the browser, by the roles, labels and texts that they perceive."""

import re
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

ATTEMPTS = 5


@dataclass(frozen=True)
class Person:
    """A person at a browser of their own, with an account."""

    page: Page
    name: str
    email: str
    password: str

    def sign_up(self) -> None:
        """Create the account, and arrive at the tasks."""
        self.page.goto("/sign-up")
        self.page.get_by_label("Name").fill(self.name)
        self.page.get_by_label("Email").fill(self.email)
        self.page.get_by_label("Password", exact=True).fill(self.password)
        self._submit("Create account")

    def sign_in(self) -> None:
        """Come back with the same account, and arrive at the tasks."""
        self.page.goto("/sign-in")
        self.page.get_by_label("Email").fill(self.email)
        self.page.get_by_label("Password", exact=True).fill(self.password)
        self._submit("Sign in")

    def sign_out(self) -> None:
        """Leave, and arrive at the page to sign in."""
        self.page.get_by_role("button", name="Account").click()
        self.page.get_by_role("menuitem", name="Sign out").click()
        expect(self.page).to_have_url(re.compile("/sign-in"))

    def say(self, message: str) -> None:
        """Send a message in the chat, and wait until the reply has ended."""
        self.page.get_by_role("textbox", name="Message").fill(message)
        with self.page.expect_response("**/api/chat"):
            self.page.get_by_role("button", name="Send", exact=True).click()
        expect(self.page.get_by_role("button", name="Stop")).to_be_hidden()

    def add(self, title: str) -> None:
        """Add a task by typing it above the list."""
        self.page.get_by_role("textbox", name="New task").fill(title)
        self.page.keyboard.press("Enter")
        expect(self.task(title)).to_be_enabled()

    @property
    def tasks(self) -> Locator:
        """The pane with the list."""
        return self.page.get_by_role("region", name="Tasks", exact=True)

    @property
    def conversation(self) -> Locator:
        """What has been said."""
        return self.page.get_by_role("log", name="Conversation")

    def receipt(self, text: str) -> Locator:
        """What the chat says that it has done; a press on it shows the task."""
        return self.conversation.get_by_role("button", name=re.compile(f"^{re.escape(text)}", re.IGNORECASE))

    def group(self, name: str) -> Locator:
        """A group of the list: Today, Tomorrow, No date, Done today…"""
        return self.tasks.get_by_role("list", name=name)

    def task(self, title: str) -> Locator:
        """The check of a task."""
        return self.tasks.get_by_role("checkbox", name=title, exact=True)

    def _submit(self, button: str) -> None:
        """Send the form; where the server asks to wait between tries, wait and send it again."""
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
