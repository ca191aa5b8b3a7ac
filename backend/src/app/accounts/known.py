"""Memory of this server between requests."""

from app.accounts.models import SigningKey

KNOWN = 10_000
"""The sessions whose users a server remembers."""


class Known:
    """Facts that never change, remembered between requests: no statement reads them again."""

    def __init__(self) -> None:
        self._users: dict[str, str] = {}
        self.signing_key: SigningKey | None = None
        """The newest one that this server has seen. The database decides whether it still is."""

    def user_of(self, token: str | None) -> str | None:
        """Return the user of a session with this token, active or not."""
        return None if token is None else self._users.get(token)

    def remember(self, token: str, user_id: str) -> None:
        """Remember the user of a session."""
        self._users[token] = user_id
        if len(self._users) > KNOWN:
            del self._users[next(iter(self._users))]

    def forget(self, token: str) -> None:
        """Forget a session that has ended."""
        self._users.pop(token, None)
