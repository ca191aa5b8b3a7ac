"""Conversations with the offline agent over HTTP and its tools, on both databases."""

from collections.abc import Awaitable, Callable

import httpx2
import pytest

from backend.tests.chat.stream import Talk, calls_of

SignIn = Callable[..., Awaitable[httpx2.AsyncClient]]


@pytest.fixture
async def talk(signed_in: SignIn) -> Talk:
    return Talk(await signed_in("Ada"))


async def titles(talk: Talk, status: str = "open") -> list[str]:
    response = await talk.person.get("/api/tasks", params={"status": status, "sort": "title"})
    return [task["title"] for task in response.json()["items"]]


async def test_a_task_is_added_and_the_receipt_shows_its_details(talk: Talk) -> None:
    said = await talk.say("add buy milk tomorrow at 5pm, high priority #home")
    assert said == "Added ‘Buy milk’, tomorrow 17:00, high priority, #home."
    assert calls_of(talk.parts) == ["add_task"]
    assert await titles(talk) == ["Buy milk"]


async def test_a_task_is_completed_and_reopened_by_its_name(talk: Talk) -> None:
    await talk.say("add buy milk")
    await talk.say("add buy milk chocolate")
    assert await talk.say("mark buy milk as done") == "Done: ‘Buy milk’."
    assert calls_of(talk.parts) == ["list_tasks", "complete_task"]
    assert await titles(talk) == ["Buy milk chocolate"]
    assert await talk.say("mark buy milk as not done") == "Open again: ‘Buy milk’."
    assert await titles(talk) == ["Buy milk", "Buy milk chocolate"]


async def test_the_word_it_refers_to_the_last_mentioned_task(talk: Talk) -> None:
    await talk.say("add buy milk tomorrow at 5pm")
    assert await talk.say("make it urgent") == "Updated ‘Buy milk’, tomorrow 17:00, high priority."
    assert await talk.say("tag it with shop") == "Updated ‘Buy milk’, tomorrow 17:00, high priority, #shop."
    assert await talk.say("rename it to buy oat milk") == (
        "Updated ‘Buy oat milk’, tomorrow 17:00, high priority, #shop."
    )
    assert await talk.say("done") == "Done: ‘Buy oat milk’."
    assert await talk.say("reopen it") == "Open again: ‘Buy oat milk’."
    assert await talk.say("delete it") == "Deleted ‘Buy oat milk’."
    assert await talk.say("delete it") == ("That task is deleted. Name another one, please, or say “undo”.")
    assert await titles(talk, "all") == []


async def test_moving_a_task_to_another_day_keeps_its_hour(talk: Talk) -> None:
    await talk.say("add call Ann tomorrow at 5pm")
    assert (await talk.say("move it to the day after tomorrow")).endswith("17:00.")
    assert await talk.say("move it to tomorrow") == "Updated ‘Call Ann’, tomorrow 17:00."
    assert await talk.say("move it to 6pm") == "Updated ‘Call Ann’, tomorrow 18:00."
    assert await talk.say("bring it forward by a day") == "Updated ‘Call Ann’, today 18:00."
    assert await talk.say("remove the due date from it") == "Updated ‘Call Ann’."


async def test_numbers_refer_to_the_last_list(talk: Talk) -> None:
    for title in ("alpha tomorrow", "beta in 2 days", "gamma in 3 days", "delta in 4 days"):
        await talk.say(f"add task {title}")
    listed = await talk.say("list")
    assert listed.splitlines()[0] == "You have 4 open tasks:"
    assert [line.split(" · ")[0] for line in listed.splitlines()[1:]] == [
        "1. Alpha",
        "2. Beta",
        "3. Gamma",
        "4. Delta",
    ]
    assert await talk.say("complete the second one") == "Done: ‘Beta’."
    assert (await talk.say("delete 1 and 3")).startswith("I want to:\n- Delete ‘Alpha’\n- Delete ‘Gamma’\n")
    assert await talk.say("yes") == "Done."
    assert await talk.say("complete #7") == "There is no number 7 in the last list; it has 4 tasks."
    assert await talk.say("complete the last one") == "Done: ‘Delta’."
    assert await titles(talk) == []


async def test_the_agent_asks_when_several_tasks_fit(talk: Talk) -> None:
    for title in ("buy oat milk", "buy soy milk", "call Ann"):
        await talk.say(f"add {title}")
    question = await talk.say("complete milk")
    assert question.splitlines()[0] == "Which one do you mean?"
    assert sorted(line[3:] for line in question.splitlines()[1:]) == ["Buy oat milk", "Buy soy milk"]
    first = question.splitlines()[1][3:]
    assert await talk.say("the first one") == f"Done: ‘{first}’."
    await talk.say(f"reopen {first}")
    await talk.say("delete milk")
    assert await talk.say("the soy one") == "Deleted ‘Buy soy milk’."
    assert await titles(talk) == ["Buy oat milk", "Call Ann"]


async def test_all_tasks_are_deleted_only_after_a_yes(talk: Talk) -> None:
    for title in ("one", "two", "three"):
        await talk.say(f"add task {title} thing")
    assert (await talk.say("delete all")).count("- Delete ‘") == 3
    assert await talk.say("no") == "All right, nothing was changed."
    assert await talk.say("yes") == "There is nothing to confirm. “help” shows what I understand."
    assert len(await titles(talk)) == 3
    await talk.say("delete everything")
    assert await talk.say("yes") == "Done."
    assert await titles(talk, "all") == []
    assert await talk.say("delete all my tasks") == "You have no tasks."


async def test_a_yes_after_another_message_deletes_nothing(talk: Talk) -> None:
    await talk.say("add task one")
    await talk.say("delete all")
    await talk.say("list")
    await talk.say("yes")
    assert await titles(talk) == ["One"]


async def test_misspelt_names_are_found(talk: Talk) -> None:
    await talk.say("add send the invoices")
    await talk.say("add buy milk")
    assert await talk.say("complete invoice") == "Done: ‘Send the invoices’."
    assert await talk.say("complete buy mlik") == "Done: ‘Buy milk’."
    assert await talk.say("complete buy milk") == "‘Buy milk’ is done already."
    assert (await talk.say("complete spaceship")).startswith("I find no task like ‘spaceship’.")


async def test_an_undone_change_is_described_as_restored(talk: Talk) -> None:
    await talk.say("add buy milk")
    await talk.say("rename buy milk to buy bread")
    assert await talk.say("undo") == "Undone: restored ‘Buy milk’."


async def test_quoted_titles_are_taken_literally(talk: Talk) -> None:
    said = await talk.say('add "delete all #now tomorrow!!"')
    assert said == "Added ‘delete all #now tomorrow!!’."


async def test_the_agent_explains_its_commands_and_unknown_sentences(talk: Talk) -> None:
    assert (await talk.say("help")).count("•") == 4
    assert (await talk.say("buy milk")).endswith("To add it as a task, write: add buy milk")
    assert await talk.say("add pay rent on 31 feb") == "There is no 31 February."
    assert "a title has at most 200 characters" in await talk.say("add " + "x" * 201)
    assert await titles(talk) == []


async def test_dates_are_in_the_users_time_zone(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    for zone, expected in (("Pacific/Auckland", "T11:00:00Z"), ("America/New_York", "T05:00:00Z")):
        await Talk(ada, zone).say("add ring in 2099-01-01")
        (task,) = (await ada.get("/api/tasks", params={"q": "ring in", "limit": 1})).json()["items"]
        assert (task["due_at"][10:], task["all_day"]) == (expected, True)


async def test_a_list_of_thousands_shows_the_next_few(talk: Talk) -> None:
    message = "add these tasks:\n" + "\n".join(f"- errand number {number}" for number in range(25))
    assert (await talk.say(message)).endswith("I cannot add more at once; 5 are left.")
    listed = await talk.say("list")
    assert listed.splitlines()[0] == "You have 20 open tasks:"
    assert listed.splitlines()[-1] == "and 5 more."
    assert await talk.say("how many tasks do I have?") == "You have 20 open tasks."
    assert await talk.say("complete all") == "Done: 20 tasks."
