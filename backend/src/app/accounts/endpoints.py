"""Account endpoints, compatible with Better Auth's official client.

The endpoints parse bodies themselves instead of using FastAPI, because the protocol defines the order of the
checks and the text of the errors.
"""

from typing import Annotated, Any
from urllib.parse import urljoin

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from app.accounts import schemas
from app.accounts.cookies import SessionCookies, expose
from app.accounts.dependencies import AccountsDep
from app.accounts.errors import WITHOUT_CODE, AccountError
from app.accounts.origins import check_cookie_origin, check_sign_in_origin, check_urls
from app.accounts.ratelimits import guess_retry_after, retry_after
from app.accounts.resets import PasswordResets, with_query
from app.accounts.service import Accounts, Device, SignedIn
from app.dependencies import get_settings
from app.problems import allowed_methods
from app.ratelimits import RateLimiter

PREFIX = "/api/auth"
MAXIMUM_USER_AGENT = 500


async def limit_rate(request: Request) -> None:
    """Reject a request above the rate limit.

    Raises:
        AccountError: TOO_MANY_REQUESTS.
    """
    address = request.client.host if request.client else ""
    path = request.scope["route"].path.removeprefix(PREFIX)
    seconds = await retry_after(request.app.state.rate_limiter, address, path)
    if seconds is not None:
        raise AccountError("TOO_MANY_REQUESTS", headers={"X-Retry-After": str(seconds)})


router = APIRouter(prefix=PREFIX, dependencies=[Depends(limit_rate)], tags=["accounts"])


async def account_error_response(request: Request, error: AccountError) -> Response:
    """Return an error in Better Auth's format."""
    body = {"message": error.message}
    if error.code not in WITHOUT_CODE:
        body["code"] = error.code
    response = JSONResponse(body, error.status, error.headers)
    if error.forget:
        SessionCookies.of(request).expire(response)
    return response


async def read_body(request: Request) -> Any:
    """Check the origin of a change and return the parsed request body.

    Raises:
        AccountError: when the body is invalid, or the request comes from or redirects to another site.
    """
    content_type = request.headers.get("content-type", "")
    form = request.url.path.endswith("/email")
    body = schemas.parse_body(await request.body(), content_type, form=form)
    check_cookie_origin(request)
    check_urls(request, body)
    return body


Body = Annotated[Any, Depends(read_body)]


async def get_cookies(request: Request) -> SessionCookies:
    return SessionCookies.of(request)


Cookies = Annotated[SessionCookies, Depends(get_cookies)]


async def get_device(request: Request) -> Device:
    """Return the client's address and user agent."""
    user_agent = request.headers.get("user-agent", "")[:MAXIMUM_USER_AGENT]
    return Device(request.client.host if request.client else "", user_agent)


DeviceDep = Annotated[Device, Depends(get_device)]


@router.post("/sign-up/email")
async def sign_up(
    request: Request, accounts: AccountsDep, cookies: Cookies, device: DeviceDep, body: Body
) -> Response:
    """Create an account and sign in.

    Returns a session token and the new user, and sets the session cookie. With `rememberMe` set to false,
    the session ends when the browser is closed.
    """
    values = schemas.check_new_user(body)
    check_sign_in_origin(request)
    remember = values.get("rememberMe", True)
    signed_in = await accounts.sign_up(
        name=values["name"],
        email=values["email"],
        password=values["password"],
        image=values.get("image"),
        remember=remember,
        device=device,
    )
    token = signed_in.session.token
    response = JSONResponse({"token": token, "user": schemas.user_json(signed_in.user)})
    cookies.remember(response, token, dont_remember=not remember)
    return response


@router.post("/sign-in/email")
async def sign_in(
    request: Request, accounts: AccountsDep, cookies: Cookies, device: DeviceDep, body: Body
) -> Response:
    """Sign in with an email address and a password.

    Returns a session token and the user, and sets the session cookie. With `rememberMe` set to false, the
    session ends when the browser is closed.
    """
    values = schemas.check(body, schemas.SIGN_IN)
    check_sign_in_origin(request)
    remember = values.get("rememberMe", True)
    limiter: RateLimiter = request.app.state.rate_limiter
    known = await accounts.addresses(values["email"])
    seconds = await guess_retry_after(limiter, values["email"], device.address, known)
    if seconds is not None:
        raise AccountError("TOO_MANY_REQUESTS", headers={"X-Retry-After": str(seconds)})
    signed_in = await accounts.sign_in(
        email=values["email"], password=values["password"], remember=remember, device=device
    )
    token, url = signed_in.session.token, values.get("callbackURL")
    answer = {"redirect": bool(url), "token": token, "user": schemas.user_json(signed_in.user)}
    if url is not None:
        answer["url"] = url
    response = JSONResponse(answer, headers={"Location": url} if url else None)
    cookies.remember(response, token, dont_remember=not remember)
    return response


@router.post("/sign-out")
async def sign_out(request: Request, accounts: AccountsDep, cookies: Cookies, body: Body) -> Response:
    """Sign out and delete the session cookie. Succeeds without a session."""
    if body is not schemas.MISSING:
        schemas.check(body, schemas.SIGN_OUT)
    token = cookies.token(request)
    if token:
        await accounts.sign_out(token)
    response = JSONResponse({"success": True})
    cookies.expire(response)
    return response


@router.get("/get-session")
async def get_session(request: Request, accounts: AccountsDep, cookies: Cookies) -> Response:
    """Retrieve the current session and its user, or null without a valid session.

    The `set-auth-jwt` header contains a new JSON Web Token.
    """
    no_store = {"cache-control": "no-store", "pragma": "no-cache"}
    token = cookies.token(request)
    signed_in = await accounts.find(token, extend=_may_extend(request, cookies))
    if signed_in is None:
        response = JSONResponse(None, headers=no_store)
        if token:
            cookies.expire(response)
        return response
    answer = {"session": schemas.session_json(signed_in.session), "user": schemas.user_json(signed_in.user)}
    response = JSONResponse(answer, headers=no_store)
    _remember_extended(response, cookies, signed_in)
    response.headers["set-auth-jwt"] = await accounts.issue_token(signed_in)
    expose(response, "set-auth-jwt")
    return response


@router.post("/get-session", dependencies=[Depends(read_body)], include_in_schema=False)
async def post_session() -> Response:
    """Not supported: always returns 405. Use GET instead."""
    no_store = {"allow": "GET", "cache-control": "no-store", "pragma": "no-cache"}
    raise AccountError("METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED", headers=no_store)


@router.get("/token")
async def get_token(request: Request, accounts: AccountsDep, cookies: Cookies) -> Response:
    """Create a JSON Web Token that identifies the user to other services. It is valid for 15 minutes."""
    signed_in = await _require(request, accounts, cookies)
    response = JSONResponse({"token": await accounts.issue_token(signed_in)})
    return _remember_extended(response, cookies, signed_in)


@router.get("/jwks")
async def get_keys(accounts: AccountsDep) -> Response:
    """Retrieve the public keys that verify JSON Web Tokens, as a JSON Web Key Set."""
    return JSONResponse({"keys": await accounts.web_keys()})


@router.post("/update-user")
async def update_user(request: Request, accounts: AccountsDep, cookies: Cookies, body: Body) -> Response:
    """Update the user's name or image. The email address cannot be changed."""
    schemas.check(body, (), ("record",))
    signed_in = await _require(request, accounts, cookies)
    if body.get("email"):
        raise AccountError("EMAIL_CAN_NOT_BE_UPDATED")
    changes = schemas.check(body, schemas.UPDATE_USER)
    if not changes:
        raise AccountError("NO_FIELDS_TO_UPDATE")
    await accounts.update_user(signed_in.user, changes)
    response = JSONResponse({"status": True})
    cookies.remember(response, signed_in.session.token, dont_remember=cookies.dont_remember(request))
    return response


@router.post("/change-password")
async def change_password(
    request: Request, accounts: AccountsDep, cookies: Cookies, device: DeviceDep, body: Body
) -> Response:
    """Change the password.

    Requires the current password. With `revokeOtherSessions` set to true, all sessions and access tokens end
    and a new session starts.
    """
    values = schemas.check(body, schemas.CHANGE_PASSWORD)
    signed_in = await _require(request, accounts, cookies)
    session = await accounts.change_password(
        signed_in,
        current=values["currentPassword"],
        new=values["newPassword"],
        revoke_others=values.get("revokeOtherSessions", False),
        device=device,
    )
    token = session.token if session else None
    response = JSONResponse({"token": token, "user": schemas.user_json(signed_in.user)})
    if token is None:
        return _remember_extended(response, cookies, signed_in)
    cookies.remember(response, token, dont_remember=cookies.dont_remember(request))
    return response


@router.post("/request-password-reset")
async def request_password_reset(request: Request, body: Body) -> Response:
    """Send a link for a new password to an email address, if it has an account.

    Answers the same, and as fast, for every address. `redirectTo` is the page that asks for the new password,
    by default `/reset-password`; it gets the token as `?token=`.
    """
    values = schemas.check(body, schemas.REQUEST_RESET)
    email = schemas.check_address(values)
    resets: PasswordResets = request.app.state.resets
    resets.send(email, values.get("redirectTo"))
    message = "If this email exists in our system, check your email for the reset link"
    return JSONResponse({"status": True, "message": message})


@router.get("/reset-password/{token}", status_code=302, response_class=Response)
async def follow_reset_link(
    request: Request, token: str, callback: Annotated[str, Query(alias="callbackURL")] = ""
) -> Response:
    """Redirect to a page with a valid `token` for `POST /reset-password`, or with `error=INVALID_TOKEN`."""
    if not callback:
        problem = "[query.callbackURL] Invalid input: expected string, received undefined"
        raise AccountError("VALIDATION_ERROR", problem)
    check_urls(request, {"callbackURL": callback})
    resets: PasswordResets = request.app.state.resets
    found = ("token", token) if await resets.is_valid(token) else ("error", "INVALID_TOKEN")
    url = with_query(urljoin(get_settings(request).public_url, callback), *found)
    return Response(status_code=302, headers={"location": url, "content-type": "application/json"})


@router.post("/reset-password")
async def reset_password(request: Request, body: Body) -> Response:
    """Set a new password by the token of a link, which is valid once and for an hour.

    Ends all sessions and access tokens of the account.
    """
    values = schemas.check(body, schemas.RESET)
    token = values.get("token") or request.query_params.get("token")
    if not token:
        raise AccountError("INVALID_TOKEN")
    resets: PasswordResets = request.app.state.resets
    await resets.reset(token, values["newPassword"])
    return JSONResponse({"status": True})


@router.post("/delete-user")
async def delete_user(request: Request, accounts: AccountsDep, cookies: Cookies, body: Body) -> Response:
    """Delete the account and all its data. This cannot be undone.

    Requires the password, or a session that is less than a day old.
    """
    values = schemas.check(body, schemas.DELETE_USER)
    signed_in = await _require(request, accounts, cookies)
    await accounts.delete_user(signed_in, values.get("password"))
    response = JSONResponse({"success": True, "message": "User deleted"})
    cookies.expire(response)
    return response


@router.get("/list-sessions")
async def list_sessions(request: Request, accounts: AccountsDep, cookies: Cookies) -> Response:
    """List the user's active sessions. Requires a session that is less than a day old."""
    signed_in = await _require(request, accounts, cookies)
    if not signed_in.fresh:
        raise AccountError("SESSION_NOT_FRESH")
    sessions = await accounts.sessions(signed_in.user)
    response = JSONResponse([schemas.session_json(session) for session in sessions])
    return _remember_extended(response, cookies, signed_in)


@router.post("/revoke-session")
async def revoke_session(request: Request, accounts: AccountsDep, cookies: Cookies, body: Body) -> Response:
    """Revoke one of the user's sessions, identified by its token."""
    token = schemas.check(body, schemas.REVOKE_SESSION)["token"]
    signed_in = await _require(request, accounts, cookies)
    await accounts.revoke(signed_in.user, only=token)
    return _remember_extended(JSONResponse({"status": True}), cookies, signed_in)


@router.post("/revoke-sessions", dependencies=[Depends(read_body)])
async def revoke_sessions(request: Request, accounts: AccountsDep, cookies: Cookies) -> Response:
    """Revoke all of the user's sessions, including the current one."""
    signed_in = await _require(request, accounts, cookies)
    await accounts.revoke(signed_in.user)
    return JSONResponse({"status": True})


@router.post("/revoke-other-sessions", dependencies=[Depends(read_body)])
async def revoke_other_sessions(request: Request, accounts: AccountsDep, cookies: Cookies) -> Response:
    """Revoke all of the user's sessions except the current one."""
    signed_in = await _require(request, accounts, cookies)
    await accounts.revoke(signed_in.user, all_but=signed_in.session.token)
    return _remember_extended(JSONResponse({"status": True}), cookies, signed_in)


@router.get("/ok")
async def ok() -> Response:
    """Check that the authentication API is available."""
    return JSONResponse({"ok": True})


@router.api_route(
    "/{path:path}",
    methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    include_in_schema=False,
)
async def unknown(request: Request) -> Response:
    """Return an empty 404 for an unknown path, as Better Auth does, or 405 for a known one."""
    allowed = allowed_methods(request)
    return Response(status_code=405, headers={"Allow": allowed}) if allowed else Response(status_code=404)


async def _require(request: Request, accounts: Accounts, cookies: SessionCookies) -> SignedIn:
    token = cookies.token(request)
    signed_in = await accounts.find(token, extend=_may_extend(request, cookies))
    if signed_in is None:
        raise AccountError("UNAUTHORIZED", forget=token is not None)
    return signed_in


def _may_extend(request: Request, cookies: SessionCookies) -> bool:
    return not cookies.dont_remember(request) and not request.query_params.get("disableRefresh")


def _remember_extended(response: Response, cookies: SessionCookies, signed_in: SignedIn) -> Response:
    if signed_in.extended:
        cookies.remember(response, signed_in.session.token, dont_remember=False)
    return response
