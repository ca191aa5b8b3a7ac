"""Transactions behave alike on both databases."""

import asyncio

import pytest
from sqlalchemy import func, select

from app.accounts.models import User
from app.database import Database


async def test_a_transaction_commits_at_the_end_of_its_block(database: Database) -> None:
    async with database.transaction() as session:
        session.add(User(name="Ada", email="ada@example.org"))
    async with database.transaction(read_only=True) as session:
        assert await session.scalar(select(User.name)) == "Ada"


async def test_an_exception_rolls_the_transaction_back(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as session:
            session.add(User(name="Ada", email="ada@example.org"))
            await session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with database.transaction(read_only=True) as session:
        assert await session.scalar(select(func.count(User.id))) == 0


async def test_concurrent_writers_that_read_first_all_succeed(database: Database) -> None:
    async with database.transaction() as session:
        session.add(User(id="one", name="0", email="ada@example.org"))

    async def increment() -> None:
        async with database.transaction() as session:
            user = await session.get_one(User, "one", with_for_update=True)
            await asyncio.sleep(0)
            user.name = str(int(user.name) + 1)

    await asyncio.gather(*(increment() for _ in range(20)))
    async with database.transaction(read_only=True) as session:
        assert (await session.get_one(User, "one")).name == "20"
