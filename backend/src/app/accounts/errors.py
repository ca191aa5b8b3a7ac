"""Account errors, with Better Auth's codes and messages."""

ERRORS: dict[str, tuple[int, str]] = {
    "BAD_REQUEST": (400, "Invalid JSON in request body"),
    "CREDENTIAL_ACCOUNT_NOT_FOUND": (400, "Credential account not found"),
    "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED": (
        403,
        "Cross-site navigation login blocked. This request appears to be a CSRF attack.",
    ),
    "EMAIL_CAN_NOT_BE_UPDATED": (400, "Email can not be updated"),
    "INVALID_CALLBACK_URL": (403, "Invalid callbackURL"),
    "INVALID_EMAIL": (400, "Invalid email"),
    "INVALID_EMAIL_OR_PASSWORD": (401, "Invalid email or password"),
    "INVALID_REDIRECT_URL": (403, "Invalid redirectURL"),
    "INVALID_TOKEN": (400, "Invalid token"),
    "INVALID_ORIGIN": (403, "Invalid origin"),
    "INVALID_PASSWORD": (400, "Invalid password"),
    "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED": (
        405,
        "POST method requires deferSessionRefresh to be enabled in session config",
    ),
    "MISSING_OR_NULL_ORIGIN": (403, "Missing or null Origin"),
    "NO_FIELDS_TO_UPDATE": (400, "No fields to update"),
    "PASSWORD_COMPROMISED": (400, "This password is one of the most common ones. Choose another one."),
    "PASSWORD_TOO_LONG": (400, "Password too long"),
    "PASSWORD_TOO_SHORT": (400, "Password too short"),
    "RESET_PASSWORD_DISABLED": (400, "Reset password isn't enabled"),
    "SESSION_EXPIRED": (400, "Session expired. Re-authenticate to perform this action."),
    "SESSION_NOT_FRESH": (403, "Session is not fresh"),
    "TOO_MANY_REQUESTS": (429, "Too many requests. Please try again later."),
    "UNAUTHORIZED": (401, "Unauthorized"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "Content-Type is not allowed"),
    "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL": (422, "User already exists. Use another email."),
    "VALIDATION_ERROR": (400, "Validation error"),
}
WITHOUT_CODE = {"NO_FIELDS_TO_UPDATE", "TOO_MANY_REQUESTS"}
"""Better Auth returns these with a message and no code."""


class AccountError(Exception):
    """An account request that fails.

    Args:
        code: one of ERRORS.
        message: replaces the default message.
        headers: additional response headers.
        forget: whether the response deletes the session cookies because the session has ended.
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        forget: bool = False,
    ) -> None:
        self.status, usual = ERRORS[code]
        self.code = code
        self.message = message or usual
        self.headers = headers
        self.forget = forget
        super().__init__(self.message)
