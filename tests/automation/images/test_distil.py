"""The libraries that the distiller finds, in small roots of Debian and Alpine and on this machine."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from distil.__main__ import arguments, distil, main
from distil.rootfs import DistilError
from tests.automation.images.distilled import GLIBC, MULTIARCH, MUSL, PROGRAM, paths, run
from tests.automation.images.rootfs import AARCH64, elf, make_root

# --- Libraries


def test_a_program_comes_with_its_libraries_and_with_nothing_else(debian: Callable[..., Path]) -> None:
    output = run(debian({"/usr/bin/program": PROGRAM}), "--program", "/usr/bin/program")
    assert paths(output) == {
        "/etc/nsswitch.conf",
        "/lib64@",
        "/usr/bin/program",
        "/usr/lib64/ld-linux-x86-64.so.2@",
        f"{MULTIARCH}/ld-linux-x86-64.so.2",
        f"{MULTIARCH}/libc.so.6",
        f"{MULTIARCH}/libz.so.1@",
        f"{MULTIARCH}/libz.so.1.3",
    }
    assert (output / "usr/bin/program").read_bytes() == PROGRAM
    assert (output / "lib64/ld-linux-x86-64.so.2").parent.resolve() == output / "usr/lib64"


def test_a_link_to_a_program_stays_a_link(debian: Callable[..., Path]) -> None:
    root = debian(
        {"/usr/bin/program-3": PROGRAM}, {"/usr/bin/program": "program-3", "/opt/program": "/usr/bin/program"}
    )
    found = paths(run(root, "--program", "/opt/program"))
    assert {"/opt/program@", "/usr/bin/program@", "/usr/bin/program-3"} <= found


def test_shared_objects_in_a_tree_bring_their_libraries(debian: Callable[..., Path]) -> None:
    root = debian({
        "/usr/bin/program": elf(interpreter=GLIBC, needs=["libc.so.6"]),
        "/srv/packages/extension.so": elf(needs=["libz.so.1"]),
        "/srv/packages/module.py": "x = 1\n",
    })  # fmt: skip
    found = paths(run(root, "--program", "/usr/bin/program", "--tree", "/srv"))
    assert {"/srv/packages/module.py", f"{MULTIARCH}/libz.so.1.3"} <= found


def test_libraries_are_found_beside_what_needs_them(debian: Callable[..., Path]) -> None:
    root = debian({
        "/opt/app/bin/program": elf(interpreter=GLIBC, needs=["libown.so"], runpath="$ORIGIN/../lib"),
        "/opt/app/lib/libown.so": elf(needs=["libc.so.6"]),
        f"{MULTIARCH}/libown.so": elf(),
    })  # fmt: skip
    found = paths(run(root, "--program", "/opt/app/bin/program"))
    assert "/opt/app/lib/libown.so" in found
    assert f"{MULTIARCH}/libown.so" not in found


def test_an_rpath_holds_for_the_libraries_too_and_a_runpath_does_not(debian: Callable[..., Path]) -> None:
    files = {
        "/opt/lib/libfirst.so": elf(needs=["libsecond.so"]),
        "/opt/lib/libsecond.so": elf(),
        "/usr/bin/old": elf(interpreter=GLIBC, needs=["libfirst.so"], rpath="/opt/lib"),
        "/usr/bin/new": elf(interpreter=GLIBC, needs=["libfirst.so"], runpath="/opt/lib"),
    }
    root = debian(files)
    assert "/opt/lib/libsecond.so" in paths(run(root, "--program", "/usr/bin/old"))
    with pytest.raises(DistilError, match=r"/opt/lib/libfirst\.so needs libsecond\.so"):
        run(root, "--program", "/usr/bin/new")


def test_a_library_that_only_the_loaders_cache_would_find_gets_a_link(debian: Callable[..., Path]) -> None:
    root = debian({
        "/usr/local/bin/python3": elf(interpreter=GLIBC, needs=["libpython3.so"]),
        "/usr/local/lib/libpython3.so": elf(),
    })  # fmt: skip
    output = run(root, "--program", "/usr/local/bin/python3")
    assert (output / "usr/lib/x86_64-linux-gnu/libpython3.so").readlink() == Path(
        "/usr/local/lib/libpython3.so"
    )
    assert "/usr/local/lib/libpython3.so" in paths(output)


def test_all_that_is_missing_is_said_at_once_with_what_to_do(
    debian: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = debian({
        "/usr/bin/one": elf(interpreter=GLIBC, needs=["libgone.so.1"]),
        "/srv/two.so": elf(needs=["liblost.so.2"]),
    })  # fmt: skip
    output = str(root.with_name("out"))
    words = [
        "distil",
        "--root",
        str(root),
        "--output",
        output,
        "--program",
        "/usr/bin/one",
        "--tree",
        "/srv",
    ]
    monkeypatch.setattr(sys, "argv", words)
    assert main() == 1
    error = capsys.readouterr().err
    assert "/usr/bin/one needs libgone.so.1" in error
    assert "/srv/two.so needs liblost.so.2" in error
    assert "try   " in error
    assert not Path(output).exists()


def test_files_of_another_machine_are_not_its_libraries(debian: Callable[..., Path]) -> None:
    root = debian({
        "/usr/bin/program": elf(interpreter=GLIBC, needs=["libtwo.so"]),
        "/usr/local/lib/libtwo.so": elf(machine=AARCH64),
        "/usr/lib/libtwo.so": elf(),
        "/srv/other.so": elf(machine=AARCH64, needs=["libnowhere.so"]),
    })  # fmt: skip
    found = paths(run(root, "--program", "/usr/bin/program", "--tree", "/srv"))
    assert {"/usr/lib/libtwo.so", "/srv/other.so"} <= found
    assert "/usr/local/lib/libtwo.so" not in found


def test_arm_has_its_loader_elsewhere(tmp_path: Path) -> None:
    loader, home = "/lib/ld-linux-aarch64.so.1", "/usr/lib/aarch64-linux-gnu"
    root = make_root(
        tmp_path / "base",
        {
            "/usr/bin/program": elf(machine=AARCH64, interpreter=loader, needs=["libc.so.6"]),
            f"{home}/ld-linux-aarch64.so.1": elf(machine=AARCH64),
            f"{home}/libc.so.6": elf(machine=AARCH64, interpreter=loader),
        },
        {"/lib": "usr/lib", "/usr/lib/ld-linux-aarch64.so.1": "aarch64-linux-gnu/ld-linux-aarch64.so.1"},
    )
    found = paths(run(root, "--program", "/usr/bin/program"))
    assert {f"{home}/libc.so.6", f"{home}/ld-linux-aarch64.so.1", "/usr/lib/ld-linux-aarch64.so.1@"} <= found


def test_a_damaged_elf_file_is_named(debian: Callable[..., Path]) -> None:
    root = debian({"/usr/bin/program": PROGRAM[:300]})
    with pytest.raises(DistilError, match=r"usr/bin/program is a damaged ELF file"):
        run(root, "--program", "/usr/bin/program")


def test_this_machines_loader_finds_the_same_libraries(tmp_path: Path) -> None:
    python = Path(sys.executable).resolve()
    said = subprocess.run(["ldd", python], check=True, capture_output=True, text=True).stdout
    expected = {os.path.realpath(path) for path in re.findall(r"(/\S+) \(0x", said)}
    output = tmp_path / "out"
    distil(arguments(["--root", "/", "--output", str(output), "--program", str(python)]))
    libraries = {path for path in paths(output) if ".so" in path and not path.endswith("@")}
    assert libraries == expected
    assert subprocess.run([output / python.relative_to("/"), "-S", "-c", ""], check=False).returncode == 0


# --- Alpine


def alpine(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """Make a root like Alpine's: musl, libraries in /lib and /usr/lib, and apk."""
    return make_root(
        path,
        {
            MUSL: elf(),
            "/usr/lib/libz.so.1.3": elf(needs=["libc.musl-x86_64.so.1"]),
            "/lib/apk/db/installed": APK,
            "/etc/alpine-release": "3.24.1\n",
            "/etc/os-release": "ID=alpine\n",
            **files,
        },
        {"/lib/libc.musl-x86_64.so.1": "ld-musl-x86_64.so.1", "/usr/lib/libz.so.1": "libz.so.1.3"},
    )


APK = """\
C:Q1sum=
P:musl
V:1.2.6-r0
L:MIT
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1one=
R:libc.musl-x86_64.so.1
F:usr/share/musl
R:unused
Z:Q1two=

P:zlib
V:1.3-r0
L:Zlib
F:usr/lib
R:libz.so.1
R:libz.so.1.3
Z:Q1three=

P:busybox
V:1.37-r0
F:bin
R:busybox
"""


def test_on_alpine_the_loader_is_the_c_library_as_well(tmp_path: Path) -> None:
    program = elf(interpreter=MUSL, needs=["libz.so.1", "libc.musl-x86_64.so.1", "libm.so.6"])
    root = alpine(tmp_path / "base", {"/usr/bin/program": program, "/bin/busybox": elf(interpreter=MUSL)})
    found = paths(run(root, "--program", "/usr/bin/program"))
    assert found == {
        MUSL,
        "/etc/alpine-release",
        "/etc/os-release",
        "/lib/apk/db/installed",
        "/usr/bin/program",
        "/usr/lib/libz.so.1@",
        "/usr/lib/libz.so.1.3",
    }


def test_on_alpine_local_libraries_need_no_link(tmp_path: Path) -> None:
    program = elf(interpreter=MUSL, needs=["libpython3.so", "libc.musl-x86_64.so.1"])
    files = {"/usr/local/bin/python3": program, "/usr/local/lib/libpython3.so": elf()}
    root = alpine(tmp_path / "base", files)
    found = paths(run(root, "--program", "/usr/local/bin/python3"))
    assert {path for path in found if "libpython" in path} == {"/usr/local/lib/libpython3.so"}


def test_on_alpine_the_directories_can_be_named_in_a_file(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "/usr/bin/program": elf(interpreter=MUSL, needs=["libown.so"]),
        "/srv/lib/libown.so": elf(),
        "/etc/ld-musl-x86_64.path": "/lib\n/srv/lib\n",
    }
    found = paths(run(alpine(tmp_path / "base", files), "--program", "/usr/bin/program"))
    assert "/srv/lib/libown.so" in found


def test_on_alpine_a_runpath_holds_for_the_libraries_too(tmp_path: Path) -> None:
    files = {
        "/usr/bin/program": elf(interpreter=MUSL, needs=["libfirst.so"], runpath="$ORIGIN/../../opt"),
        "/opt/libfirst.so": elf(needs=["libsecond.so"]),
        "/opt/libsecond.so": elf(),
    }
    found = paths(run(alpine(tmp_path / "base", files), "--program", "/usr/bin/program"))
    assert "/opt/libsecond.so" in found


def test_on_alpine_the_database_has_the_packages_and_files_that_were_taken(tmp_path: Path) -> None:
    program = elf(interpreter=MUSL, needs=["libz.so.1"])
    root = alpine(tmp_path / "base", {"/usr/bin/program": program})
    installed = (run(root, "--program", "/usr/bin/program") / "lib/apk/db/installed").read_text()
    assert installed == (
        "C:Q1sum=\nP:musl\nV:1.2.6-r0\nL:MIT\nF:lib\nR:ld-musl-x86_64.so.1\na:0:0:755\nZ:Q1one=\n"
        "\nP:zlib\nV:1.3-r0\nL:Zlib\nF:usr/lib\nR:libz.so.1\nR:libz.so.1.3\nZ:Q1three=\n"
    )
