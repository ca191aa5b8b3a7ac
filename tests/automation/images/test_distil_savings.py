"""The distiller's savings: libraries that the base has too, and symbols."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from distil.rootfs import DistilError
from tests.automation.images.distilled import GLIBC, MULTIARCH, paths, run
from tests.automation.images.rootfs import elf

# --- Libraries that wheels bundle


LIBS = "/srv/site-packages/driver.libs"


def bundled(**changes: bytes) -> dict[str, str | bytes]:
    """Return a driver whose wheel bundles libssl and libcrypto, and a Python that loads the base's own."""
    return {
        "/usr/bin/program": elf(interpreter=GLIBC, needs=["libssl.so.3", "libcrypto.so.3"]),
        f"{MULTIARCH}/libssl.so.3": elf(needs=["libcrypto.so.3"], versions=["SSL_3"], gives=["SSL_new"]),
        f"{MULTIARCH}/libcrypto.so.3": changes.get("base")
        or elf(versions=["SSL_3"], gives=["EVP_new", "RAND"]),
        "/srv/site-packages/driver/_driver.so": changes.get("driver")
        or elf(
            needs=["libssl-0a1b2c3d.so.3", "libcrypto-4e5f6a7b.so.3"],
            runpath="$ORIGIN/../driver.libs",
            requires={"libssl-0a1b2c3d.so.3": ["SSL_3"], "libcrypto-4e5f6a7b.so.3": ["SSL_3"]},
            takes=["SSL_new", "EVP_new"],
        ),
        f"{LIBS}/libssl-0a1b2c3d.so.3": elf(
            needs=["libcrypto-4e5f6a7b.so.3"],
            runpath="$ORIGIN",
            requires={"libcrypto-4e5f6a7b.so.3": ["SSL_3_5"]},
            takes=["EVP_newest"],
            gives=["SSL_new"],
        ),
        f"{LIBS}/libcrypto-4e5f6a7b.so.3": elf(gives=["EVP_new", "EVP_newest"]),
    }


def link_duplicates(root: Path) -> set[str]:
    """Return the bundled libraries of an output, those that became links with an @."""
    words = ("--program", "/usr/bin/program", "--tree", "/srv", "--link-duplicates")
    return {path.removeprefix(f"{LIBS}/") for path in paths(run(root, *words)) if path.startswith(LIBS)}


def test_a_bundled_library_becomes_a_link_to_the_bases_own(debian: Callable[..., Path]) -> None:
    root = debian(bundled())
    assert link_duplicates(root) == {"libssl-0a1b2c3d.so.3@", "libcrypto-4e5f6a7b.so.3@"}
    link = root.with_name("out") / LIBS.lstrip("/") / "libcrypto-4e5f6a7b.so.3"
    assert link.readlink() in {
        Path("/lib/x86_64-linux-gnu/libcrypto.so.3"),
        Path(f"{MULTIARCH}/libcrypto.so.3"),
    }


@pytest.mark.parametrize(
    "base",
    [elf(versions=["SSL_3"], gives=["RAND"]), elf(versions=["SSL_2"], gives=["EVP_new"])],
    ids=["a symbol", "a version"],
)
def test_it_stays_where_the_bases_own_lacks_something(debian: Callable[..., Path], base: bytes) -> None:
    assert "libcrypto-4e5f6a7b.so.3" in link_duplicates(debian(bundled(base=base)))


def test_it_stays_where_nothing_else_takes_the_bases_own(debian: Callable[..., Path]) -> None:
    files = {**bundled(), "/usr/bin/program": elf(interpreter=GLIBC, needs=["libc.so.6"])}
    assert link_duplicates(debian(files)) == {"libssl-0a1b2c3d.so.3", "libcrypto-4e5f6a7b.so.3"}


# --- Stripping


def put_strip(folder: Path, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    """Put a stand-in for strip on the PATH that makes its output so from its input ($in, $out)."""
    folder.mkdir()
    program = folder / "strip"
    program.write_text(f"#!/bin/sh\nin=$4 out=$3\n{action}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def stripping(debian: Callable[..., Path]) -> Path:
    """Distil, with --strip, a program of nobody's and a library of dpkg's; return the output."""
    root = debian({
        "/usr/local/bin/program": elf(interpreter=GLIBC, needs=["libz.so.1"]) + b"symbols",
        f"{MULTIARCH}/libz.so.1.3": elf() + b"symbols",
        "/var/lib/dpkg/status": "Package: zlib1g\nVersion: 1:1.3\n",
        "/var/lib/dpkg/info/zlib1g.list": f"{MULTIARCH}/libz.so.1.3\n",
    })  # fmt: skip
    return run(root, "--program", "/usr/local/bin/program", "--strip")


def test_symbols_go_from_what_no_package_owns(
    debian: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_strip(tmp_path / "bin", monkeypatch, "head -c -7 $in > $out")
    output = stripping(debian)
    assert not (output / "usr/local/bin/program").read_bytes().endswith(b"symbols")
    # The package's own sums still hold.
    assert (output / MULTIARCH.lstrip("/") / "libz.so.1.3").read_bytes().endswith(b"symbols")


def test_a_file_that_stripping_would_break_stays(
    debian: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken").write_bytes(elf(interpreter=GLIBC))
    put_strip(tmp_path / "bin", monkeypatch, f"cp {tmp_path}/broken $out")
    output = stripping(debian)
    assert (output / "usr/local/bin/program").read_bytes().endswith(b"symbols")
    assert not list(output.rglob("*.stripped"))


@pytest.mark.parametrize(
    ("action", "says"), [("echo no format >&2; exit 1", "no format"), (None, "binutils")]
)
def test_a_strip_that_fails_or_is_missing_is_an_error(
    debian: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    action: str | None,
    says: str,
) -> None:
    if action:
        put_strip(tmp_path / "bin", monkeypatch, action)
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DistilError, match=says):
        stripping(debian)
