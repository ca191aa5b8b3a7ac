"""Base class of errors that services raise. One exception handler converts them to problem details.

Services are independent of HTTP. Each class defines its status, so that endpoints do not repeat it.
"""

from typing import Any, ClassVar


class RefusalError(Exception):
    """A request that violates a rule of the application.

    Args:
        detail: what is wrong and how to fix it; defaults to the text of the class.
        retry_after_seconds: when a retry may succeed.
        fields: additional members of the problem object.
    """

    status: ClassVar[int]
    title: ClassVar[str]
    code: ClassVar[str]
    detail: ClassVar[str] = ""

    def __init__(
        self,
        detail: str = "",
        *,
        retry_after_seconds: int | None = None,
        fields: dict[str, Any] | None = None,
    ) -> None:
        self.message = detail or self.detail
        self.fields = fields
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.message)


RETRY_SECONDS = 1


class OverloadedError(RefusalError):
    """The server is at the limit of its capacity."""

    status = 503
    title = "Overloaded"
    code = "overloaded"
    detail = "The server is busy and did nothing. Try again in a moment."

    def __init__(self) -> None:
        super().__init__(retry_after_seconds=RETRY_SECONDS)


class TooManyChangesError(RefusalError):
    """The user exceeded the rate limit for changes."""

    status = 429
    title = "Too many changes"
    code = "too_many_changes"
    detail = "Too many changes in a short time. Try again in a moment."


class TooManyRequestsError(RefusalError):
    """An access token or a user exceeded a rate limit."""

    status = 429
    title = "Too many requests"
    code = "too_many_requests"
    detail = "Too many requests in a short time. Try again in a moment."


class KeyReusedError(RefusalError):
    """An idempotency key was reused for a different request."""

    status = 422
    title = "Idempotency key reused"
    code = "idempotency_key_reused"
