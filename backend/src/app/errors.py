"""Refusals: what a service says no to. One exception handler turns each into a problem on the wire.

A service knows the rules and not HTTP; the status stands with the class, so that no endpoint repeats it.
"""

from typing import ClassVar


class RefusalError(Exception):
    """A request that the rules of a feature do not allow.

    Args:
        detail: what is wrong this time and what would be right; the class's own words by default.
        retry_after_seconds: when the same request may succeed.
    """

    status: ClassVar[int]
    title: ClassVar[str]
    code: ClassVar[str]
    detail: ClassVar[str] = ""

    def __init__(self, detail: str = "", *, retry_after_seconds: int | None = None) -> None:
        self.message = detail or self.detail
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.message)


class KeyReusedError(RefusalError):
    """An idempotency key was used for a different request."""

    status = 422
    title = "Idempotency key reused"
    code = "idempotency_key_reused"
