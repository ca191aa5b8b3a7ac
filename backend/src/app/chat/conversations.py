"""The conversations of a user: list, search, read, rename and delete them."""

from collections.abc import Awaitable, Callable, Collection, Sequence

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.chat.models import Conversation, Message
from app.chat.parts import step_of
from app.database import Database
from app.errors import RefusalError
from app.instants import iso_instant
from app.pagination import cursor_instant, decode_cursor, encode_cursor
from app.text import folded, like_pattern

UndoneAmong = Callable[[AsyncSession, str, Collection[str]], Awaitable[set[str]]]
MESSAGES_PER_PAGE = 200

_NEWEST_FIRST = "updated desc"
_BACKWARDS = "messages desc"


class ConversationNotFoundError(RefusalError):
    """The user has no conversation with this id."""

    status = 404
    title = "Conversation not found"
    code = "conversation_not_found"
    detail = "You have no conversation with this id."


async def find_conversation(session: AsyncSession, user_id: str, conversation_id: str) -> Conversation:
    """Return a conversation of the user.

    Raises:
        ConversationNotFoundError: when the user has no conversation with this id.
    """
    conversation = None
    if "\0" not in conversation_id:
        conversation = await session.scalar(
            select(Conversation).where(Conversation.id == conversation_id, Conversation.user_id == user_id)
        )
    if conversation is None:
        raise ConversationNotFoundError
    return conversation


def _contains(table: type[Conversation] | type[Message], word: str) -> ColumnElement[bool]:
    return table.search_text.like(like_pattern(word), escape="/")


async def list_conversations(
    database: Database, user_id: str, *, words: str = "", limit: int, cursor: str | None
) -> tuple[Sequence[Conversation], str | None]:
    """Return a page of the user's conversations, most recently used first, and the next cursor.

    With `words`, only conversations whose title or one of whose messages contains each of them.

    Raises:
        InvalidCursorError: when the cursor does not belong to this list.
    """
    statement = select(Conversation).where(Conversation.user_id == user_id)
    for word in folded(words).split():
        said = exists().where(Message.conversation_id == Conversation.id, _contains(Message, word))
        statement = statement.where(or_(_contains(Conversation, word), said))
    if cursor is not None:
        key, row_id = decode_cursor(cursor, _NEWEST_FIRST)
        instant = cursor_instant(key)
        older = and_(Conversation.updated_at == instant, Conversation.id < row_id)
        statement = statement.where(or_(Conversation.updated_at < instant, older))
    statement = statement.order_by(Conversation.updated_at.desc(), Conversation.id.desc())
    async with database.transaction(read_only=True) as session:
        rows = (await session.scalars(statement.limit(limit + 1))).all()
    items = rows[:limit]
    if len(rows) <= limit:
        return items, None
    return items, encode_cursor(_NEWEST_FIRST, iso_instant(items[-1].updated_at), items[-1].id)


async def read_conversation(
    database: Database, user_id: str, conversation_id: str, *, cursor: str | None, undone_among: UndoneAmong
) -> tuple[Conversation, Sequence[Message], set[str], str | None]:
    """Return a conversation, its latest messages, oldest first, their undone steps and an earlier cursor.

    `undone_among` asks another feature which steps are undone.

    Raises:
        ConversationNotFoundError: when the user has no conversation with this id.
        InvalidCursorError: when the cursor does not belong to this conversation.
    """
    async with database.transaction(read_only=True) as session:
        conversation = await find_conversation(session, user_id, conversation_id)
        statement = select(Message).where(Message.conversation_id == conversation.id)
        if cursor is not None:
            key, row_id = decode_cursor(cursor, _BACKWARDS)
            instant = cursor_instant(key)
            older = and_(Message.created_at == instant, Message.id < row_id)
            statement = statement.where(or_(Message.created_at < instant, older))
        statement = statement.order_by(Message.created_at.desc(), Message.id.desc())
        rows = (await session.scalars(statement.limit(MESSAGES_PER_PAGE + 1))).all()
        items = rows[:MESSAGES_PER_PAGE]
        steps = {step for message in items for part in message.parts if (step := step_of(part))}
        undone = await undone_among(session, user_id, steps)
    if len(rows) <= MESSAGES_PER_PAGE:
        return conversation, items[::-1], undone, None
    previous = encode_cursor(_BACKWARDS, iso_instant(items[-1].created_at), items[-1].id)
    return conversation, items[::-1], undone, previous


async def rename_conversation(
    database: Database, user_id: str, conversation_id: str, title: str
) -> Conversation:
    """Rename a conversation and return it.

    Raises:
        ConversationNotFoundError: when the user has no conversation with this id.
    """
    async with database.transaction() as session:
        conversation = await find_conversation(session, user_id, conversation_id)
        conversation.title, conversation.search_text = title, folded(title)
        return conversation


async def delete_conversation(database: Database, user_id: str, conversation_id: str) -> None:
    """Delete a conversation and its messages. The tasks it created are kept.

    Raises:
        ConversationNotFoundError: when the user has no conversation with this id.
    """
    async with database.transaction() as session:
        conversation = await find_conversation(session, user_id, conversation_id)
        await session.execute(delete(Conversation).where(Conversation.id == conversation.id))
