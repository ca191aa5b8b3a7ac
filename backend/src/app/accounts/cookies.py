"""Session cookies and bearer tokens, with Better Auth's names and flags."""

from urllib.parse import quote

from fastapi import Request, Response

from app.accounts.signatures import sign, unsign
from app.dependencies import get_settings

SESSION_AGE_S = 7 * 24 * 3600


class SessionCookies:
    """Reads and writes the session cookies.

    Args:
        secret: signs the values.
        secure: whether the application is served over HTTPS.
    """

    def __init__(self, secret: str, *, secure: bool) -> None:
        self._secret = secret
        self._prefix = "__Secure-better-auth" if secure else "better-auth"
        self._flags = "Path=/; HttpOnly; Secure; SameSite=Lax" if secure else "Path=/; HttpOnly; SameSite=Lax"

    @classmethod
    def of(cls, request: Request) -> "SessionCookies":
        settings = get_settings(request)
        secret = settings.better_auth_secret.get_secret_value()
        return cls(secret, secure=settings.public_url.startswith("https://"))

    def token(self, request: Request) -> str | None:
        """Return the session token of a request, or None unless its signature is valid.

        A bearer token takes precedence over a cookie. A token with an invalid signature counts as absent.
        """
        return self.bearer_token(request) or self._read(request, "session_token")

    def bearer_token(self, request: Request) -> str | None:
        """Return the session token in the Authorization header, or None unless its signature is valid."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        return unsign(value.strip(), self._secret) if scheme.lower() == "bearer" else None

    def dont_remember(self, request: Request) -> bool:
        """Return whether the session ends when the browser is closed."""
        return self._read(request, "dont_remember") is not None

    def remember(self, response: Response, token: str, *, dont_remember: bool) -> None:
        """Write a session token to the cookies and to the `set-auth-token` header, which API clients read."""
        signed = sign(token, self._secret)
        self._write(response, "session_token", signed, None if dont_remember else SESSION_AGE_S)
        if dont_remember:
            self._write(response, "dont_remember", sign("true", self._secret), None)
        response.headers["set-auth-token"] = signed
        expose(response, "set-auth-token")

    def expire(self, response: Response) -> None:
        """Delete all session cookies."""
        for name in ("session_token", "session_data", "dont_remember"):
            self._write(response, name, "", 0)

    def _read(self, request: Request, name: str) -> str | None:
        value = request.cookies.get(f"{self._prefix}.{name}")
        return unsign(value, self._secret) if value else None

    def _write(self, response: Response, name: str, value: str, max_age: int | None) -> None:
        age = "" if max_age is None else f"Max-Age={max_age}; "
        cookie = f"{self._prefix}.{name}={quote(value, safe='')}; {age}{self._flags}"
        response.headers.append("set-cookie", cookie)


def expose(response: Response, header: str) -> None:
    """Expose a response header to scripts of other origins."""
    exposed = response.headers.get("access-control-expose-headers")
    response.headers["access-control-expose-headers"] = f"{exposed}, {header}" if exposed else header
