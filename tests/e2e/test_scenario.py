"""The main path through the application, with the offline agent and with a model."""

import gzip
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.application import Application
from tests.e2e.person import Person

FIRST_LOAD_BYTES = 190_000
"""The gzipped size of all scripts of a page."""


def test_a_user_manages_tasks_by_chat_and_by_hand(
    sign_up: Callable[[str], Person], screenshot: Callable[[Page, str], None]
) -> None:
    ada = sign_up("Ada")
    page = ada.page
    expect(ada.tasks.get_by_text("Nothing to do")).to_be_visible()
    screenshot(page, "empty")

    page.evaluate("window.sameDocument = true")
    ada.say("add buy milk tomorrow at 5pm, high priority")
    expect(ada.group("Tomorrow").get_by_role("checkbox", name="buy milk")).to_be_visible()
    expect(ada.group("Tomorrow").get_by_text("17:00")).to_be_visible()
    expect(ada.receipt("Added ‘buy milk’, tomorrow 17:00")).to_be_visible()
    assert page.evaluate("window.sameDocument"), "the list followed without a reload"

    (milk,) = api_tasks(page)
    assert milk["priority"] == "high"
    assert local_time(page, milk["due_at"]) == tomorrow(page) + "T17:00"

    ada.add("Call the bank")
    page.get_by_role("button", name="Edit Call the bank").first.click()
    sheet = page.get_by_role("dialog", name="Edit task")
    sheet.get_by_label("Title").fill("Call the bank about the card")
    sheet.get_by_label("Description").fill("Ask for a new one – «Größe» 小")
    sheet.get_by_text("Low", exact=True).click()
    screenshot(page, "edit")
    expect(sheet.get_by_role("status").get_by_text("Saved")).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(ada.task("Call the bank about the card")).to_be_visible()
    screenshot(page, "planned")

    ada.say("mark buy milk as done")
    expect(ada.group("Done today").get_by_role("checkbox", name="buy milk")).to_be_checked()

    page.reload()
    expect(ada.group("Done today").get_by_role("checkbox", name="buy milk")).to_be_checked()
    expect(ada.task("Call the bank about the card")).to_be_visible()
    expect(ada.conversation.get_by_text("add buy milk tomorrow at 5pm, high priority")).to_be_visible()
    expect(ada.receipt("Completed ‘buy milk’")).to_be_visible()
    screenshot(page, "reloaded")
    assert {task["title"].lower(): task["status"] for task in api_tasks(page)} == {
        "buy milk": "completed",
        "call the bank about the card": "open",
    }


def test_views_have_addresses_and_the_back_button_returns(sign_up: Callable[[str], Person]) -> None:
    ada = sign_up("Ada")
    ada.page.get_by_role("textbox", name="New task").fill("Call mom tomorrow 10am #family")
    ada.page.keyboard.press("Enter")
    expect(ada.task("Call mom")).to_be_enabled()
    ada.add("Water the plants")
    views = ada.page.get_by_role("navigation", name="Views")
    views.get_by_role("link", name="family").click()
    expect(ada.task("Call mom")).to_be_visible()
    expect(ada.task("Water the plants")).to_be_hidden()
    views.get_by_role("link", name="Today").click()
    expect(ada.tasks.get_by_text("Nothing due today")).to_be_visible()
    ada.page.reload()
    expect(ada.page.get_by_role("heading", name="Today", level=1)).to_be_visible()
    ada.page.go_back()
    expect(ada.task("Call mom")).to_be_visible()


def test_several_tasks_change_and_return_in_one_step(sign_up: Callable[[str], Person]) -> None:
    page = sign_up("Ada").page
    for title in ("Iron", "Dust", "Cook"):
        same_origin_post(page, {"title": title})
    page.reload()
    page.get_by_role("button", name="Edit Iron", exact=True).first.click(modifiers=["ControlOrMeta"])
    page.get_by_role("button", name="Edit Dust", exact=True).first.click(modifiers=["ControlOrMeta"])
    bar = page.get_by_role("toolbar", name="2 selected")
    bar.get_by_role("button", name="Tag").click()
    bar.get_by_role("textbox", name="Tag").fill("home")
    with page.expect_request("**/api/tasks/bulk"):
        bar.get_by_role("button", name="Add").click()
    expect(page.get_by_text("Tagged 2 tasks with #home")).to_be_visible()
    expect(bar).to_be_hidden()
    assert {task["title"] for task in api_tasks(page) if task["tags"] == ["home"]} == {"Iron", "Dust"}
    page.keyboard.press("ControlOrMeta+z")
    expect(page.get_by_role("list", name="No date").get_by_text("#home")).to_have_count(0)
    assert all(task["tags"] == [] for task in api_tasks(page))


def test_another_user_sees_no_tasks(sign_up: Callable[[str], Person]) -> None:
    ada, ben = sign_up("Ada"), sign_up("Ben")
    ada.add("Buy a present for Ben")
    ada.say("add book a table on friday")
    expect(ada.task("Buy a present for Ben")).to_be_visible()
    (first, *_) = api_tasks(ada.page)

    ben.page.reload()
    expect(ben.tasks.get_by_text("Nothing to do")).to_be_visible()
    ben.say("list my tasks")
    expect(ben.conversation).not_to_contain_text("present")
    assert api_tasks(ben.page) == []
    address = f"/api/tasks/{first['id']}"
    requests = ben.page.request
    assert requests.get(address).status == 404
    assert requests.patch(address, data={"title": "mine"}, headers=same_origin(ben.page)).status == 404
    assert requests.delete(address, headers=same_origin(ben.page)).status == 404
    said = requests.get("/api/conversations").json()["items"]
    assert [conversation["title"] for conversation in said] == ["list my tasks"]


def test_a_user_signs_out_and_in_again(
    application: Application, sign_up: Callable[[str], Person], screenshot: Callable[[Page, str], None]
) -> None:
    ada = sign_up("Ada")
    ada.add("Water the plants")
    assert ada.page.request.get("/api/tasks").status == 200

    ada.sign_out()
    screenshot(ada.page, "sign-in")
    refused = ada.page.request.get("/api/tasks")
    assert refused.status == 401
    assert refused.headers["content-type"] == "application/problem+json"
    ada.page.goto("/")
    expect(ada.page).to_have_url(re.compile("/sign-in"))
    expect(ada.page.get_by_text("Water the plants")).to_be_hidden()

    ada.sign_in()
    expect(ada.task("Water the plants")).to_be_visible()


def test_the_current_agent_is_shown(application: Application, sign_up: Callable[[str], Person]) -> None:
    ada = sign_up("Ada")
    ada.say("hello")
    expect(ada.conversation).to_contain_text(re.compile(application.agent, re.IGNORECASE))


def test_a_missing_page_is_reported(
    visit: Callable[[], Page], screenshot: Callable[[Page, str], None]
) -> None:
    page = visit()
    answer = page.goto("/no/such/page")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading")).to_be_visible()
    screenshot(page, "not-found")


def test_both_services_report_their_health_as_json(
    application: Application, visit: Callable[[], Page]
) -> None:
    requests = visit().request
    for path in ("/health", "/api/health"):
        answer = requests.get(path)
        assert answer.status == 200
        assert answer.json()["status"] == "ok"


def test_a_page_with_scripts_of_another_version_reloads_itself(visit: Callable[[], Page]) -> None:
    page = visit()
    missing = iter(["one script"])

    def give(route: Route) -> None:
        if next(missing, None):
            route.fulfill(status=404)
        else:
            route.continue_()

    page.route("**/_next/static/**/*.js", give)
    loaded: list[str] = []
    page.on("domcontentloaded", lambda shown: loaded.append(shown.url))
    with page.expect_event("domcontentloaded", lambda _: len(loaded) == 2):
        page.goto("/sign-in")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Enter your email")).to_be_visible()
    assert len(loaded) == 2


@pytest.mark.parametrize("path", ["/", "/sign-in", "/sign-up"])
def test_the_javascript_of_a_first_visit_is_within_its_budget(
    application: Application, visit: Callable[[], Page], path: str
) -> None:
    requests = visit().request
    tags = re.findall(r"<script\b[^>]*>", requests.get(path).text())
    # Browsers that can run the application do not load these scripts.
    sources = {re.search(r'src="([^"]+)"', tag) for tag in tags if "nomodule" not in tag.lower()}
    scripts = {found[1] for found in sources if found}
    assert scripts
    assert sum(len(gzip.compress(requests.get(script).body())) for script in scripts) < FIRST_LOAD_BYTES


def api_tasks(page: Page) -> list[dict[str, Any]]:
    """Return all tasks of a page's user from the API."""
    answer = page.request.get("/api/tasks?status=all")
    assert answer.status == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def same_origin(page: Page) -> dict[str, str]:
    """Return the Origin header of the application's own pages."""
    return {"Origin": page.evaluate("location.origin")}


def local_time(page: Page, instant: str) -> str:
    """Format an instant on the browser's clock: 2026-11-21T17:00."""
    shown: str = page.evaluate(
        "instant => new Date(instant).toLocaleString('sv').replace(' ', 'T').slice(0, 16)", instant
    )
    return shown


def tomorrow(page: Page) -> str:
    """Return tomorrow's date on the browser's clock."""
    today: str = page.evaluate("new Date().toLocaleDateString('sv')")
    return (date.fromisoformat(today) + timedelta(days=1)).isoformat()


def same_origin_post(page: Page, task: dict[str, Any]) -> None:
    answer = page.request.post("/api/tasks", data=task, headers=same_origin(page))
    assert answer.status == 201, answer.text()
