"""A small Debian, and what the distiller makes of it."""

from collections.abc import Mapping
from pathlib import Path

from distil.__main__ import arguments, distil
from tests.automation.images.rootfs import elf

GLIBC = "/lib64/ld-linux-x86-64.so.2"
MUSL = "/lib/ld-musl-x86_64.so.1"
MULTIARCH = "/usr/lib/x86_64-linux-gnu"
DEBIAN_LINKS = {
    "/lib": "usr/lib",
    "/lib64": "usr/lib64",
    "/usr/lib64/ld-linux-x86-64.so.2": f"{MULTIARCH}/ld-linux-x86-64.so.2",
    f"{MULTIARCH}/libz.so.1": "libz.so.1.3",
}
DEBIAN: Mapping[str, str | bytes] = {
    f"{MULTIARCH}/ld-linux-x86-64.so.2": elf(),
    f"{MULTIARCH}/libc.so.6": elf(interpreter=GLIBC, needs=["ld-linux-x86-64.so.2"]),
    f"{MULTIARCH}/libz.so.1.3": elf(needs=["libc.so.6"]),
    f"{MULTIARCH}/libunused.so.1": elf(),
    "/etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf\n",
    "/etc/ld.so.conf.d/libc.conf": "# the local ones\n/usr/local/lib\n",
    "/bin/sh": elf(interpreter=GLIBC),
}
PROGRAM = elf(interpreter=GLIBC, needs=["libz.so.1", "libc.so.6"])


def run(root: Path, *words: str) -> Path:
    """Distil the root as the command line says; return the output."""
    output = root.with_name("out")
    distil(arguments(["--root", str(root), "--output", str(output), *words]))
    return output


def paths(output: Path) -> set[str]:
    """Return the files and links of an output, links with an @."""
    return {
        f"/{path.relative_to(output)}{'@' * path.is_symlink()}"
        for path in output.rglob("*")
        if path.is_symlink() or path.is_file()
    }
