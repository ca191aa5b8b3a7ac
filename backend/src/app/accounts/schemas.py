"""The bodies of requests and answers, in Better Auth's shapes and words."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

from app.accounts.errors import AccountError
from app.accounts.models import Session, User

MISSING = object()
"""What JavaScript calls undefined."""

EMAIL = re.compile(
    r"(?!\.)(?!.*\.\.)[A-Za-z0-9_'+\-.]*[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,}", re.ASCII
)
MAXIMUM_TEXT = 1000
"""Characters. A person's name and image travel in a header with every token, so they must stay short."""


@dataclass(frozen=True)
class Field:
    """What a body's field has to be."""

    name: str
    kind: Literal["string", "boolean"] = "string"
    required: bool = True
    nullable: bool = False


SIGN_UP = (
    Field("name"),
    Field("email"),
    Field("password"),
    Field("image", required=False),
    Field("callbackURL", required=False),
    Field("rememberMe", "boolean", required=False),
)
SIGN_IN = (
    Field("email"),
    Field("password"),
    Field("callbackURL", required=False),
    Field("rememberMe", "boolean", required=False),
)
UPDATE_USER = (Field("name", required=False), Field("image", required=False, nullable=True))
CHANGE_PASSWORD = (
    Field("newPassword"),
    Field("currentPassword"),
    Field("revokeOtherSessions", "boolean", required=False),
)
DELETE_USER = (
    Field("callbackURL", required=False),
    Field("password", required=False),
    Field("token", required=False),
)
REVOKE_SESSION = (Field("token"),)
SIGN_OUT = (
    Field("callbackURL", required=False),
    Field("disableRedirect", "boolean", required=False),
    Field("state", required=False),
)


def parse_body(content: bytes, content_type: str, *, form: bool) -> Any:
    """Return the value that a body stands for, or MISSING when there is none.

    Args:
        content: the body.
        content_type: the header; without one, the body does not count.
        form: whether an HTML form's encoding is accepted beside JSON.

    Raises:
        AccountError: BAD_REQUEST or UNSUPPORTED_MEDIA_TYPE.
    """
    if not content or not content_type:
        return MISSING
    kind = content_type.lower().split(";")[0].strip()
    allowed = ["application/x-www-form-urlencoded", "application/json"] if form else ["application/json"]
    if not any(name in kind for name in allowed):
        message = f'Content-Type "{content_type}" is not allowed. Allowed types: {", ".join(allowed)}'
        raise AccountError("UNSUPPORTED_MEDIA_TYPE", message)
    text = content.decode("utf-8-sig", "replace")
    try:
        if "json" in kind:
            return json.loads(text, parse_constant=_refuse_constant)
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=100))
    except (ValueError, RecursionError):
        raise AccountError("BAD_REQUEST") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def check(body: Any, fields: tuple[Field, ...], expected: tuple[str, ...] = ("object",)) -> dict[str, Any]:
    """Return the body once it has the fields it must have, without the others.

    Args:
        body: what parse_body returned.
        fields: what it must have.
        expected: what the body is called, as often as Better Auth checks it.

    Raises:
        AccountError: VALIDATION_ERROR, naming all that is wrong.
    """
    if not isinstance(body, dict):
        found = _type_of(body)
        raise _invalid([f"[body] Invalid input: expected {name}, received {found}" for name in expected])
    problems = []
    values: dict[str, Any] = {}
    for field in fields:
        value = body.get(field.name, MISSING)
        if value is MISSING and not field.required:
            continue
        problem = _problem(field, value)
        if problem:
            problems.append(f"[body.{field.name}] {problem}")
        values[field.name] = value
    if problems:
        raise _invalid(problems)
    return values


def check_new_user(body: Any) -> dict[str, Any]:
    """Return what somebody signs up with; its address has a form in which mail can be sent.

    Raises:
        AccountError: VALIDATION_ERROR.
    """
    values = check(body, SIGN_UP, ("object", "record"))
    problems = []
    if not EMAIL.fullmatch(values["email"]):
        problems.append("[body.email] Invalid email address")
    if not values["password"]:
        problems.append("[body.password] Too small: expected string to have >=1 characters")
    if problems:
        raise _invalid(problems)
    return values


def _problem(field: Field, value: Any) -> str | None:
    if value is None and field.nullable:
        return None
    if _type_of(value) != field.kind:
        return f"Invalid input: expected {field.kind}, received {_type_of(value)}"
    if field.kind == "string" and "assword" not in field.name:
        if len(value) > MAXIMUM_TEXT:
            return f"Too big: expected string to have <={MAXIMUM_TEXT} characters"
        if re.search("[\0\ud800-\udfff]", value):
            return "Invalid input: expected text without NUL and lone surrogates"
    return None


def _type_of(value: Any) -> str:
    """Return what JavaScript calls the type of a value."""
    if value is MISSING:
        return "undefined"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return names[type(value)]


def _invalid(problems: list[str]) -> AccountError:
    return AccountError("VALIDATION_ERROR", "; ".join(problems))


def instant(value: datetime) -> str:
    """Return an instant as JavaScript writes it, in milliseconds."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def user_json(user: User) -> dict[str, Any]:
    """Return a person as the wire has them."""
    return {
        "name": user.name,
        "email": user.email,
        "emailVerified": user.email_verified,
        "image": user.image,
        "createdAt": instant(user.created_at),
        "updatedAt": instant(user.updated_at),
        "id": user.id,
    }


def session_json(session: Session) -> dict[str, Any]:
    """Return a session as the wire has it."""
    return {
        "expiresAt": instant(session.expires_at),
        "token": session.token,
        "createdAt": instant(session.created_at),
        "updatedAt": instant(session.updated_at),
        "ipAddress": session.ip_address or "",
        "userAgent": session.user_agent or "",
        "userId": session.user_id,
        "id": session.id,
    }
