"""Password resets: a link that sets a new password once, within an hour.

A person gets the link by email; the operator of a server without email prints one with
`python -m app.accounts.reset_link`. Only a hash of its token is stored, as Better Auth's servers do with
`storeIdentifier: "hashed"`.
"""

import asyncio
import base64
import hashlib
from datetime import timedelta
from html import escape
from urllib.parse import quote, urljoin

import structlog
from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import passwords
from app.accounts.errors import AccountError
from app.accounts.models import AccessToken, Account, Session, User, Verification
from app.database import Database, Statement, new_id, utc_now
from app.errors import OverloadedError
from app.mail import Mailer, NotSentError

LIFETIME = timedelta(hours=1)
PER_ACCOUNT = 5
"""Links that an account is sent in an hour. The answer is the same for more, as it is without an account."""
WAITING = 100
PAGE = "/reset-password"
CLOSE_SECONDS = 3.0

_VALID = Statement(
    select(Verification.value.label("user_id")).where(
        Verification.identifier == bindparam("identifier"), Verification.expires_at > bindparam("now")
    )
)
_TEXT = """Somebody asked to reset the password of your account at {site}.

Choose a new password here, within an hour:

{link}

This ends all sessions and access tokens of your account. If it was not you,
ignore this message: your password stays as it is.
"""
_HTML = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{subject}</title>
<body style="font-family: system-ui, sans-serif; line-height: 1.5">
<p>Somebody asked to reset the password of your account at {site}.</p>
<p><a href="{link}">Choose a new password</a> within an hour.</p>
<p>This ends all sessions and access tokens of your account. If it was not you, ignore this
message: your password stays as it is.</p>
</body></html>
"""
_SUBJECT = "Reset your password"

log = structlog.get_logger(__name__)


class PasswordResets:
    """Creates, mails and uses links.

    Args:
        database: stores the hashes of tokens.
        public_url: the application's address, which links begin with.
        mailer: sends the links; None on a server without email.
    """

    def __init__(self, database: Database, public_url: str, mailer: Mailer | None = None) -> None:
        self._database = database
        self._public_url = public_url
        self._mailer = mailer
        self._sending: set[asyncio.Task[None]] = set()

    def send(self, email: str, page: str | None) -> None:
        """Start to send a link to an account, if it exists.

        Everything that depends on the account happens later: an answer takes the same time for every address.

        Raises:
            AccountError: RESET_PASSWORD_DISABLED on a server without email.
            OverloadedError: when too many are being sent.
        """
        if self._mailer is None:
            raise AccountError("RESET_PASSWORD_DISABLED")
        if len(self._sending) >= WAITING:
            raise OverloadedError
        sending = asyncio.create_task(self._send(self._mailer, email, page), name="password reset")
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    async def create(self, email: str, *, most: int | None = None) -> str | None:
        """Return a new token for the account with an email address.

        Returns None if there is no such account, or if it has `most` valid tokens.
        """
        token, now = new_id(), utc_now()
        async with self._database.transaction() as transaction:
            # Concurrent requests for one account count one after another.
            user_id = await transaction.scalar(
                select(User.id).where(User.email == email.lower()).with_for_update()
            )
            if user_id is None:
                return None
            valid = select(func.count()).where(Verification.value == user_id, Verification.expires_at > now)
            if most is not None and (await transaction.scalar(valid) or 0) >= most:
                log.warning("password reset not sent", reason="too many", user_id=user_id)
                return None
            transaction.add(
                Verification(identifier=_identifier(token), value=user_id, expires_at=now + LIFETIME)
            )
        return token

    def link(self, token: str, page: str | None = None) -> str:
        """Return the address of the page that asks for the new password."""
        return with_query(urljoin(self._public_url, page or PAGE), "token", token)

    async def is_valid(self, token: str) -> bool:
        """Return whether a token would be accepted now."""
        parameters = {"identifier": _identifier(token), "now": utc_now()}
        return bool(await self._database.fetch(_VALID, parameters))

    async def reset(self, token: str, new_password: str) -> None:
        """Set a new password by a token, which ends it and all sessions and access tokens of its account.

        Raises:
            AccountError: PASSWORD_TOO_SHORT, PASSWORD_TOO_LONG, PASSWORD_COMPROMISED or INVALID_TOKEN.
        """
        passwords.check_new(new_password)
        if not await self.is_valid(token):
            raise AccountError("INVALID_TOKEN")
        hashed = await passwords.hash_password(new_password)
        async with self._database.transaction() as transaction:
            # Of concurrent requests, one gets the row.
            user_id = await transaction.scalar(
                delete(Verification)
                .where(Verification.identifier == _identifier(token), Verification.expires_at > utc_now())
                .returning(Verification.value)
            )
            user = select(User.id).where(User.id == user_id).with_for_update()
            if user_id is None or not await transaction.scalar(user):
                raise AccountError("INVALID_TOKEN")
            changed = await transaction.scalar(
                update(Account)
                .where(Account.user_id == user_id, Account.provider_id == "credential")
                .values(password=hashed, updated_at=utc_now())
                .returning(Account.id)
            )
            if changed is None:
                transaction.add(
                    Account(account_id=user_id, provider_id="credential", user_id=user_id, password=hashed)
                )
            await end_sign_ins(transaction, user_id)
        log.info("password reset", user_id=user_id)

    async def forget_past(self) -> None:
        """Delete expired tokens."""
        async with self._database.transaction() as transaction:
            await transaction.execute(delete(Verification).where(Verification.expires_at <= utc_now()))

    async def close(self) -> None:
        """Finish sending, for a few seconds."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=CLOSE_SECONDS)
        for sending in self._sending:
            sending.cancel()

    async def _send(self, mailer: Mailer, email: str, page: str | None) -> None:
        try:
            token = await self.create(email, most=PER_ACCOUNT)
            if token is None:
                return
            words = {"site": self._public_url, "link": self.link(token, page), "subject": _SUBJECT}
            text, html = _TEXT.format(**words), _HTML.format(**{k: escape(v) for k, v in words.items()})
            try:
                await mailer.send(email.lower(), _SUBJECT, text, html)
            except NotSentError:
                # It does not count, so that the person can try again.
                async with self._database.transaction() as transaction:
                    unsent = Verification.identifier == _identifier(token)
                    await transaction.execute(delete(Verification).where(unsent))
        except (SQLAlchemyError, TimeoutError) as error:
            log.warning("password reset not sent", reason=type(error).__name__)


async def end_sign_ins(transaction: AsyncSession, user_id: str) -> None:
    """End all sessions, access tokens and links for a new password of a user."""
    for column in (AccessToken.user_id, Session.user_id, Verification.value):
        await transaction.execute(delete(column.class_).where(column == user_id))


def with_query(url: str, name: str, value: str) -> str:
    """Return a URL with one more parameter."""
    address, separator, fragment = url.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{name}={quote(value)}{separator}{fragment}"


def _identifier(token: str) -> str:
    digest = hashlib.sha256(f"reset-password:{token}".encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
