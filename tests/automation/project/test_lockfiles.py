"""Locks follow from their sources, and the frontend's lock serves every system."""

import json
from pathlib import Path
from typing import Any

from automation.project import lockfiles


def lock_of(packages: dict[str, Any], folder: Path) -> Path:
    """Write a package lock with these packages."""
    file = folder / "package-lock.json"
    file.write_text(json.dumps({"name": "x", "lockfileVersion": 3, "packages": packages}))
    return file


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
    root = Path(__file__).resolve().parents[3]
    locks = [*root.glob("requirements/*.txt"), *root.glob("backend/*.txt"), *root.glob("*/image/*.txt")]
    assert len(locks) == 8
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text, lock
        pins = [line for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))]
        assert all(line.endswith("\\") for line in pins), lock
    packages = json.loads((root / "frontend" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert not [
        name for name, package in packages.items() if str(package.get("resolved", "")).startswith("http")
    ]


def test_each_copy_of_this_project_equals_its_original() -> None:
    root = Path(__file__).resolve().parents[3]
    copies = dict(lockfiles.copies(root))
    assert {"backend/image/bootstrap.txt", "frontend/image/distil/elf.py"} <= {*copies}
    for target, source in copies.items():
        assert (root / target).read_bytes() == (root / source).read_bytes(), "run invoke lock"
    copied = {str(file.relative_to(root)) for file in root.glob("frontend/image/distil/*.py")}
    assert copied == {target for target in copies if target.startswith("frontend/image/distil/")}
