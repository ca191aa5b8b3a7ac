"""Request and response bodies of conversations. `app.chat.parts` defines the streamed parts."""

from functools import lru_cache
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from app.chat.models import CONVERSATION_TITLE_LENGTH, IDEMPOTENCY_KEY_LENGTH, ReplyState
from app.instants import Instant
from app.text import any_text, one_line, refuse_controls, some_text

MESSAGE_LENGTH = 4000


@lru_cache(maxsize=1024)
def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be a time zone's IANA name such as Europe/Berlin") from None
    return name


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain the control character U+0000")
    return text


_Key = Annotated[
    str,
    Field(min_length=1, max_length=IDEMPOTENCY_KEY_LENGTH),
    BeforeValidator(refuse_controls),
    any_text(),
]


class ChatRequest(BaseModel):
    """A message to the agent.

    A repeated `idempotency_key` returns the same reply and runs no action twice; with `retry`, it answers
    again after a failure, too. `replaces` is the key of the last message of the conversation, which the
    user has edited: that message and its reply stay there, but agents do not read them, and its actions can
    be undone as before. `time_zone` applies to dates in the message; it defaults to that of your preferences.
    """

    model_config = ConfigDict(extra="forbid")

    message: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MESSAGE_LENGTH),
        AfterValidator(_without_nul),
        Field(json_schema_extra={"pattern": r"^[^\x00]*[^\x00\s][^\x00]*$"}),
    ]
    conversation_id: (
        Annotated[str, Field(max_length=64), BeforeValidator(refuse_controls), any_text()] | None
    ) = None
    idempotency_key: _Key | None = None
    replaces: _Key | None = None
    retry: bool = False
    time_zone: Annotated[str, Field(max_length=64), AfterValidator(_time_zone)] | None = None

    @model_validator(mode="after")
    def _replaces_in_a_conversation(self) -> Self:
        if self.replaces is not None and self.conversation_id is None:
            raise ValueError("replaces: needs the conversation_id of the message")
        return self


class ConversationUpdate(BaseModel):
    """The changes to a conversation."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[
        str,
        StringConstraints(min_length=1, max_length=CONVERSATION_TITLE_LENGTH),
        BeforeValidator(one_line),
        some_text(),
    ]


class ConversationOut(BaseModel):
    """A conversation without its messages."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    title: str
    created_at: Instant
    updated_at: Instant


class ConversationPage(BaseModel):
    """A page of conversations, most recent first."""

    items: list[ConversationOut]
    next_cursor: str | None


class MessageOut(BaseModel):
    """A message, with its parts in streaming order.

    A reply has the `agent` that answered, its `model` if it has one, and its `state`. The same message with
    its `idempotency_key` resumes a reply that was stopped or interrupted, and with `retry` one that failed.
    """

    id: str
    role: Literal["user", "assistant"]
    agent: str | None
    model: str | None
    state: ReplyState | None
    idempotency_key: str | None
    created_at: Instant
    parts: list[dict[str, Any]]


class ConversationDetail(ConversationOut):
    """A conversation and its latest messages, oldest first; `previous_cursor` retrieves earlier messages."""

    messages: list[MessageOut]
    previous_cursor: str | None
