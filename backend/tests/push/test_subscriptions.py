"""Subscriptions have valid keys and public addresses, and every server uses one key."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpcore2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI
from sqlalchemy import select, update

from app.accounts.models import Session
from app.accounts.signatures import sign
from app.database import new_id, utc_now
from app.push import network
from app.push.addresses import PrivateAddressError, UnreachableError, is_public
from app.push.encryption import CURVE, encrypt, from_base64url, to_base64url
from app.push.keys import server_key, stored_key
from app.push.models import PushKey, PushSubscription
from app.push.network import PublicNetwork, PushNetwork
from app.push.service import SUBSCRIPTIONS
from backend.tests.browsers import SECRET, Person, browser
from backend.tests.push.browser import Browser, push_service

SignIn = Callable[..., Awaitable[Person]]


def test_the_encryption_is_that_of_rfc_8291() -> None:
    """Appendix A has the keys and the result."""
    key = int.from_bytes(from_base64url("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big")
    result = encrypt(
        b"When I grow up, I want to be a watermelon",
        from_base64url(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
        ),
        from_base64url("BTBZMqHH6r4Tts7J_aSIgg"),
        key=ec.derive_private_key(key, CURVE),
        salt=from_base64url("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert to_base64url(result) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
        "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


async def test_all_servers_have_one_key_that_is_stored_encrypted(app: FastAPI, signed_in: SignIn) -> None:
    database = app.state.database
    assert await stored_key(database, SECRET) is None
    keys = await asyncio.gather(*(server_key(database, SECRET) for _ in range(5)))
    assert len({key.public for key in keys}) == 1
    assert (await (await signed_in("Ada")).get("/api/push/key")).json() == {"public_key": keys[0].public}
    async with database.transaction(read_only=True) as session:
        [stored] = await session.scalars(select(PushKey))
    assert "PRIVATE" not in stored.private_key
    assert "PRIVATE" not in bytes.fromhex(stored.private_key).decode("latin-1")


async def test_another_secret_replaces_the_key_and_its_subscriptions(app: FastAPI, signed_in: SignIn) -> None:
    database, ada = app.state.database, await signed_in("Ada")
    first = await server_key(database, "another secret of this application")
    await ada.put("/api/push/subscription", json=Browser().subscription)
    assert await stored_key(database, SECRET) is None
    keys = await asyncio.gather(*(server_key(database, SECRET) for _ in range(3)))
    assert len({key.public for key in keys} | {first.public}) == 2
    async with database.transaction(read_only=True) as session:
        assert (await session.scalars(select(PushSubscription))).all() == []


KEYS = Browser().subscription["keys"]


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example.net/a",
        "https://push.example.net:8443/a",
        "https://ada:secret@push.example.net/a",
        "https://localhost/a",
        "https://a.localhost/a",
        "https://postgres/a",
        "https://127.0.0.1/a",
        "https://10.0.0.1/a",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/a",
        "https://[::ffff:10.0.0.1]/a",
        "https://[fd00::1]/a",
        "https://backend.default.svc.cluster.local/a",
        "https:///a",
        "https://[/a",
        "ftp://push.example.net/a",
        "https://push.example.net/a b",
        "https://push.example.net/" + "a" * 2000,
    ],
)
async def test_an_address_that_no_push_service_has_is_refused(signed_in: SignIn, endpoint: str) -> None:
    ada = await signed_in("Ada")
    answer = await ada.put("/api/push/subscription", json={"endpoint": endpoint, "keys": KEYS})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


@pytest.mark.parametrize(
    "keys",
    [
        {**KEYS, "auth": "AAAA"},
        {**KEYS, "auth": "?" * 22},
        {**KEYS, "p256dh": KEYS["p256dh"][:-4]},
        {**KEYS, "p256dh": to_base64url(b"\x04" + bytes(64))},
        {"auth": KEYS["auth"]},
    ],
)
async def test_keys_that_encrypt_nothing_are_refused(signed_in: SignIn, keys: dict[str, Any]) -> None:
    ada = await signed_in("Ada")
    body = {"endpoint": "https://push.example.net/a", "keys": keys}
    assert (await ada.put("/api/push/subscription", json=body)).status_code == 422


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("142.250.185.10", True),
        ("2a00:1450:4001:80b::200a", True),
        ("64:ff9b::8efa:b90a", True),
        ("0.0.0.0", False),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("::", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False),
        ("fc00::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("ff02::1", False),
    ],
)
def test_only_addresses_of_the_internet_are_public(address: str, expected: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) == expected


async def test_a_name_with_a_private_address_is_not_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    port = listener.getsockname()[1]
    with pytest.raises(PrivateAddressError):
        await PublicNetwork().connect_tcp("localhost", port)

    async def mixed(*_: object, **__: object) -> list[Any]:
        return [(0, 0, 0, "", (address, port)) for address in ("142.250.185.10", "127.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", mixed, raising=False)
    pool = PushNetwork(1)
    with pytest.raises(PrivateAddressError):
        await pool.post("https://push.example.net/a", {}, b"")
    await pool.close()
    with pytest.raises(BlockingIOError):
        listener.accept()
    listener.close()


async def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look at the name could find another address."""
    connected: list[str] = []

    async def connect(_: object, host: str, *__: object, **___: object) -> None:
        connected.append(host)
        raise httpcore2.ConnectError

    async def public(*_: object, **__: object) -> list[Any]:
        return [(0, 0, 0, "", (address, 443)) for address in ("142.250.185.10", "142.250.185.11")]

    monkeypatch.setattr(httpcore2.AnyIOBackend, "connect_tcp", connect)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", public, raising=False)
    with pytest.raises(httpcore2.ConnectError):
        await PublicNetwork().connect_tcp("push.example.net", 443)
    assert connected == ["142.250.185.10", "142.250.185.11"]


async def test_only_the_named_push_service_gets_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection goes to an address, and TLS verifies the name."""

    async def local(*_: object) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr(network, "public_addresses", local)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate(tmp_path)))
    async with push_service(tmp_path / "cert.pem", tmp_path / "key.pem") as service:
        pushes = PushNetwork(2)
        answer = await pushes.post(f"https://push.example.net:{service.port}/a", {"TTL": "60"}, b"x")
        with pytest.raises(UnreachableError):
            await pushes.post(f"https://else.example.net:{service.port}/b", {"TTL": "60"}, b"x")
        await pushes.close()
    assert answer == (201, "")
    assert [path for path, _, _ in service.requests] == ["/a"]


def certificate(folder: Path) -> Path:
    """Write a key and its own certificate for push.example.net; return the path of the certificate."""
    key, now = ec.generate_private_key(CURVE), utc_now()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "push.example.net")])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("push.example.net")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path = folder / "cert.pem"
    path.write_bytes(signed.public_bytes(Encoding.PEM))
    return path


async def stored(app: FastAPI) -> set[tuple[str, str]]:
    async with app.state.database.transaction(read_only=True) as session:
        rows = await session.scalars(select(PushSubscription))
        return {(row.user_id, row.endpoint.rpartition("/")[2]) for row in rows}


async def test_a_browser_belongs_to_the_session_that_subscribed_it_last(
    app: FastAPI, signed_in: SignIn
) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    shared, new = Browser("shared"), Browser("new")
    for person, subscription in ((ada, shared), (ada, shared), (bob, shared), (ada, new)):
        answer = await person.put("/api/push/subscription", json=subscription.subscription)
        assert answer.status_code == 204
    assert await stored(app) == {(bob.user.id, "shared"), (ada.user.id, "new")}
    await bob.put("/api/push/subscription", json=Browser("other").subscription)
    assert await stored(app) == {(bob.user.id, "other"), (ada.user.id, "new")}


async def test_a_further_subscription_replaces_the_oldest(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    for number in range(SUBSCRIPTIONS + 1):
        token = new_id()
        async with app.state.database.transaction() as session:
            session.add(Session(user_id=ada.user.id, token=token, expires_at=utc_now() + timedelta(days=1)))
        async with browser(app) as device:
            device.cookies.set("better-auth.session_token", sign(token, SECRET), domain="localhost.local")
            answer = await device.put("/api/push/subscription", json=Browser(str(number)).subscription)
            assert answer.status_code == 204
    assert {name for _, name in await stored(app)} == {str(number) for number in range(1, SUBSCRIPTIONS + 1)}


async def test_an_expired_session_subscribes_no_browser(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    async with app.state.database.transaction() as session:
        await session.execute(update(Session).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert (await ada.put("/api/push/subscription", json=Browser().subscription)).status_code == 401
    assert await stored(app) == set()


async def test_subscriptions_are_limited(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    answers = [await ada.delete("/api/push/subscription") for _ in range(61)]
    assert [answer.status_code for answer in answers] == [204] * 60 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
