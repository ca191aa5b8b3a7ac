"""Origin checks that protect cookies against cross-site request forgery."""

import re
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request

from app.accounts.errors import AccountError
from app.dependencies import get_settings

_RELATIVE_PATH = re.compile(r"/(?!/|\\|%2f|%5c)[\w\-.+/@]*(?:\?[\w\-.+/=&%@]*)?", re.ASCII | re.IGNORECASE)
_HEADER_SAFE = re.compile(r"[!-~]+")
"""URL parsers drop line breaks, so a trusted URL could still contain characters that end the Location
header."""
_URL_FIELDS = ("callbackURL", "redirectTo", "errorCallbackURL", "newUserCallbackURL")


def check_cookie_origin(request: Request) -> None:
    """Reject a change that is authenticated by a cookie and comes from another site.

    Raises:
        AccountError: MISSING_OR_NULL_ORIGIN or INVALID_ORIGIN.
    """
    if "cookie" in request.headers:
        _check_origin(request)


def check_sign_in_origin(request: Request) -> None:
    """Reject a sign-in from another site's page, even without cookies.

    Clients that send no browser headers are allowed.

    Raises:
        AccountError: CROSS_SITE_NAVIGATION_LOGIN_BLOCKED, MISSING_OR_NULL_ORIGIN or INVALID_ORIGIN.
    """
    headers = request.headers
    by_browser = any(headers.get(f"sec-fetch-{name}", "").strip() for name in ("site", "mode", "dest"))
    navigation = headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") == "navigate"
    if "cookie" not in headers and navigation:
        raise AccountError("CROSS_SITE_NAVIGATION_LOGIN_BLOCKED")
    if "cookie" in headers or by_browser or headers.get("origin") or headers.get("referer"):
        _check_origin(request)


def check_urls(request: Request, body: Any) -> None:
    """Reject a body that redirects to another site.

    Raises:
        AccountError: INVALID_CALLBACK_URL or INVALID_REDIRECT_URL.
    """
    for name in _URL_FIELDS:
        url = body.get(name) if isinstance(body, dict) else None
        if not url:
            continue
        known = isinstance(url, str) and _HEADER_SAFE.fullmatch(url)
        if not known or not (_RELATIVE_PATH.fullmatch(url) or is_trusted(request, url)):
            if name == "redirectTo":
                raise AccountError("INVALID_REDIRECT_URL")
            raise AccountError("INVALID_CALLBACK_URL", f"Invalid {name}")


def is_trusted(request: Request, url: str) -> bool:
    """Return whether a URL has a trusted origin."""
    settings = get_settings(request)
    try:
        return urlsplit(url).scheme in {"http", "https"} and settings.trusts(url)
    except ValueError:
        return False


def _check_origin(request: Request) -> None:
    url = request.headers.get("origin") or request.headers.get("referer") or "null"
    if url == "null":
        raise AccountError("MISSING_OR_NULL_ORIGIN")
    if not is_trusted(request, url):
        raise AccountError("INVALID_ORIGIN")
