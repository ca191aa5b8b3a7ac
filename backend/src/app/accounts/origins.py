"""Whether a request comes from a page that may use the browser's cookies: protection against forgery."""

import re
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request

from app.accounts.errors import AccountError
from app.dependencies import get_settings
from app.settings import origin

_RELATIVE_PATH = re.compile(r"/(?!/|\\|%2f|%5c)[\w\-.+/@]*(?:\?[\w\-.+/=&%@]*)?", re.ASCII | re.IGNORECASE)
_HEADER_SAFE = re.compile(r"[!-~]+")
"""Reading a URL drops line breaks, so one of ours may still hold what would end the Location header."""
_URL_FIELDS = ("callbackURL", "redirectTo", "errorCallbackURL", "newUserCallbackURL")


def check_cookie_origin(request: Request) -> None:
    """Refuse a request that changes something with cookies, unless one of our pages made it.

    Raises:
        AccountError: MISSING_OR_NULL_ORIGIN or INVALID_ORIGIN.
    """
    if "cookie" in request.headers:
        _check_origin(request)


def check_sign_in_origin(request: Request) -> None:
    """Refuse a sign-in that another site's page makes in the person's name, even without cookies.

    Programs send none of these headers and are let through.

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
    """Refuse a body that would send the person to another site afterwards.

    Raises:
        AccountError: INVALID_CALLBACK_URL.
    """
    for name in _URL_FIELDS:
        url = body.get(name) if isinstance(body, dict) else None
        if not url:
            continue
        known = isinstance(url, str) and _HEADER_SAFE.fullmatch(url)
        if not known or not (_RELATIVE_PATH.fullmatch(url) or is_trusted(request, url)):
            raise AccountError("INVALID_CALLBACK_URL", f"Invalid {name}")


def is_trusted(request: Request, url: str) -> bool:
    """Say whether a URL belongs to one of our pages."""
    settings = get_settings(request)
    try:
        return urlsplit(url).scheme in {"http", "https"} and origin(url) in settings.origins
    except ValueError:
        return False


def _check_origin(request: Request) -> None:
    url = request.headers.get("origin") or request.headers.get("referer") or "null"
    if url == "null":
        raise AccountError("MISSING_OR_NULL_ORIGIN")
    if not is_trusted(request, url):
        raise AccountError("INVALID_ORIGIN")
