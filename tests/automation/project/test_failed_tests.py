"""CI names the failed tests, and their reasons, at the end of its log."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from automation.paths import ROOT

TESTS = """
import pytest

@pytest.fixture
def broken():
    raise OSError("no database")

def test_right():
    pass

def test_wrong():
    assert 1 + 1 == 3, "first line\\nsecond line"

def test_without_its_fixture(broken):
    pass

def test_that_is_skipped():
    pytest.skip("no engine")
"""


@pytest.mark.parametrize(
    "options", [(), ("-p", "xdist", "--numprocesses", "2")], ids=["one process", "workers"]
)
def test_each_failed_test_is_listed_once_with_its_reason(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "test_some.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "test_unreadable.py").write_text("import does_not_exist\n", encoding="utf-8")
    # Otherwise pytest looks for its settings upwards, and temporary folders may be in this repository.
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    file = tmp_path / "failed.txt"
    plugins = ("-p", "tests.no_skips", "-p", "tests.failed_tests")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    pytest_run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *plugins,
            *options,
            "--continue-on-collection-errors",
            str(tmp_path),
        ],
        cwd=tmp_path,
        env=environment
        | {"FAILED_TESTS": str(file), "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        check=False,
    )
    assert pytest_run.returncode == 1, pytest_run.stdout
    lines = sorted(file.read_text(encoding="utf-8").splitlines())
    assert len(lines) == 4, lines
    assert lines[0].startswith("test_some.py::test_that_is_skipped: ")
    assert lines[0].endswith("did not run. Skipped: no engine")
    assert lines[1] == "test_some.py::test_without_its_fixture (setup): OSError: no database"
    assert lines[2] == "test_some.py::test_wrong: AssertionError: first line"
    assert lines[3].startswith("test_unreadable.py: ")
