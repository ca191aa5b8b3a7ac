"""Addresses that a push service may have: those of the internet."""

import ipaddress

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class PrivateAddressError(Exception):
    """A name has an address that is not public. Nothing was connected."""


class UnreachableError(Exception):
    """A push service did not respond."""


def is_public(address: Address) -> bool:
    """Return whether an address belongs to the internet, also the IPv4 address inside of an IPv6 address."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            address = inner
        elif address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast
