"""Addresses of the application: from this machine and, if requested, from others."""

import ipaddress
import re
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

import psutil

LOOPBACK = "127.0.0.1"
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised here, not chosen
_CONTAINER_NETWORKS = ("br-", "docker", "veth")
"""Names of Docker's interfaces. Other machines do not reach them, and each Compose project adds one."""
_THIS_MACHINE = {"localhost", LOOPBACK, "::1", "0.0.0.0"}  # noqa: S104 - recognised here, not chosen


def public(host: str, port: int) -> str:
    """Return the address that people of this machine open, for a server that listens on `host`."""
    name = "localhost" if host in {LOOPBACK, *EVERYWHERE} else bracketed(host)
    return f"http://{name}:{port}"


def bracketed(host: str) -> str:
    """Return the host as a URL has it."""
    return f"[{host}]" if ":" in host else host


def private(host: str) -> bool:
    """Return whether a host is an address that the internet does not route."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_private
    return False


def from_elsewhere(host: str) -> list[str]:
    """Return the hosts under which other machines reach a server that listens on `host`."""
    if host not in EVERYWHERE:
        return [] if host in {LOOPBACK, "localhost", "::1"} else [host]
    return sorted(
        address.address
        for interface, addresses in psutil.net_if_addrs().items()
        if not interface.startswith(_CONTAINER_NETWORKS)
        for address in addresses
        if address.family.name == "AF_INET" and not address.address.startswith("127.")
    )


def origins(host: str, port: int) -> list[str]:
    """Return the origins of the pages of a server that listens on `host`."""
    names = {"localhost", LOOPBACK, *from_elsewhere(host)}
    return [f"http://{bracketed(name)}:{port}" for name in sorted(names)]


def development_hosts(host: str, values: Mapping[str, str]) -> str:
    """Return the hosts, separated by commas, under which browsers may open the development server."""
    urls = [values.get("FRONTEND_URL", ""), *values.get("TRUSTED_ORIGINS", "").split(",")]
    named = {urlsplit(url.strip()).hostname or "" for url in urls}
    return ",".join(sorted({LOOPBACK, *from_elsewhere(host), *named} - {""}))


def seen_from_inside(url: str, host: str) -> str:
    """Return the URL of a server as a container reaches it: there, localhost is the container itself.

    `host` is the name of this machine for containers.
    """
    with suppress(ValueError):
        before, at, after = urlsplit(url).netloc.rpartition("@")
        # The URL of a database may name several hosts.
        servers = [
            re.sub(r"^(\[[^]]*\]|[^:]*)", host, server)
            if urlsplit(f"//{server}").hostname in _THIS_MACHINE
            else server
            for server in after.split(",")
        ]
        return url.replace(f"{before}{at}{after}", f"{before}{at}{','.join(servers)}", 1) if after else url
    return url
