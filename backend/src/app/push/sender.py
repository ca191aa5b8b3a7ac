"""Sends reminders in the background of every server, while any browser is subscribed.

Without a subscription it executes one statement every five minutes. With one, it reads the next times every
INTERVAL_SECONDS, and waits for them.
"""

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol
from urllib.parse import urlsplit

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.database import Database, utc_now
from app.instants import iso_instant
from app.push import delivery
from app.push.addresses import PrivateAddressError, UnreachableError
from app.push.delivery import Delivery
from app.push.encryption import ServerKey, authorization, encrypt, from_base64url, to_base64url
from app.push.keys import stored_key

INTERVAL_SECONDS = 15.0
"""How late a server notices a reminder that was set for the next seconds on another server."""
ROUND_SECONDS = 1.0
"""How long slow push services keep a server from looking for more reminders."""
SHORTEST_SECONDS = 0.5
CONCURRENT = 32
ATTEMPT_SECONDS = 10.0
CLOSE_SECONDS = 3.0
_GONE = {404, 410}
_LATER = {408, 425, 429}

log = structlog.get_logger(__name__)


class Network(Protocol):
    """Sends messages to push services; see `app.push.network`."""

    async def post(self, url: str, headers: Mapping[str, str], content: bytes) -> tuple[int, str]:
        """Return the status of the response and its Retry-After."""

    async def close(self) -> None:
        """Close all connections."""


class ReminderSender:
    """Sends the reminders of one process.

    Args:
        database: has the tasks and the subscriptions.
        secret: decrypts the application's key.
        contact: a `mailto:` or https address of the operator, for push services.
        network: sends the messages; by default to public addresses only.
    """

    def __init__(self, database: Database, secret: str, contact: str, network: Network | None = None) -> None:
        self._database = database
        self._secret = secret
        self._contact = contact
        self._network = network
        self._news = asyncio.Event()
        self._is_stopping = False
        self._sending: set[asyncio.Task[None]] = set()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Send from now on, in the background."""
        self.look()
        self._running = asyncio.create_task(self._run(), name="reminders")

    def look(self) -> None:
        """Look for subscriptions, of which there may be a first one."""
        self._news.set()

    def stop(self) -> None:
        """Take no more reminders, because this server shuts down. Others send them."""
        self._is_stopping = True
        self._news.set()

    async def close(self) -> None:
        """Finish what is being sent, for a few seconds."""
        self.stop()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        if self._sending:
            await asyncio.wait(self._sending, timeout=CLOSE_SECONDS)
        unfinished = [*self._sending]
        for sending in unfinished:
            sending.cancel()
        if unfinished:
            await asyncio.wait(unfinished)
        if self._network is not None:
            await self._network.close()

    async def forget_past(self) -> None:
        """Delete old deliveries, and look for subscriptions that other servers stored."""
        await delivery.forget_past(self._database)
        self.look()

    async def send_due(self) -> float | None:
        """Send the reminders whose time has come, and return the seconds until the next look.

        Returns None when there is nothing to wait for. Some of the reminders may still be on their way.

        Raises:
            SQLAlchemyError, TimeoutError: when the database is unavailable.
        """
        if not await delivery.any_subscription(self._database):
            return None
        key = await stored_key(self._database, self._secret)
        if key is None:
            # It is another secret's, or this server's in a moment.
            return INTERVAL_SECONDS
        await delivery.enter(self._database)
        started = time.monotonic()
        while not self._is_stopping and time.monotonic() - started < ROUND_SECONDS:
            room = CONCURRENT - len(self._sending)
            taken = await delivery.take(self._database, room) if room else []
            for each in taken:
                sending = asyncio.create_task(self._deliver(each, key), name="reminder")
                self._sending.add(sending)
                sending.add_done_callback(self._sending.discard)
            if not self._sending:
                break
            if not taken:
                # Those that wait for the same browser come next.
                await asyncio.wait(self._sending, timeout=ROUND_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        now = utc_now()
        longest = ROUND_SECONDS if self._sending else INTERVAL_SECONDS
        next_time = await delivery.next_time(self._database, now + timedelta(seconds=longest))
        return max((next_time - now).total_seconds(), SHORTEST_SECONDS)

    async def _run(self) -> None:
        while not self._is_stopping:
            self._news.clear()
            seconds: float | None = INTERVAL_SECONDS
            try:
                seconds = await self.send_due()
            except (SQLAlchemyError, TimeoutError) as error:
                log.warning("reminders not sent", error=type(error).__name__)
            except Exception:
                # Without this task, no reminder would ever be sent.
                log.exception("reminders not sent")
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _deliver(self, taken: Delivery, key: ServerKey) -> None:
        try:
            await self._attempt(taken, key)
        except (SQLAlchemyError, TimeoutError) as error:
            # A server takes it again, after the lease.
            log.warning("reminder not recorded", error=type(error).__name__)
        except Exception:
            log.exception("reminder not sent")

    async def _attempt(self, taken: Delivery, key: ServerKey) -> None:
        """Send a reminder once, and record the result."""
        service = urlsplit(taken.endpoint).hostname
        content = encrypt(_message(taken), from_base64url(taken.p256dh), from_base64url(taken.auth))
        headers = _headers(taken) | {"Authorization": authorization(taken.endpoint, self._contact, key)}
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                status, retry_after = await self._connected().post(taken.endpoint, headers, content)
        except PrivateAddressError:
            log.warning("reminder not sent", service=service, reason="its address is not public")
            await delivery.forget(self._database, taken)
        except (UnreachableError, TimeoutError) as error:
            log.warning("reminder not sent", service=service, reason=str(error) or type(error).__name__)
            await delivery.postpone(self._database, taken, None)
        else:
            if status in _GONE:
                await delivery.forget(self._database, taken)
                return
            if status >= 300:
                log.warning("reminder not sent", service=service, reason=f"status {status}")
            if status in _LATER or status >= 500:
                await delivery.postpone(self._database, taken, _wait(retry_after))
            else:
                await delivery.finish(self._database, taken)

    def _connected(self) -> Network:
        if self._network is None:
            # Most servers have no subscription.
            from app.push.network import PushNetwork

            self._network = PushNetwork(CONCURRENT)
        return self._network


def _message(taken: Delivery) -> bytes:
    """Return what the service worker shows. The tag is that of the open page, which shows it too."""
    remind_at = iso_instant(taken.remind_at)
    values = {
        "tag": f"{taken.task_id} {remind_at}",
        "task_id": taken.task_id,
        "title": taken.title,
        "due_at": taken.due_at and iso_instant(taken.due_at),
        "all_day": taken.all_day,
    }
    return json.dumps(values, ensure_ascii=False).encode()


def _headers(taken: Delivery) -> dict[str, str]:
    topic = hashlib.sha256(f"{taken.task_id} {taken.remind_at}".encode()).digest()
    left = taken.remind_at + delivery.LATEST - utc_now()
    return {
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(max(int(left.total_seconds()), 0)),
        "Urgency": "high",
        # A repeated attempt replaces a message that the browser has not received yet.
        "Topic": to_base64url(topic)[:32],
    }


def _wait(retry_after: str) -> timedelta | None:
    """Return the wait that a push service demands. It is in seconds, or a date that is rarely used."""
    return timedelta(seconds=int(retry_after)) if re.fullmatch(r"\d{1,6}", retry_after) else None
