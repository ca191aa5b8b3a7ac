"""Email over SMTP. Threads send it, so that no request waits for a mail server."""

import asyncio
import re
import threading
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import structlog

SMTP_FORM = "is not of the form smtp://user:password@host:587 or smtps://user:password@host:465"
ANSWER_SECONDS = 10.0
"""The longest wait for one answer of the mail server."""
DELIVERY_SECONDS = 40.0
RETRY_DELAYS_SECONDS = (2.0, 10.0)
CONCURRENT_DELIVERIES = 2
_SERVER = re.compile(
    r"(?P<scheme>smtps?)://(?:(?P<user>[^\s:/@?#\[\]]+):(?P<password>[^\s:/@?#\[\]]+)@)?"
    r"(?P<host>[\w.-]+|\[[0-9a-fA-F:.]+\])(?::(?P<port>\d{1,5}))?/?",
    re.ASCII,
)
_ADDRESS = r"[^\s<>@,;:\"\\()\[\]]+@[A-Za-z0-9.-]+"
_SENDER = re.compile(rf"(?:[^<>@,;:\"\\\r\n]*[^<>@,;:\"\\\s] ?<{_ADDRESS}>|{_ADDRESS})", re.ASCII)
_LOCAL = {"localhost", "127.0.0.1", "::1"}

log = structlog.get_logger(__name__)


class MailServer(NamedTuple):
    """Where and as whom to send email."""

    host: str
    port: int
    user: str
    password: str
    encrypted: bool
    """Whether the connection is encrypted from its first byte, instead of by STARTTLS."""


class UnencryptedError(Exception):
    """The mail server offers no encryption, so it does not get a password."""


class NotSentError(Exception):
    """A message was not sent. The log has the reason."""


def mail_server(url: str) -> MailServer:
    """Parse the URL of a mail server. Raises ValueError, without anything of the URL."""
    match = _SERVER.fullmatch(url)
    if not match or re.search("%(?![0-9A-Fa-f]{2})", url):
        raise ValueError(SMTP_FORM)
    encrypted = match["scheme"] == "smtps"
    port = int(match["port"] or (465 if encrypted else 587))
    if not 0 < port <= 65535:
        raise ValueError("has a port that is not between 1 and 65535")
    user, password = unquote(match["user"] or ""), unquote(match["password"] or "")
    return MailServer(match["host"].strip("[]"), port, user, password, encrypted)


def sender(value: str) -> str:
    """Check the sender of email: an address, or a name with an address. Raises ValueError."""
    if not _SENDER.fullmatch(value):
        raise ValueError("must be an address, or a name with one: To-do <no-reply@example.com>")
    return value


def default_sender(public_url: str) -> str:
    """Return the sender for a site without a setting."""
    return f"no-reply@{urlsplit(public_url).hostname}"


@dataclass
class Mailer:
    """Sends messages by one mail server, as one sender."""

    server: MailServer
    sender: str
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONCURRENT_DELIVERIES))

    async def send(self, recipient: str, subject: str, text: str, html: str) -> None:
        """Send a message, and try again if the server is unavailable.

        Raises:
            NotSentError: when it was not sent. The log names the reason, without addresses and texts.
        """
        async with self._turns:
            for delay in (*RETRY_DELAYS_SECONDS, None):
                try:
                    async with asyncio.timeout(DELIVERY_SECONDS):
                        await self._in_thread(recipient, subject, text, html)
                    return
                except Exception as error:  # noqa: BLE001 - of smtplib, sockets and TLS: many types
                    code = getattr(error, "smtp_code", None)
                    is_final = isinstance(error, UnencryptedError) or (code or 0) >= 500 or delay is None
                    log.warning("email not sent", error=type(error).__name__, code=code, retries=not is_final)
                    if is_final or delay is None:
                        raise NotSentError from None
                await asyncio.sleep(delay)

    async def _in_thread(self, *message: str) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def finish(error: Exception | None) -> None:
            if not done.done():
                done.set_exception(error) if error else done.set_result(None)

        def deliver() -> None:
            error: Exception | None = None
            try:
                self._deliver(*message)
            except Exception as caught:  # noqa: BLE001 - it is raised in the loop
                error = caught
            # The loop may have ended meanwhile, with the server.
            if not loop.is_closed():
                loop.call_soon_threadsafe(finish, error)

        # A daemon: the server can stop while a mail server keeps it waiting.
        threading.Thread(target=deliver, name="smtp", daemon=True).start()
        await done

    def _deliver(self, recipient: str, subject: str, text: str, html: str) -> None:
        # Few servers send email, and never before their first request.
        import smtplib
        import ssl
        from email.message import EmailMessage
        from email.utils import formatdate, make_msgid

        domain = self.sender.rpartition("@")[2].rstrip(">")
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, recipient, subject
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=domain)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        message.add_alternative(html, subtype="html")
        host, port, user, password, encrypted = self.server
        context = ssl.create_default_context()
        # A name that is given is not looked up, which has no time limit.
        options: dict[str, Any] = {"timeout": ANSWER_SECONDS, "local_hostname": domain}
        connection = (
            smtplib.SMTP_SSL(host, port, context=context, **options)
            if encrypted
            else smtplib.SMTP(host, port, **options)
        )
        with connection:
            connection.ehlo()
            if not encrypted and connection.has_extn("starttls"):
                connection.starttls(context=context)
                connection.ehlo()
            elif not encrypted and user and host not in _LOCAL:
                raise UnencryptedError
            if user:
                connection.login(user, password)
            connection.send_message(message)
