"""What the distiller takes from a base: small roots of either kind, and the machine that runs this."""

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from deploy.images.distil.__main__ import arguments, distil, main
from deploy.images.distil.output import TIME_SECONDS
from deploy.images.distil.rootfs import DistilError
from tests.automation.images.rootfs import AARCH64, elf, make_root

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


@pytest.fixture
def debian(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of roots of a Debian with merged /usr, and the given files and links."""

    def make(files: Mapping[str, str | bytes], links: Mapping[str, str] | None = None) -> Path:
        return make_root(tmp_path / "base", {**DEBIAN, **files}, {**DEBIAN_LINKS, **(links or {})})

    return make


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


# --- Trees


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("/srv/app/tests", {"/srv/app/a.py", "/srv/app/b.pyi", "/srv/app/deep/tests/d.py"}),
        ("tests", {"/srv/app/a.py", "/srv/app/b.pyi"}),
        ("app/tests/", {"/srv/app/a.py", "/srv/app/b.pyi", "/srv/app/deep/tests/d.py"}),
        ("*.pyi", {"/srv/app/a.py", "/srv/app/deep/tests/d.py", "/srv/app/tests/c.py"}),
        ("/srv/**.py", {"/srv/app/b.pyi"}),
        ("/srv/*/[ab].*", {"/srv/app/deep/tests/d.py", "/srv/app/tests/c.py"}),
        ("/srv/?pp/a.py", {"/srv/app/b.pyi", "/srv/app/deep/tests/d.py", "/srv/app/tests/c.py"}),
        ("pp/a.py", {"/srv/app/a.py", "/srv/app/b.pyi", "/srv/app/deep/tests/d.py", "/srv/app/tests/c.py"}),
    ],
)
def test_patterns_leave_out_what_they_say(tmp_path: Path, pattern: str, left: set[str]) -> None:
    names = ("a.py", "b.pyi", "tests/c.py", "deep/tests/d.py")
    root = make_root(tmp_path / "base", {f"/srv/app/{name}": "" for name in names})
    assert paths(run(root, "--tree", "/srv", "--exclude", pattern)) == left


def test_patterns_come_from_a_file_with_comments_too(tmp_path: Path) -> None:
    root = make_root(tmp_path / "base", {"/srv/a": "", "/srv/b": "", "/srv/c": ""})
    (tmp_path / "patterns").write_text("# why\n/srv/a\n\n/srv/b  # and why\n")
    assert paths(run(root, "--tree", "/srv", "--exclude-from", str(tmp_path / "patterns"))) == {"/srv/c"}


def test_links_in_a_tree_bring_what_they_point_to_unless_that_is_left_out(tmp_path: Path) -> None:
    root = make_root(
        tmp_path / "base",
        {"/srv/file": "", "/data/wanted": "", "/srv/unwanted": ""},
        {
            "/srv/absolute": "/data/wanted",
            "/srv/relative": "file",
            "/srv/out": "unwanted",
            "/srv/dangling": "x",
        },
    )
    found = paths(run(root, "--tree", "/srv", "--exclude", "unwanted"))
    assert found == {"/srv/file", "/srv/absolute@", "/srv/relative@", "/data/wanted"}


def test_links_never_lead_out_of_the_root(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("outside")
    root = make_root(
        tmp_path / "base", {"/srv/a": ""}, {"/srv/up": "../../../../secret", "/srv/abs": f"{tmp_path}/secret"}
    )
    assert paths(run(root, "--tree", "/srv")) == {"/srv/a"}


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    root = make_root(tmp_path / "base", {}, {"/srv/a": "b", "/srv/b": "a"})
    with pytest.raises(DistilError, match="too many links"):
        run(root, "--tree", "/srv")


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    root = make_root(tmp_path / "base", {"/srv/a": ""})
    for option, path in (("--tree", "/opt"), ("--tree", "/srv/b*"), ("--program", "/usr/bin/x")):
        with pytest.raises(DistilError, match=re.escape(f"the base has no {path}")):
            run(root, option, path)
    with pytest.raises(DistilError, match="try   /srv"):
        run(root, "--tree", "srv")


def test_what_lies_below_a_layers_path_goes_there(tmp_path: Path) -> None:
    root = make_root(
        tmp_path / "base", {"/usr/lib/python3.9/os.py": "", "/usr/lib/python3.9/site-packages/a.py": ""}
    )
    layer = tmp_path / "packages"
    words = ("--tree", "/usr/lib/python3.*", "--layer", f"/usr/lib/python3.*/site-packages={layer}")
    assert paths(run(root, *words)) == {"/usr/lib/python3.9/os.py"}
    assert paths(layer) == {"/usr/lib/python3.9/site-packages/a.py"}


# --- What scanners and lawyers need


def test_dpkgs_entries_are_those_of_packages_that_something_was_taken_from(
    debian: Callable[..., Path],
) -> None:
    info, licences = "/var/lib/dpkg/info", "/usr/share/common-licenses"
    # As it was before /usr was merged: dpkg says /lib.
    library = "lib/x86_64-linux-gnu/libz.so.1"
    packages = {"zlib1g": "1:1.3", "dash": "0.5", "base-files": "13"}
    root = debian({
        "/usr/bin/program": elf(interpreter=GLIBC, needs=["libz.so.1"]),
        "/var/lib/dpkg/status": "\n".join(f"Package: {n}\nVersion: {v}\n" for n, v in packages.items()),
        f"{info}/zlib1g:amd64.list": f"/.\n/lib\n/{library}\n/{library}.3\n",
        f"{info}/zlib1g:amd64.md5sums": f"11  {library}.3\n22  usr/share/doc/zlib1g/changelog\n",
        f"{info}/dash.list": "/bin/sh\n",
        f"{info}/base-files.list": f"/etc/debian_version\n{licences}/Zlib\n{licences}/GPL-3\n",
        "/usr/share/doc/zlib1g/copyright": "See /usr/share/common-licenses/Zlib.\n",
        "/usr/share/doc/zlib1g/changelog": "long",
        "/usr/share/common-licenses/Zlib": "the licence",
        "/usr/share/common-licenses/GPL-3": "another",
        "/etc/debian_version": "13.2\n",
    })  # fmt: skip
    output = run(root, "--program", "/usr/bin/program")
    status = output / "var/lib/dpkg/status.d"
    assert {path.name for path in status.iterdir()} == {
        "zlib1g",
        "zlib1g.md5sums",
        "base-files",
        "base-files.md5sums",
    }
    assert (status / "zlib1g").read_text() == "Package: zlib1g\nVersion: 1:1.3\n"
    assert (status / "zlib1g.md5sums").read_text() == "11  lib/x86_64-linux-gnu/libz.so.1.3\n"
    shared = {path for path in paths(output) if path.startswith("/usr/share")}
    assert shared == {"/usr/share/doc/zlib1g/copyright", "/usr/share/common-licenses/Zlib"}


def test_certificates_are_one_file_and_the_package_it_came_from(debian: Callable[..., Path]) -> None:
    root = debian(
        {
            "/etc/ssl/certs/ca-certificates.crt": "all of them",
            "/etc/ssl/certs/one.pem": "one",
            "/var/lib/dpkg/status": "Package: ca-certificates\nVersion: 2025\n",
            "/var/lib/dpkg/info/ca-certificates.list": "/usr/share/ca-certificates/one.crt\n",
        },
        {"/usr/lib/ssl/cert.pem": "/etc/ssl/certs/ca-certificates.crt"},
    )
    output = run(root, "--certificates")
    assert paths(output) == {
        "/etc/ssl/certs/ca-certificates.crt",
        "/usr/lib/ssl/cert.pem@",
        "/var/lib/dpkg/status.d/ca-certificates",
        "/var/lib/dpkg/status.d/ca-certificates.md5sums",
    }


def test_a_base_without_certificates_is_an_error(debian: Callable[..., Path]) -> None:
    with pytest.raises(DistilError, match="install ca-certificates in the base"):
        run(debian({}), "--certificates")


# --- The user, and the form of the output


def test_the_user_has_a_name_and_owns_its_directories(tmp_path: Path) -> None:
    uid, gid = os.getuid(), os.getgid()
    output = tmp_path / "out"
    words = [
        "--output",
        str(output),
        "--user",
        "fastapi",
        "--group",
        "python",
        "--uid",
        str(uid),
        "--gid",
        str(gid),
    ]
    distil(arguments([*words, "--directory", "/data", "--directory", "/app/logs"]))
    assert (output / "etc/passwd").read_text().splitlines() == [
        "root:x:0:0:root:/root:/sbin/nologin",
        f"fastapi:x:{uid}:{gid}:fastapi:/nonexistent:/sbin/nologin",
    ]
    assert (output / "etc/group").read_text().splitlines() == ["root:x:0:", f"python:x:{gid}:"]
    for directory in ("data", "app/logs"):
        found = (output / directory).stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (uid, gid, 0o755)


def test_the_same_root_gives_the_same_output(debian: Callable[..., Path]) -> None:
    root = debian({"/usr/bin/program": PROGRAM})
    (root / "usr/bin/program").chmod(0o4755)

    def observed() -> dict[str, tuple[int, float]]:
        output = run(root, "--program", "/usr/bin/program", "--user", "appuser")
        facts = {str(path.relative_to(output)): path.lstat() for path in output.rglob("*")}
        shutil.rmtree(output)
        return {name: (fact.st_mode, fact.st_mtime) for name, fact in facts.items()}

    first = observed()
    os.utime(root / "usr/bin/program", (1, 1))
    old = os.umask(0o077)
    try:
        assert observed() == first
    finally:
        os.umask(old)
    assert {time for _, time in first.values()} == {TIME_SECONDS}
    assert stat.S_IMODE(first["usr/bin/program"][0]) == 0o755


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
