"""The addresses under which other machines reach the application."""

import socket

import psutil
import pytest

from automation.process import addresses


def test_networks_of_containers_are_not_addresses_for_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"lo": "127.0.0.1", "eth0": "192.0.2.7", "docker0": "172.17.0.1", "br-12ab34cd56ef": "10.1.2.1"}
    monkeypatch.setattr(
        psutil,
        "net_if_addrs",
        lambda: {
            name: [psutil._ntuples.snicaddr(socket.AF_INET, address, None, None, None)]
            for name, address in found.items()
        },
    )
    assert addresses.from_elsewhere("0.0.0.0") == ["192.0.2.7"]
    assert addresses.development_hosts("0.0.0.0", {}) == "127.0.0.1,192.0.2.7"
