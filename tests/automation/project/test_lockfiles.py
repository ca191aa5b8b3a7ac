"""Locks follow from their sources, and the frontend's lock serves every system."""

import json
import re
from pathlib import Path
from typing import Any

from automation.project import lockfiles
from tests.automation.conftest import ROOT


def lock_of(packages: dict[str, Any], folder: Path) -> Path:
    """Write a package lock with these packages."""
    file = folder / "package-lock.json"
    file.write_text(json.dumps({"name": "x", "lockfileVersion": 3, "packages": packages}))
    return file


ENTRY = (
    r"^([\w.-]+)==([\w.+!-]+)(?: ; [^\\\n]+)? \\\n"
    r"(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+(?:    # .*\n)+"
)
HASH = r"sha512-[\w+/]{86}=="
KEYS = {
    *(
        "version",
        "license",
        "integrity",
        "engines",
        "dev",
        "dependencies",
        "funding",
        "optional",
        "cpu",
        "os",
    ),
    *(
        "peerDependencies",
        "peerDependenciesMeta",
        "devOptional",
        "libc",
        "peer",
        "bin",
        "optionalDependencies",
    ),
}
"""What the frontend's lock says of a package: no place to get it from, and no script to run."""


def test_packages_that_a_mirror_lacks_are_added_with_system_and_processor(tmp_path: Path) -> None:
    file = lock_of(
        {
            "": {"name": "x"},
            "node_modules/tool": {
                "version": "1.0.0",
                "dev": True,
                "optionalDependencies": {"@tool/linux-x64": "1.0.0", "@tool/darwin-arm64": "1.0.0"},
            },
            "node_modules/@tool/linux-x64": {"version": "1.0.0", "integrity": "sha512-x"},
        },
        tmp_path,
    )
    assert lockfiles.complete_platforms(file) == 1
    packages = json.loads(file.read_text())["packages"]
    assert packages["node_modules/@tool/darwin-arm64"] == {
        "version": "1.0.0", "cpu": ["arm64"], "os": ["darwin"], "dev": True, "optional": True,
    }  # fmt: skip
    assert packages["node_modules/@tool/linux-x64"] == {"version": "1.0.0", "integrity": "sha512-x"}
    assert lockfiles.complete_platforms(file) == 0


def test_a_package_that_lies_beside_or_above_its_dependant_is_found(tmp_path: Path) -> None:
    file = lock_of(
        {
            "node_modules/@a/b/node_modules/c": {
                "optionalDependencies": {"d": "1.0.0", "e": "1.0.0", "f": "1.0.0"}
            },
            "node_modules/@a/b/node_modules/c/node_modules/d": {"version": "1.0.0"},
            "node_modules/@a/b/node_modules/e": {"version": "1.0.0"},
            "node_modules/f": {"version": "1.0.0"},
        },
        tmp_path,
    )
    assert lockfiles.complete_platforms(file) == 0


def test_the_locks_of_this_project_name_no_registry_and_pin_every_file() -> None:
    locks = [*ROOT.glob("requirements/*.txt"), *ROOT.glob("backend/*.txt"), *ROOT.glob("*/image/*.txt")]
    assert len(locks) == 8
    pins: dict[str, set[str]] = {}
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        # A package, the hashes of its files, and who requires it; nothing else.
        entries = re.findall(ENTRY, text, re.MULTILINE)
        assert re.sub(ENTRY, "", text, flags=re.MULTILINE) == "", lock
        for name, version in entries if lock.name != "lint.txt" else ():  # of other programs
            pins.setdefault(name, set()).add(version)
    assert [name for name, versions in pins.items() if len(versions) > 1] == []


def test_every_package_of_the_frontend_has_a_version_and_the_hash_of_its_file() -> None:
    packages = json.loads((ROOT / "frontend/package-lock.json").read_text(encoding="utf-8"))["packages"]
    own = packages.pop("")
    wanted = json.loads((ROOT / "frontend/package.json").read_text(encoding="utf-8"))
    for kind in ("dependencies", "devDependencies"):
        assert own[kind] == wanted[kind]
        for name, version in own[kind].items():
            assert packages[f"node_modules/{name}"]["version"] == version
    wrong = [
        name
        for name, package in packages.items()
        if package.keys() - KEYS
        # A mirror may lack what is for another system.
        or not re.fullmatch(
            HASH if "integrity" in package else "optional",
            package.get("integrity") or "".join({"optional"} & package.keys()),
        )
    ]
    assert wrong == []


def test_each_copy_of_this_project_equals_its_original() -> None:
    copies = dict(lockfiles.copies(ROOT))
    assert {"backend/image/bootstrap.txt", "frontend/image/distil/elf.py"} <= {*copies}
    for target, source in copies.items():
        assert (ROOT / target).read_bytes() == (ROOT / source).read_bytes(), "run invoke lock"
    copied = {str(file.relative_to(ROOT)) for file in ROOT.glob("frontend/image/distil/*.py")}
    assert copied == {target for target in copies if target.startswith("frontend/image/distil/")}
