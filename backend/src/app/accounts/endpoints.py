"""HTTP for accounts: Better Auth's endpoints, so that its official client works unchanged.

Bodies are read here and not by FastAPI, because the order of checks and the words of errors belong to the
protocol.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from app.accounts import schemas
from app.accounts.cookies import SessionCookies, expose
from app.accounts.dependencies import AccountsDep
from app.accounts.errors import WITHOUT_CODE, AccountError
from app.accounts.origins import check_cookie_origin, check_sign_in_origin, check_urls
from app.accounts.ratelimits import retry_after
from app.accounts.service import Accounts, Device, SignedIn

PREFIX = "/api/auth"
MAXIMUM_USER_AGENT = 500


async def limit_rate(request: Request) -> None:
    """Refuse a caller who calls too often.

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
    """Return Better Auth's form of an error."""
    body = {"message": error.message}
    if error.code not in WITHOUT_CODE:
        body["code"] = error.code
    response = JSONResponse(body, error.status, error.headers)
    if error.forget:
        SessionCookies.of(request).expire(response)
    return response


async def read_body(request: Request) -> Any:
    """Return the body of a request that changes something, once its origin is known to be good.

    Raises:
        AccountError: when it cannot be read, or comes from or leads to another site.
    """
    content_type = request.headers.get("content-type", "")
    form = request.url.path.endswith("/email")
    body = schemas.parse_body(await request.body(), content_type, form=form)
    check_cookie_origin(request)
    check_urls(request, body)
    return body


Body = Annotated[Any, Depends(read_body)]


def get_cookies(request: Request) -> SessionCookies:
    """Return the cookies of this server."""
    return SessionCookies.of(request)


Cookies = Annotated[SessionCookies, Depends(get_cookies)]


def get_device(request: Request) -> Device:
    """Return where a request comes from."""
    user_agent = request.headers.get("user-agent", "")[:MAXIMUM_USER_AGENT]
    return Device(request.client.host if request.client else "", user_agent)


DeviceDep = Annotated[Device, Depends(get_device)]


@router.post("/sign-up/email")
async def sign_up(
    request: Request, accounts: AccountsDep, cookies: Cookies, device: DeviceDep, body: Body
) -> Response:
    """Make an account and sign in."""
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
    """Sign in with e-mail address and password."""
    values = schemas.check(body, schemas.SIGN_IN)
    check_sign_in_origin(request)
    remember = values.get("rememberMe", True)
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
    """End the session, if there is one."""
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
    """Return the session and its person, or null."""
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
    response.headers["set-auth-jwt"] = await accounts.issue_token(signed_in.user)
    expose(response, "set-auth-jwt")
    return response


@router.post("/get-session", dependencies=[Depends(read_body)])
async def post_session() -> Response:
    """Refuse; Better Auth has this method only with a setting that is not offered here."""
    no_store = {"cache-control": "no-store", "pragma": "no-cache"}
    raise AccountError("METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED", headers=no_store)


@router.get("/token")
async def get_token(request: Request, accounts: AccountsDep, cookies: Cookies) -> Response:
    """Return a JSON Web Token for other servers."""
    signed_in = await _require(request, accounts, cookies)
    response = JSONResponse({"token": await accounts.issue_token(signed_in.user)})
    return _remember_extended(response, cookies, signed_in)


@router.get("/jwks")
async def get_keys(accounts: AccountsDep) -> Response:
    """Return the public keys that verify the tokens."""
    return JSONResponse({"keys": await accounts.web_keys()})


@router.post("/update-user")
async def update_user(request: Request, accounts: AccountsDep, cookies: Cookies, body: Body) -> Response:
    """Change the name or the image."""
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
    """Change the password, and on demand end all other sessions."""
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


@router.post("/delete-user")
async def delete_user(request: Request, accounts: AccountsDep, cookies: Cookies, body: Body) -> Response:
    """Delete the account and everything that belongs to it."""
    values = schemas.check(body, schemas.DELETE_USER)
    signed_in = await _require(request, accounts, cookies)
    await accounts.delete_user(signed_in, values.get("password"))
    response = JSONResponse({"success": True, "message": "User deleted"})
    cookies.expire(response)
    return response


@router.get("/list-sessions")
async def list_sessions(request: Request, accounts: AccountsDep, cookies: Cookies) -> Response:
    """Return the person's sessions."""
    signed_in = await _require(request, accounts, cookies)
    if not signed_in.fresh:
        raise AccountError("SESSION_NOT_FRESH")
    sessions = await accounts.sessions(signed_in.user)
    response = JSONResponse([schemas.session_json(session) for session in sessions])
    return _remember_extended(response, cookies, signed_in)


@router.post("/revoke-session")
async def revoke_session(request: Request, accounts: AccountsDep, cookies: Cookies, body: Body) -> Response:
    """End one of the person's sessions."""
    token = schemas.check(body, schemas.REVOKE_SESSION)["token"]
    signed_in = await _require(request, accounts, cookies)
    await accounts.revoke(signed_in.user, only=token)
    return _remember_extended(JSONResponse({"status": True}), cookies, signed_in)


@router.post("/revoke-sessions", dependencies=[Depends(read_body)])
async def revoke_sessions(request: Request, accounts: AccountsDep, cookies: Cookies) -> Response:
    """End all of the person's sessions."""
    signed_in = await _require(request, accounts, cookies)
    await accounts.revoke(signed_in.user)
    return JSONResponse({"status": True})


@router.post("/revoke-other-sessions", dependencies=[Depends(read_body)])
async def revoke_other_sessions(request: Request, accounts: AccountsDep, cookies: Cookies) -> Response:
    """End all of the person's sessions but this one."""
    signed_in = await _require(request, accounts, cookies)
    await accounts.revoke(signed_in.user, all_but=signed_in.session.token)
    return _remember_extended(JSONResponse({"status": True}), cookies, signed_in)


@router.get("/ok")
async def ok() -> Response:
    """Say that this is here, as Better Auth does."""
    return JSONResponse({"ok": True})


@router.api_route(
    "/{path:path}",
    methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    include_in_schema=False,
)
async def unknown() -> Response:
    """Answer what Better Auth answers to paths and methods it does not have."""
    return Response(status_code=404)


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
