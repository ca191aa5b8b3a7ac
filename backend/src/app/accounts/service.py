"""Account and session rules. Every method runs one or two short transactions of its own."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import bindparam, delete, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import passwords, tokens
from app.accounts.errors import AccountError
from app.accounts.known import Known
from app.accounts.models import Account, Session, SessionRow, SigningKey, User, UserRow
from app.accounts.resets import end_sign_ins
from app.accounts.schemas import EMAIL, user_json
from app.database import Condition, Database, Row, Statement, new_id, utc_now

REMEMBERED = timedelta(days=7)
NOT_REMEMBERED = timedelta(days=1)
EXTEND_AFTER = timedelta(days=1)
FRESH = timedelta(days=1)
_OF_TOKEN = Session.token == bindparam("token")
_SESSION = Statement(
    select(Session.user_id.label("user_id"), Session.expires_at.label("expires_at")).where(_OF_TOKEN)
)
_ACTIVE = Condition(
    exists().where(
        Session.token == bindparam("session_token"),
        Session.user_id == bindparam("session_user"),
        Session.expires_at > bindparam("session_now"),
    )
)
_NEWEST_KEY = select(SigningKey.id).order_by(SigningKey.created_at.desc()).limit(1).scalar_subquery()
_SESSION_WITH_USER = Statement(
    select(
        _NEWEST_KEY.label("newest_key"),
        *(getattr(Session, name).label(name) for name in SessionRow._fields),
        *(getattr(User, name).label(f"user_{name}") for name in UserRow._fields if name != "id"),
    )
    .join(User, Session.user_id == User.id)
    .where(_OF_TOKEN)
)
_ADDRESSES = Statement(
    select(Session.ip_address.label("ip_address"))
    .join(User, Session.user_id == User.id)
    .where(User.email == bindparam("email"))
)
_USER = Statement(select(User.id).where(User.id == bindparam("id")))
_ITS_SESSION = Statement(
    select(Session.expires_at.label("expires_at")).where(
        Session.id == bindparam("id"), Session.user_id == bindparam("user_id")
    )
)
_SIGNING_KEYS = Statement(
    select(
        *(attribute.class_attribute.label(attribute.key) for attribute in SigningKey.__mapper__.column_attrs)
    ).order_by(SigningKey.created_at.desc())
)


@dataclass(frozen=True)
class Device:
    """The device that started a session, for the list of sessions."""

    address: str
    user_agent: str


@dataclass
class SignedIn:
    """A user and the current session."""

    user: User | UserRow
    session: Session | SessionRow
    extended: bool = False
    newest_key: str | None = None
    """The id of the newest key that signs tokens."""

    @property
    def fresh(self) -> bool:
        """Whether the user signed in recently enough for sensitive actions."""
        return utc_now() - self.session.created_at < FRESH


class Accounts:
    """Manages users, passwords and sessions.

    Args:
        database: stores the accounts.
        secret: encrypts the private keys that sign tokens.
        issuer: the issuer and audience of tokens.
        shared_secret: signs HS256 tokens.
        known: what this server remembers.
    """

    def __init__(
        self, database: Database, *, secret: str, issuer: str, shared_secret: str, known: Known
    ) -> None:
        self._database = database
        self._secret = secret
        self._issuer = issuer
        self._shared_secret = shared_secret
        self._known = known

    async def sign_up(
        self, *, name: str, email: str, password: str, image: str | None, remember: bool, device: Device
    ) -> SignedIn:
        """Create an account and its first session.

        Raises:
            AccountError: PASSWORD_TOO_SHORT, PASSWORD_TOO_LONG, PASSWORD_COMPROMISED or
                USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL.
        """
        passwords.check_new(password)
        email = email.lower()
        async with self._database.transaction(read_only=True) as transaction:
            if await transaction.scalar(select(User.id).where(User.email == email)):
                raise AccountError("USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL")
        hashed = await passwords.hash_password(password)
        try:
            async with self._database.transaction() as transaction:
                user = User(id=new_id(), name=name, email=email, email_verified=False, image=image)
                transaction.add(user)
                await transaction.flush()
                transaction.add(
                    Account(account_id=user.id, provider_id="credential", user_id=user.id, password=hashed)
                )
                _log_as(user.id)
                return SignedIn(user, _begin(transaction, user.id, remember=remember, device=device))
        except IntegrityError:
            # Another request registered the address while this one hashed its password.
            raise AccountError("USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL") from None

    async def sign_in(self, *, email: str, password: str, remember: bool, device: Device) -> SignedIn:
        """Create a session. An unknown address takes as long as a wrong password.

        Raises:
            AccountError: INVALID_EMAIL, PASSWORD_TOO_LONG or INVALID_EMAIL_OR_PASSWORD.
        """
        if not EMAIL.fullmatch(email):
            raise AccountError("INVALID_EMAIL")
        passwords.check_length(password, minimum=0)
        async with self._database.transaction(read_only=True) as transaction:
            row = (
                await transaction.execute(
                    select(User, Account.password)
                    .join(Account, Account.user_id == User.id)
                    .where(User.email == email.lower(), Account.provider_id == "credential")
                )
            ).first()
        user, hashed = (row[0], row[1]) if row else (None, None)
        if user is None or not hashed:
            await passwords.hash_password(password)
            raise AccountError("INVALID_EMAIL_OR_PASSWORD")
        if not await passwords.verify_password(password, hashed):
            raise AccountError("INVALID_EMAIL_OR_PASSWORD")
        async with self._database.transaction() as transaction:
            await transaction.execute(
                delete(Session).where(Session.user_id == user.id, Session.expires_at <= utc_now())
            )
            if not await transaction.scalar(select(User.id).where(User.id == user.id).with_for_update()):
                raise AccountError("INVALID_EMAIL_OR_PASSWORD")
            _log_as(user.id)
            return SignedIn(user, _begin(transaction, user.id, remember=remember, device=device))

    async def addresses(self, email: str) -> list[str]:
        """Return the addresses from which the account with an email address is signed in."""
        rows = await self._database.fetch(_ADDRESSES, {"email": email.lower()})
        return [row["ip_address"] or "" for row in rows]

    async def find(self, token: str | None, *, extend: bool = False) -> SignedIn | None:
        """Return the active session with this token and its user, or None.

        Args:
            token: the session token; its signature has been verified.
            extend: whether to extend the session by a week if the last extension is over a day old.
        """
        row = await self._active(_SESSION_WITH_USER, token)
        if row is None:
            return None
        found = SignedIn(
            UserRow(**{name: row[f"user_{name}"] for name in UserRow._fields}),
            SessionRow(**{name: row[name] for name in SessionRow._fields}),
            newest_key=row["newest_key"],
        )
        now = utc_now()
        if extend and found.session.expires_at - REMEMBERED + EXTEND_AFTER <= now:
            async with self._database.transaction() as transaction:
                extended = await transaction.execute(
                    update(Session)
                    .where(Session.token == token)
                    .values(expires_at=now + REMEMBERED, updated_at=now)
                    .returning(Session)
                )
                session = extended.scalar_one_or_none()
            if session is None:
                return None
            found = SignedIn(found.user, session, extended=True, newest_key=found.newest_key)
        return found

    async def user_of_session(self, token: str | None) -> str | None:
        """Return the id of the user of the active session with this token, or None."""
        row = await self._active(_SESSION, token)
        if token is None or row is None:
            return None
        self._known.remember(token, row["user_id"])
        return str(row["user_id"])

    def activity_of(self, token: str, user_id: str) -> tuple[Condition, dict[str, Any]]:
        """Return the condition that the session with this token is active, and its parameters."""
        _log_as(user_id)
        return _ACTIVE, {"session_token": token, "session_user": user_id, "session_now": utc_now()}

    async def user_of_token(self, token: str) -> str | None:
        """Return the id of the user of a valid JSON Web Token, or None if the account no longer exists."""
        name = tokens.key_id(token)
        keys = [key for key in await self._signing_keys() if key.id == name] if name else []
        key = keys[0] if keys else None
        found = tokens.subject(token, self._issuer, shared_secret=self._shared_secret, key=key)
        if found is None:
            return None
        about, session = found
        if session is None:
            rows = await self._database.fetch(_USER, {"id": about})
        else:
            # A token ends with its session, at once.
            rows = await self._database.fetch(_ITS_SESSION, {"id": session, "user_id": about})
            rows = [row for row in rows if row["expires_at"] > utc_now()]
        if not rows:
            return None
        _log_as(about)
        return about

    async def issue_token(self, signed_in: SignedIn) -> str:
        """Create a JSON Web Token for a session, valid for 15 minutes and no longer than the session."""
        user, known = signed_in.user, self._known.signing_key
        if known is not None and known.id == signed_in.newest_key:
            keys = [known]
        else:
            keys = await self._signing_keys() or [await self._add_signing_key()]
        for key in keys:
            private = tokens.private_key(key, self._secret)
            if private is not None:
                if key is keys[0]:
                    self._known.signing_key = key
                claims = user_json(user) | {"sid": signed_in.session.id}
                return tokens.issue(claims, user.id, self._issuer, key.id, private)
        # All existing keys were encrypted under a previous secret.
        await self._add_signing_key()
        self._known.signing_key = None
        return await self.issue_token(signed_in)

    async def web_keys(self) -> list[dict[str, Any]]:
        """Return the public keys that verify this server's tokens."""
        keys = await self._signing_keys()
        return [tokens.public_web_key(key) for key in keys or [await self._add_signing_key()]]

    async def update_user(self, user: User | UserRow, changes: dict[str, Any]) -> None:
        """Update a user's name or image."""
        async with self._database.transaction() as transaction:
            await transaction.execute(
                update(User).where(User.id == user.id).values(**changes, updated_at=utc_now())
            )

    async def change_password(
        self, signed_in: SignedIn, *, current: str, new: str, revoke_others: bool, device: Device
    ) -> Session | None:
        """Change the password; with `revoke_others`, end all sessions and tokens, and return a new session.

        Raises:
            AccountError: PASSWORD_TOO_SHORT, PASSWORD_TOO_LONG, PASSWORD_COMPROMISED, INVALID_PASSWORD or
                CREDENTIAL_ACCOUNT_NOT_FOUND.
        """
        passwords.check_new(new)
        user_id = signed_in.user.id
        await self._check_password(user_id, current)
        hashed = await passwords.hash_password(new)
        async with self._database.transaction() as transaction:
            await transaction.execute(
                update(Account)
                .where(Account.user_id == user_id, Account.provider_id == "credential")
                .values(password=hashed, updated_at=utc_now())
            )
            if not revoke_others:
                return None
            await end_sign_ins(transaction, user_id)
            return _begin(transaction, user_id, remember=True, device=device)

    async def delete_user(self, signed_in: SignedIn, password: str | None) -> None:
        """Delete an account and all its data.

        Raises:
            AccountError: INVALID_PASSWORD; SESSION_EXPIRED without a password in a session older than a day.
        """
        if password:
            await self._check_password(signed_in.user.id, password)
        elif not signed_in.fresh:
            raise AccountError("SESSION_EXPIRED")
        async with self._database.transaction() as transaction:
            await transaction.execute(delete(User).where(User.id == signed_in.user.id))

    async def sessions(self, user: User | UserRow) -> list[Session]:
        """Return a user's active sessions."""
        async with self._database.transaction(read_only=True) as transaction:
            found = await transaction.scalars(
                select(Session)
                .where(Session.user_id == user.id, Session.expires_at > utc_now())
                .order_by(Session.created_at)
            )
            return list(found)

    async def revoke(
        self, user: User | UserRow, *, only: str | None = None, all_but: str | None = None
    ) -> None:
        """Revoke a user's sessions: all of them, only one, or all but one (by token)."""
        statement = delete(Session).where(Session.user_id == user.id)
        if only is not None:
            statement = statement.where(Session.token == only)
        if all_but is not None:
            statement = statement.where(Session.token != all_but)
        async with self._database.transaction() as transaction:
            await transaction.execute(statement)

    async def sign_out(self, token: str) -> None:
        """End the session with this token, if it exists."""
        async with self._database.transaction() as transaction:
            await transaction.execute(delete(Session).where(Session.token == token))

    async def _active(self, statement: Statement, token: str | None) -> Row | None:
        """Return the row of the session with this token. End the session when it has expired."""
        if token is None or "\0" in token:
            return None
        rows = await self._database.fetch(statement, {"token": token})
        if not rows:
            self._known.forget(token)
            return None
        [row] = rows
        _log_as(row["user_id"])
        if row["expires_at"] > utc_now():
            return row
        await self.sign_out(token)
        self._known.forget(token)
        return None

    async def _check_password(self, user_id: str, password: str) -> None:
        passwords.check_length(password, minimum=0)
        async with self._database.transaction(read_only=True) as transaction:
            hashed = await transaction.scalar(
                select(Account.password).where(
                    Account.user_id == user_id, Account.provider_id == "credential"
                )
            )
        if not hashed:
            raise AccountError("CREDENTIAL_ACCOUNT_NOT_FOUND")
        if not await passwords.verify_password(password, hashed):
            raise AccountError("INVALID_PASSWORD")

    async def _signing_keys(self) -> list[SigningKey]:
        return [SigningKey(**row) for row in await self._database.fetch(_SIGNING_KEYS)]

    async def _add_signing_key(self) -> SigningKey:
        key = tokens.new_signing_key(self._secret)
        async with self._database.transaction() as transaction:
            transaction.add(key)
        return key


def _begin(transaction: AsyncSession, user_id: str, *, remember: bool, device: Device) -> Session:
    now = utc_now()
    session = Session(
        id=new_id(),
        token=new_id(),
        user_id=user_id,
        expires_at=now + (REMEMBERED if remember else NOT_REMEMBERED),
        created_at=now,
        updated_at=now,
        ip_address=device.address,
        user_agent=device.user_agent,
    )
    transaction.add(session)
    return session


def _log_as(user_id: str) -> None:
    """Add the user to all further log lines of this request."""
    structlog.contextvars.bind_contextvars(user_id=user_id)
