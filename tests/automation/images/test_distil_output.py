"""The distiller's output: the copied files, and the records for scanners and licences."""

import os
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from distil.__main__ import arguments, distil
from distil.output import TIME_SECONDS
from distil.rootfs import DistilError
from tests.automation.images.distilled import GLIBC, PROGRAM, paths, run
from tests.automation.images.rootfs import elf, make_root

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
