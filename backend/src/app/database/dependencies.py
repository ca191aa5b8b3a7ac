"""The database as FastAPI dependencies."""

from collections.abc import AsyncIterator
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.connection import Database


def get_database(request: Request) -> Database:
    """Return the application's database."""
    return cast("Database", request.app.state.database)


DatabaseDep = Annotated[Database, Depends(get_database)]


async def get_session(request: Request, database: DatabaseDep) -> AsyncIterator[AsyncSession]:
    """Yield the request's session: one transaction, read-only for GET and HEAD."""
    async with database.transaction(read_only=request.method in {"GET", "HEAD"}) as session:
        yield session


# The scope commits before the answer is sent: a person who reads "created" can read it back,
# and a commit that fails is an error, not a lie. A streamed answer therefore needs its own transactions.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
