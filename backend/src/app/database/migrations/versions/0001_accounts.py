"""Create Better Auth's tables, with its column names."""

import sqlalchemy as sa
from alembic import op

from app.database import UtcDateTime

revision = "0001_accounts"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("emailVerified", sa.Boolean, nullable=False),
        sa.Column("image", sa.Text),
        sa.Column("createdAt", UtcDateTime, nullable=False),
        sa.Column("updatedAt", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_user"),
        sa.UniqueConstraint("email", name="uq_user_email"),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("expiresAt", UtcDateTime, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("createdAt", UtcDateTime, nullable=False),
        sa.Column("updatedAt", UtcDateTime, nullable=False),
        sa.Column("ipAddress", sa.Text),
        sa.Column("userAgent", sa.Text),
        sa.Column("userId", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
        sa.UniqueConstraint("token", name="uq_session_token"),
        sa.ForeignKeyConstraint(["userId"], ["user.id"], name="fk_session_userId_user", ondelete="CASCADE"),
    )
    op.create_index("ix_session_userId", "session", ["userId"])
    op.create_table(
        "account",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("accountId", sa.Text, nullable=False),
        sa.Column("providerId", sa.Text, nullable=False),
        sa.Column("userId", sa.Text, nullable=False),
        sa.Column("accessToken", sa.Text),
        sa.Column("refreshToken", sa.Text),
        sa.Column("idToken", sa.Text),
        sa.Column("accessTokenExpiresAt", UtcDateTime),
        sa.Column("refreshTokenExpiresAt", UtcDateTime),
        sa.Column("scope", sa.Text),
        sa.Column("password", sa.Text),
        sa.Column("createdAt", UtcDateTime, nullable=False),
        sa.Column("updatedAt", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.ForeignKeyConstraint(["userId"], ["user.id"], name="fk_account_userId_user", ondelete="CASCADE"),
    )
    op.create_index("ix_account_userId", "account", ["userId"])
    op.create_table(
        "verification",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("identifier", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("expiresAt", UtcDateTime, nullable=False),
        sa.Column("createdAt", UtcDateTime, nullable=False),
        sa.Column("updatedAt", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_verification"),
    )
    op.create_index("ix_verification_identifier", "verification", ["identifier"])
    op.create_table(
        "jwks",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("publicKey", sa.Text, nullable=False),
        sa.Column("privateKey", sa.Text, nullable=False),
        sa.Column("createdAt", UtcDateTime, nullable=False),
        sa.Column("expiresAt", UtcDateTime),
        sa.Column("alg", sa.Text),
        sa.Column("crv", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_jwks"),
    )


def downgrade() -> None:
    for table in ("jwks", "verification", "account", "session", "user"):
        op.drop_table(table)
