"""Forgotten passwords: links by email from a real SMTP server, and from the operator."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import func, select, update

from app import mail
from app.accounts import reset_link
from app.accounts.models import AccessToken, Session, Verification
from app.accounts.ratelimits import RESETS
from app.accounts.resets import PER_ACCOUNT, PasswordResets
from app.database import utc_now
from app.mail import Mailer, NotSentError, mail_server
from app.main import create_app
from app.settings import Settings
from backend.tests.browsers import Person, browser
from tests.ports import unused_port

ADA = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}
REQUEST, RESET = "/api/auth/request-password-reset", "/api/auth/reset-password"
SMTP_PASSWORD = "a p@ss/word"


class Mailbox:
    """Keeps what an SMTP server receives."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 OK"

    def login(
        self, _server: object, _session: object, _envelope: object, _kind: str, data: Any
    ) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == SMTP_PASSWORD.encode())

    async def message(self, number: int = 1) -> EmailMessage:
        """Wait for that many messages and return the last one."""
        async with asyncio.timeout(10):
            while len(self.messages) < number:  # noqa: ASYNC110 - another thread's loop receives them
                await asyncio.sleep(0.01)
        assert len(self.messages) == number
        return self.messages[-1]

    async def token(self, number: int = 1) -> str:
        """Wait for a message and return the token of its link."""
        link = r"http://localhost:3000/reset-password\?token=(\w{32})\s"
        [token] = re.findall(link, _plain(await self.message(number)))
        return str(token)


@contextmanager
def smtp(mailbox: Mailbox, **options: Any) -> Iterator[int]:
    """Run an SMTP server and yield its port."""
    port = unused_port()
    server = Controller(mailbox, hostname="127.0.0.1", port=port, ready_timeout=20, **options)
    server.start()
    try:
        yield port
    finally:
        server.stop()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def mail_port(mailbox: Mailbox) -> Iterator[int]:
    with smtp(mailbox) as port:
        yield port


@pytest.fixture
def settings(settings: Settings, mail_port: int) -> Settings:
    return settings.model_copy(update={"smtp_url": SecretStr(f"smtp://127.0.0.1:{mail_port}")})


@pytest.fixture
async def ada(app: FastAPI) -> AsyncIterator[Person]:
    async with browser(app, "192.0.2.1") as ada:
        assert (await ada.post("/api/auth/sign-up/email", json=ADA)).status_code == 200
        yield ada


@pytest.fixture
async def somebody(app: FastAPI) -> AsyncIterator[Person]:
    """A browser without a session."""
    async with browser(app, "192.0.2.9") as somebody:
        yield somebody


async def _idle(app: FastAPI) -> None:
    """Wait until nothing is being sent."""
    resets: PasswordResets = app.state.resets
    await resets.close()


def _plain(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


async def test_a_link_sets_a_new_password_once_and_ends_every_session_and_token(
    app: FastAPI, ada: Person, somebody: Person, mailbox: Mailbox
) -> None:
    created = await ada.post("/api/access-tokens", json={"name": "Script"})
    assert created.status_code == 201
    asked = await somebody.post(REQUEST, json={"email": "ADA@example.org", "redirectTo": "/reset-password"})
    assert asked.status_code == 200
    token = await mailbox.token()
    followed = await somebody.get(f"{RESET}/{token}", params={"callbackURL": "/reset-password"})
    assert followed.headers["location"] == f"http://localhost:3000/reset-password?token={token}"

    changed = await somebody.post(RESET, json={"token": token, "newPassword": "a better horse"})
    assert (changed.status_code, changed.json()) == (200, {"status": True})
    again = await somebody.post(RESET, json={"token": token, "newPassword": "a third horse"})
    assert (again.status_code, again.json()["code"]) == (400, "INVALID_TOKEN")

    assert (await ada.get("/api/auth/get-session")).json() is None
    async with app.state.database.transaction(read_only=True) as transaction:
        for table in (AccessToken, Session, Verification):
            assert await transaction.scalar(select(func.count()).select_from(table)) == 0, table
    old, new = [
        await somebody.post("/api/auth/sign-in/email", json=ADA | {"password": password})
        for password in (ADA["password"], "a better horse")
    ]
    assert (old.status_code, new.status_code) == (401, 200)


async def test_the_message_has_a_text_and_a_page_and_says_what_happens(
    ada: Person, somebody: Person, mailbox: Mailbox
) -> None:
    await somebody.post(REQUEST, json={"email": "ada@example.org"})
    message = await mailbox.message()
    assert (message["to"], message["from"]) == ("ada@example.org", "no-reply@localhost")
    assert message["subject"] == "Reset your password"
    page = message.get_body(("html",))
    assert page is not None
    for text in (_plain(message), str(page.get_content())):
        assert "http://localhost:3000/reset-password?token=" in text
        assert "within an hour" in text
        assert "ends all sessions and access tokens" in text


async def test_only_a_hash_of_the_token_is_stored(
    app: FastAPI, ada: Person, somebody: Person, mailbox: Mailbox
) -> None:
    await somebody.post(REQUEST, json={"email": "ada@example.org"})
    token = await mailbox.token()
    async with app.state.database.transaction(read_only=True) as transaction:
        [row] = (await transaction.scalars(select(Verification))).all()
    assert token not in f"{row.identifier}{row.value}{row.id}"
    lifetime = row.expires_at - utc_now()
    assert timedelta(minutes=59) < lifetime <= timedelta(hours=1)


async def test_an_expired_link_is_refused_and_deleted(
    app: FastAPI, ada: Person, somebody: Person, mailbox: Mailbox
) -> None:
    await somebody.post(REQUEST, json={"email": "ada@example.org"})
    token = await mailbox.token()
    async with app.state.database.transaction() as transaction:
        await transaction.execute(update(Verification).values(expires_at=utc_now() - timedelta(seconds=1)))
    refused = await somebody.post(RESET, json={"token": token, "newPassword": "a better horse"})
    assert refused.json()["code"] == "INVALID_TOKEN"
    followed = await somebody.get(f"{RESET}/{token}", params={"callbackURL": "/reset-password"})
    assert followed.headers["location"].endswith("?error=INVALID_TOKEN")
    await app.state.resets.forget_past()
    async with app.state.database.transaction(read_only=True) as transaction:
        assert await transaction.scalar(select(func.count()).select_from(Verification)) == 0


async def test_of_two_uses_at_once_one_succeeds(
    app: FastAPI, ada: Person, somebody: Person, mailbox: Mailbox
) -> None:
    await somebody.post(REQUEST, json={"email": "ada@example.org"})
    token = await mailbox.token()
    uses = (somebody.post(RESET, json={"token": token, "newPassword": f"a horse {n}"}) for n in range(2))
    assert sorted([answer.status_code for answer in await asyncio.gather(*uses)]) == [200, 400]


async def test_a_refused_password_leaves_the_link_valid(
    ada: Person, somebody: Person, mailbox: Mailbox
) -> None:
    await somebody.post(REQUEST, json={"email": "ada@example.org"})
    token = await mailbox.token()
    for password, code in (("short", "PASSWORD_TOO_SHORT"), ("password1", "PASSWORD_COMPROMISED")):
        refused = await somebody.post(RESET, json={"token": token, "newPassword": password})
        assert refused.json()["code"] == code
    assert (await somebody.post(RESET, json={"token": token, "newPassword": "a horse"})).status_code == 400


async def test_a_changed_password_ends_a_link(ada: Person, somebody: Person, mailbox: Mailbox) -> None:
    await somebody.post(REQUEST, json={"email": "ada@example.org"})
    token = await mailbox.token()
    body = {"currentPassword": ADA["password"], "newPassword": "a better horse", "revokeOtherSessions": True}
    assert (await ada.post("/api/auth/change-password", json=body)).status_code == 200
    refused = await somebody.post(RESET, json={"token": token, "newPassword": "a third horse"})
    assert refused.json()["code"] == "INVALID_TOKEN"


async def test_nobody_learns_whether_an_account_exists(
    app: FastAPI, ada: Person, somebody: Person, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = asyncio.Event()
    create = app.state.resets.create

    async def waiting(*arguments: Any, **options: Any) -> Any:
        await looked_up.wait()
        return await create(*arguments, **options)

    monkeypatch.setattr(app.state.resets, "create", waiting)
    answers = [
        await somebody.post(REQUEST, json={"email": email})
        for email in ("ada@example.org", "bob@example.org")
    ]
    # Both were answered before the database was asked for either account.
    assert answers[0].content == answers[1].content
    assert [answer.status_code for answer in answers] == [200, 200]
    assert not mailbox.messages
    looked_up.set()
    assert (await mailbox.message())["to"] == "ada@example.org"


async def test_requests_are_limited_for_each_network_and_messages_for_each_account(
    app: FastAPI, ada: Person, mailbox: Mailbox
) -> None:
    async def ask(network: int) -> int:
        async with browser(app, f"10.0.{network}.1") as client:
            return (await client.post(REQUEST, json={"email": "ada@example.org"})).status_code

    assert [await ask(1) for _ in range(RESETS.calls + 1)] == [200] * RESETS.calls + [429]
    assert [await ask(2) for _ in range(RESETS.calls)] == [200] * RESETS.calls
    await _idle(app)
    assert len(mailbox.messages) == PER_ACCOUNT < 2 * RESETS.calls


@pytest.mark.parametrize(
    "page",
    ["https://evil.example/reset-password", "//evil.example", "/\\evil.example", "javascript:alert(1)"],
)
async def test_a_link_never_leads_to_another_site(
    ada: Person, somebody: Person, mailbox: Mailbox, page: str
) -> None:
    refused = await somebody.post(REQUEST, json={"email": "ada@example.org", "redirectTo": page})
    assert (refused.status_code, refused.json()["code"]) == (403, "INVALID_REDIRECT_URL")
    followed = await somebody.get(f"{RESET}/wrong", params={"callbackURL": page})
    assert (followed.status_code, followed.json()["code"]) == (403, "INVALID_CALLBACK_URL")


async def test_a_message_that_was_not_sent_does_not_count(
    app: FastAPI,
    ada: Person,
    somebody: Person,
    monkeypatch: pytest.MonkeyPatch,
    logged: Callable[[], str],
) -> None:
    monkeypatch.setattr(mail, "RETRY_DELAYS_SECONDS", (0.0,))
    app.state.resets._mailer.server = mail_server(f"smtp://user:hidden@127.0.0.1:{unused_port()}")
    await somebody.post(REQUEST, json={"email": "ada@example.org"})
    await _idle(app)
    async with app.state.database.transaction(read_only=True) as transaction:
        assert await transaction.scalar(select(func.count()).select_from(Verification)) == 0
    output = logged()
    assert "ConnectionRefusedError" in output
    assert "hidden" not in output
    assert "ada@example.org" not in output


async def test_no_log_has_a_token(
    ada: Person, somebody: Person, mailbox: Mailbox, logged: Callable[[], str]
) -> None:
    await somebody.post(REQUEST, json={"email": "ada@example.org"})
    token = await mailbox.token()
    await somebody.get(f"{RESET}/{token}", params={"callbackURL": "/reset-password"})
    await somebody.post(RESET, json={"token": token, "newPassword": "a better horse"})
    output = logged()
    assert "/api/auth/reset-password/{token}" in output
    assert token not in output


async def test_a_server_without_email_says_so(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"smtp_url": None}))
    async with app.router.lifespan_context(app), browser(app) as client:
        refused = await client.post(REQUEST, json={"email": "ada@example.org"})
    assert (refused.status_code, refused.json()["code"]) == (400, "RESET_PASSWORD_DISABLED")


async def test_the_operator_prints_a_link(
    settings: Settings,
    ada: Person,
    somebody: Person,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(reset_link, "load_settings", lambda: settings)

    async def run(*arguments: str) -> int:
        return await asyncio.to_thread(reset_link.main, arguments)

    assert await run("ada@example.org", "--address", "https://todo.example") == 0
    token = capsys.readouterr().out.strip().removeprefix("https://todo.example/reset-password?token=")
    reset = await somebody.post(RESET, json={"token": token, "newPassword": "a better horse"})
    assert reset.status_code == 200
    assert await run("bob@example.org") == 1
    assert "no account with the address bob@example.org" in capsys.readouterr().err


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(text + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_passwords_are_sent_encrypted(
    scheme: str, mailbox: Mailbox, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    encrypted: dict[str, Any] = {
        "smtp": {"tls_context": context, "require_starttls": True},
        "smtps": {"ssl_context": context, "auth_require_tls": False},
    }[scheme]
    with smtp(mailbox, authenticator=mailbox.login, **encrypted) as port:
        url = f"{scheme}://me%40example.org:a%20p%40ss%2Fword@localhost:{port}"
        mailer = Mailer(mail_server(url), "To-do <no-reply@example.org>")
        monkeypatch.setattr(mail, "RETRY_DELAYS_SECONDS", ())
        # A certificate that nobody trusts.
        with pytest.raises(NotSentError):
            await mailer.send("ada@example.org", "Hello", "text", "<p>text</p>")
        assert not mailbox.logins
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        await mailer.send("ada@example.org", "Hello", "text", "<p>text</p>")
    assert mailbox.logins == [(b"me@example.org", SMTP_PASSWORD.encode())]
    assert (await mailbox.message())["from"] == "To-do <no-reply@example.org>"


async def test_a_password_is_never_sent_without_encryption(
    mailbox: Mailbox,
    mail_port: int,
    monkeypatch: pytest.MonkeyPatch,
    logged: Callable[[], str],
) -> None:
    monkeypatch.setattr(mail, "_LOCAL", frozenset())
    mailer = Mailer(mail_server(f"smtp://me:hidden@127.0.0.1:{mail_port}"), "no-reply@example.org")
    with pytest.raises(NotSentError):
        await mailer.send("ada@example.org", "Hello", "text", "<p>text</p>")
    assert "UnencryptedError" in logged()
    assert not mailbox.messages


async def test_a_silent_mail_server_delays_neither_answers_nor_the_end(
    app: FastAPI,
    ada: Person,
    somebody: Person,
    monkeypatch: pytest.MonkeyPatch,
    logged: Callable[[], str],
) -> None:
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    monkeypatch.setattr(mail, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(mail, "RETRY_DELAYS_SECONDS", (0.0,))
    port = unused_port()
    server = await asyncio.start_server(silent, "127.0.0.1", port)
    app.state.resets._mailer.server = mail_server(f"smtp://127.0.0.1:{port}")
    async with server:
        assert (await somebody.post(REQUEST, json={"email": "ada@example.org"})).status_code == 200
        await asyncio.wait_for(asked.wait(), 10)
        await _idle(app)
    assert "email not sent" in logged()
