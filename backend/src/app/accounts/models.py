"""Better Auth's tables, with its names, so that accounts can be migrated to and from its servers.

Access tokens are this application's own.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime, new_id, utc_now


class User(Base):
    """A user account."""

    __tablename__ = "user"

    id: Mapped[str] = mapped_column(Text, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text, unique=True)
    email_verified: Mapped[bool] = mapped_column("emailVerified", default=False)
    image: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column("createdAt", UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column("updatedAt", UtcDateTime, default=utc_now, onupdate=utc_now)


class UserRow(NamedTuple):
    """A user as read from the database."""

    id: str
    name: str
    email: str
    email_verified: bool
    image: str | None
    created_at: datetime
    updated_at: datetime


class Session(Base):
    """A sign-in on one device."""

    __tablename__ = "session"

    id: Mapped[str] = mapped_column(Text, primary_key=True, default=new_id)
    expires_at: Mapped[datetime] = mapped_column("expiresAt", UtcDateTime)
    token: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[datetime] = mapped_column("createdAt", UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column("updatedAt", UtcDateTime, default=utc_now, onupdate=utc_now)
    ip_address: Mapped[str | None] = mapped_column("ipAddress", Text)
    user_agent: Mapped[str | None] = mapped_column("userAgent", Text)
    user_id: Mapped[str] = mapped_column("userId", ForeignKey("user.id", ondelete="CASCADE"), index=True)


class SessionRow(NamedTuple):
    """A session as read from the database."""

    id: str
    expires_at: datetime
    token: str
    created_at: datetime
    updated_at: datetime
    ip_address: str | None
    user_agent: str | None
    user_id: str


class Account(Base):
    """A sign-in method. Only Better Auth's "credential" provider (email and password) is supported."""

    __tablename__ = "account"

    id: Mapped[str] = mapped_column(Text, primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column("accountId", Text)
    provider_id: Mapped[str] = mapped_column("providerId", Text)
    user_id: Mapped[str] = mapped_column("userId", ForeignKey("user.id", ondelete="CASCADE"), index=True)
    access_token: Mapped[str | None] = mapped_column("accessToken", Text)
    refresh_token: Mapped[str | None] = mapped_column("refreshToken", Text)
    id_token: Mapped[str | None] = mapped_column("idToken", Text)
    access_token_expires_at: Mapped[datetime | None] = mapped_column("accessTokenExpiresAt", UtcDateTime)
    refresh_token_expires_at: Mapped[datetime | None] = mapped_column("refreshTokenExpiresAt", UtcDateTime)
    scope: Mapped[str | None] = mapped_column(Text)
    password: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column("createdAt", UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column("updatedAt", UtcDateTime, default=utc_now, onupdate=utc_now)


class Verification(Base):
    """A link for a new password: the hash of its token, and the user's id as the value."""

    __tablename__ = "verification"

    id: Mapped[str] = mapped_column(Text, primary_key=True, default=new_id)
    identifier: Mapped[str] = mapped_column(Text, index=True)
    value: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column("expiresAt", UtcDateTime)
    created_at: Mapped[datetime] = mapped_column("createdAt", UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column("updatedAt", UtcDateTime, default=utc_now, onupdate=utc_now)


class AccessToken(Base):
    """A personal access token of a user, for programs. Only its hash is stored."""

    __tablename__ = "access_token"

    id: Mapped[str] = mapped_column(Text, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(Text, ForeignKey("user.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    scope: Mapped[str] = mapped_column(String(10))
    prefix: Mapped[str] = mapped_column(String(20))
    """The first characters of the token, by which its owner recognises it."""
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SigningKey(Base):
    """An Ed25519 key pair that signs tokens. The private key is encrypted with the server's secret."""

    __tablename__ = "jwks"

    id: Mapped[str] = mapped_column(Text, primary_key=True, default=new_id)
    public_key: Mapped[str] = mapped_column("publicKey", Text)
    private_key: Mapped[str] = mapped_column("privateKey", Text)
    created_at: Mapped[datetime] = mapped_column("createdAt", UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime | None] = mapped_column("expiresAt", UtcDateTime)
    alg: Mapped[str | None] = mapped_column(Text)
    crv: Mapped[str | None] = mapped_column(Text)
