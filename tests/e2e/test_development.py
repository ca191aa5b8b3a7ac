"""Development mode: every printed address serves a page, and two instances run side by side."""

import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Route, expect

from automation.process import addresses
from tests.e2e.application import Application, own_application
from tests.e2e.person import Person

EVERYWHERE = "0.0.0.0"
TYPED = {"Name": "Ada", "Email": "ada@example.com", "Password": secrets.token_hex(12)}


@pytest.fixture(scope="module")
def applications(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Application, Application]]:
    """Two development instances of this clone, open to other machines."""
    engine, profile = request.config.getoption("--engine"), request.config.getoption("--profile")

    def run(name: str) -> Iterator[Application]:
        folder = tmp_path_factory.mktemp(name)
        flags = ["--host", EVERYWHERE]
        with own_application(folder, "offline", {}, engine=engine, profile=profile, flags=flags) as one:
            yield one

    for first in run("first"):
        for second in run("second"):
            yield first, second


def use(browser: Browser, address: str) -> None:
    """Sign up and add a task, which requires a page with working scripts."""
    context = browser.new_context(base_url=address)
    email, password = f"ada-{secrets.token_hex(6)}@example.com", secrets.token_hex(12)
    person = Person(context.new_page(), "Ada", email, password)
    person.sign_up()
    person.add("Call the bank")
    context.close()


def test_every_printed_address_serves_a_page(
    applications: tuple[Application, Application], browser: Browser
) -> None:
    port = applications[0].address.rpartition(":")[2]
    for host in ("localhost", addresses.LOOPBACK, *addresses.from_elsewhere(EVERYWHERE)):
        use(browser, f"http://{host}:{port}")


def test_two_instances_of_one_clone_run_side_by_side(
    applications: tuple[Application, Application], browser: Browser
) -> None:
    for application in applications:
        use(browser, application.address)


def test_a_form_submitted_before_its_scripts_arrive_keeps_what_was_typed(
    applications: tuple[Application, Application], browser: Browser
) -> None:
    context = browser.new_context(base_url=applications[0].address)
    page, held, scripts = context.new_page(), list[Route](), "**/_next/static/**/*.js*"
    page.route(scripts, lambda route: held.append(route))
    page.goto("/sign-up", wait_until="commit")
    for label, value in TYPED.items():
        page.get_by_label(label, exact=True).fill(value)
    page.keyboard.press("Enter")
    page.route(scripts, lambda route: route.continue_())  # for what is requested from now on
    for route in held:
        route.continue_()
    expect(page.get_by_role("button", name="Create account")).to_be_enabled()
    for label, value in TYPED.items():
        expect(page.get_by_label(label, exact=True)).to_have_value(value)
    context.close()
