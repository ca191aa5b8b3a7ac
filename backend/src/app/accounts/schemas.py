"""Request and response bodies in Better Auth's format."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

from app.accounts.errors import AccountError
from app.accounts.models import Session, SessionRow, User, UserRow

MISSING = object()
"""Represents JavaScript's undefined."""

EMAIL = re.compile(
    r"(?!\.)(?!.*\.\.)[A-Za-z0-9_'+\-.]*[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,}", re.ASCII
)
MAXIMUM_TEXT = 1000
"""Limit in characters. Every token contains the name and the image, and must fit into a header."""


@dataclass(frozen=True)
class Field:
    """The rules for one field of a body."""

    name: str
    kind: Literal["string", "boolean"] = "string"
    required: bool = True
    nullable: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """The limits of a string as a JSON schema."""
        if self.kind == "boolean":
            return {}
        if "assword" in self.name:
            return {"minLength": 8 if self.name != "currentPassword" else 0, "maxLength": 128}
        if self.name == "email":
            return {"maxLength": MAXIMUM_TEXT, "pattern": f"^{EMAIL.pattern}$"}
        return {"maxLength": MAXIMUM_TEXT, "pattern": r"^[^\u0000]*$"}


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
REQUEST_RESET = (Field("email"), Field("redirectTo", required=False))
RESET = (Field("newPassword"), Field("token", required=False))
SIGN_OUT = (
    Field("callbackURL", required=False),
    Field("disableRedirect", "boolean", required=False),
    Field("state", required=False),
)

BODIES = {
    "/api/auth/sign-up/email": SIGN_UP,
    "/api/auth/sign-in/email": SIGN_IN,
    "/api/auth/sign-out": SIGN_OUT,
    "/api/auth/update-user": UPDATE_USER,
    "/api/auth/change-password": CHANGE_PASSWORD,
    "/api/auth/delete-user": DELETE_USER,
    "/api/auth/revoke-session": REVOKE_SESSION,
    "/api/auth/request-password-reset": REQUEST_RESET,
    "/api/auth/reset-password": RESET,
}


def parse_body(content: bytes, content_type: str, *, form: bool) -> Any:
    """Parse a request body; return MISSING for an empty body.

    Args:
        content: the body.
        content_type: the Content-Type header; without it, the body is ignored.
        form: whether form encoding is accepted in addition to JSON.

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
    """Validate a body and return its known fields.

    Args:
        body: the result of parse_body.
        fields: the rules for each field.
        expected: the names of the body in Better Auth's messages, one for each of its checks.

    Raises:
        AccountError: VALIDATION_ERROR, with every problem.
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
    """Validate and return the fields of a sign-up, including the format of the email address.

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


def check_address(values: dict[str, Any]) -> str:
    """Return the email address of a body. Raises AccountError: VALIDATION_ERROR."""
    email: str = values["email"]
    if not EMAIL.fullmatch(email):
        raise _invalid(["[body.email] Invalid email address"])
    return email


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
    """Return JavaScript's name for the type of a value."""
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
    """Format a datetime as JavaScript does, in milliseconds."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def user_json(user: User | UserRow) -> dict[str, Any]:
    """Return a user as JSON."""
    return {
        "name": user.name,
        "email": user.email,
        "emailVerified": user.email_verified,
        "image": user.image,
        "createdAt": instant(user.created_at),
        "updatedAt": instant(user.updated_at),
        "id": user.id,
    }


def session_json(session: Session | SessionRow) -> dict[str, Any]:
    """Return a session as JSON."""
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
