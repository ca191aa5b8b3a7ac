"""`./dev` in a clone of its own, with a small part of the real lock, so that each test takes seconds."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The interpreter that has pip: the environment of a check has none.
PYTHON = os.path.realpath(sys.executable)
TASKS = '''
import sys
from invoke import task

@task
def where(context):
    """Print the interpreter."""
    print("prefix", sys.prefix)
'''


class Clone:
    """A folder that holds what `./dev` needs, and the means to run it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "requirements").mkdir(parents=True)
        shutil.copy(ROOT / "dev", folder)
        (folder / "tasks.py").write_text(TASKS)
        self.lock("bootstrap", "uv")
        self.lock("dev", "uv", "invoke")

    def lock(self, name: str, *packages: str) -> None:
        """Write a lock that has only these packages of the real one, hashes and all."""
        entries = re.split(r"(?m)^(?=\S)", (ROOT / "requirements" / "dev.txt").read_text())
        chosen = [entry for entry in entries if entry.startswith(tuple(f"{each}==" for each in packages))]
        assert len(chosen) == len(packages)
        (self.folder / "requirements" / f"{name}.txt").write_text("".join(chosen))

    @property
    def python(self) -> Path:
        return self.folder / ".venv" / "bin" / "python"

    def start(self, *arguments: str, python: str = PYTHON, **environment: str) -> subprocess.Popen[str]:
        """Start `./dev` from another folder, in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            [python, str(self.folder / "dev"), *arguments],
            cwd="/",
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, python: str = PYTHON, **environment: str) -> tuple[int, str, str]:
        """Run `./dev` to its end: exit code, what it printed, what it said about itself."""
        process = self.start(*arguments, python=python, **environment)
        output, errors = process.communicate(timeout=240)
        return process.returncode, output, errors


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A fresh clone."""
    return Clone(tmp_path / "a clone, ünïcode")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone that has been set up; a test that changes it leaves something for `./dev` to mend."""
    clone = Clone(tmp_path_factory.mktemp("ready") / "clone")
    code, _, errors = clone.run()
    assert code == 0, errors
    return clone


@pytest.fixture
def python_with(tmp_path: Path) -> Callable[[str], str]:
    """Return a PYTHONPATH that makes `./dev`, but nothing that it starts, run this statement first."""

    def path(statement: str) -> str:
        hook = f"import sys\nif sys.orig_argv[1].endswith('dev'):\n    {statement}\n"
        (tmp_path / "sitecustomize.py").write_text(hook)
        return str(tmp_path)

    return path


WITHOUT_PIP = "sys.modules['pip'] = sys.modules['ensurepip'] = None"


def test_a_fresh_clone_is_set_up_and_runs_the_task_in_its_own_environment(clone: Clone) -> None:
    code, output, errors = clone.run("where")
    assert (code, output) == (0, f"prefix {clone.folder / '.venv'}\n"), errors
    assert "2 pinned by hash" in errors
    assert "\x1b" not in errors, "no colour or motion in a pipe"


def test_the_second_run_does_nothing_and_says_nothing(ready: Clone) -> None:
    ready.run()
    before = ready.python.lstat()
    code, output, errors = ready.run()
    assert (code, errors) == (0, "")
    assert "where" in output, "without arguments the tasks are listed"
    assert ready.python.lstat() == before


@pytest.mark.parametrize(
    ("arguments", "what", "remedy"),
    [
        (["backend"], "test takes no 'backend'", "./dev test --session backend"),
        (["nope"], "test takes no 'nope'", "./dev test --list"),
        (["--sesion", "lint"], "test has no flag --sesion", "./dev test --session lint"),
        (["--sesion=lint"], "test has no flag --sesion", "./dev test --session=lint"),
        (["--session", "nope"], "there is no check 'nope'", "./dev test --list"),
        (["--session=api-typs"], "there is no check 'api-typs'", "./dev test --session api-types"),
        (
            ["-s", "lint", "backnd", "--", "-k", "x"],
            "there is no check 'backnd'",
            "./dev test --session backend",
        ),
    ],
)
def test_a_mistake_in_the_words_of_test_is_explained_before_anything_is_set_up(
    clone: Clone, arguments: list[str], what: str, remedy: str
) -> None:
    shutil.copy(ROOT / "noxfile.py", clone.folder)
    code, output, errors = clone.run("test", *arguments)
    assert (code, output) == (2, "")
    lines = errors.strip().splitlines()
    assert (lines[0], lines[-1].split(maxsplit=1)[1]) == (what, remedy)
    assert not clone.python.exists()


def test_a_changed_lock_is_followed(ready: Clone) -> None:
    ready.lock("dev", "uv", "invoke", "colorlog")
    code, _, errors = ready.run("where")
    assert code == 0
    assert "3 pinned by hash" in errors
    assert subprocess.run([ready.python, "-c", "import colorlog"], check=False).returncode == 0


def test_a_broken_environment_is_replaced(ready: Clone) -> None:
    ready.python.unlink()
    ready.python.symlink_to("/nonexistent/python3.11")
    code, output, errors = ready.run("where")
    assert (code, output) == (0, f"prefix {ready.folder / '.venv'}\n"), errors


def test_a_package_that_does_not_have_the_pinned_hash_is_refused(clone: Clone) -> None:
    lock = clone.folder / "requirements" / "dev.txt"
    lock.write_text(re.sub(r"(?<=sha256:)\w{8}", "00000000", lock.read_text()))
    code, output, errors = clone.run("where", UV_NO_CACHE="1")
    assert (code, output) == (1, "")
    assert "the packages cannot be installed" in errors
    assert "hash" in errors.lower()
    assert "Traceback" not in errors


@pytest.mark.parametrize("moment", ["environment", "packages"])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_setup_goes_on_from_where_it_was(
    clone: Clone, moment: str, stop: signal.Signals
) -> None:
    process = clone.start("where")
    begun = clone.folder / ".venv" / ("bootstrap" if moment == "packages" else "")
    await_condition(begun.exists)
    os.killpg(process.pid, stop)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (130, -stop), errors
    assert "Traceback" not in errors
    code, output, errors = clone.run("where")
    assert (code, output) == (0, f"prefix {clone.folder / '.venv'}\n"), errors


def test_what_an_interrupted_program_says_is_not_taken_for_the_progress(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import pathlib, signal, sys\n"
        "if 'venv' in sys.orig_argv:\n"
        "    print('Traceback (most recent call last):', flush=True)\n"
        "    (pathlib.Path(__file__).parent / 'begun').touch()\n"
        "    signal.pause()\n"
    )
    process = clone.start("where", PYTHONPATH=str(tmp_path))
    await_condition((tmp_path / "begun").exists)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Interrupted." in errors
    assert "Traceback" not in errors


def test_two_runs_at_once_install_once(clone: Clone) -> None:
    runs = [clone.start("where") for _ in range(3)]
    answers = [run.communicate(timeout=240) for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], answers
    assert sum("pinned by hash" in errors for _, errors in answers) == 1
    assert sum("waiting for it" in errors for _, errors in answers) == 2


def test_settings_of_pip_for_other_projects_do_not_reach_the_bootstrap(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nrequire-virtualenv = true\n[install]\nuser = true\n")
    (tmp_path / "constraints.txt").write_text("uv<0.1\n")
    code, output, errors = clone.run(
        "where",
        PIP_REQUIRE_VIRTUALENV="1",
        PIP_USER="1",
        PIP_PREFIX=str(tmp_path / "prefix"),
        PIP_CONSTRAINT=str(tmp_path / "constraints.txt"),
        PIP_CONFIG_FILE=str(tmp_path / "pip.conf"),
    )
    assert (code, output) == (0, f"prefix {clone.folder / '.venv'}\n"), errors


def test_a_home_that_cannot_be_written_moves_the_caches_into_the_project(clone: Clone) -> None:
    code, output, errors = clone.run("where", HOME="/proc/nonexistent", XDG_CACHE_HOME="", UV_CACHE_DIR="")
    assert (code, output) == (0, f"prefix {clone.folder / '.venv'}\n"), errors
    assert (clone.folder / ".run" / "cache" / "uv").is_dir()


def test_an_unreachable_registry_is_one_clear_message(clone: Clone) -> None:
    nowhere = "http://127.0.0.1:9/simple"
    code, output, errors = clone.run(
        "where", PIP_INDEX_URL=nowhere, PIP_NO_CACHE_DIR="1", PIP_RETRIES="0", PIP_FIND_LINKS=""
    )
    assert (code, output) == (1, "")
    assert "uv, the installer, cannot be fetched" in errors
    assert "check the network" in errors
    assert "Traceback" not in errors


def test_without_pip_an_installed_uv_is_used(clone: Clone, python_with: Callable[[str], str]) -> None:
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
    code, output, errors = clone.run("where", PYTHONPATH=python_with(WITHOUT_PIP), PATH=programs)
    assert (code, output) == (0, f"prefix {clone.folder / '.venv'}\n"), errors


def test_without_pip_and_uv_a_packaged_pip_is_used_or_asked_for(
    clone: Clone, python_with: Callable[[str], str]
) -> None:
    code, _, errors = clone.run("where", PYTHONPATH=python_with(WITHOUT_PIP), PATH=os.defpath)
    if list(Path("/usr/share/python-wheels").glob("pip-*.whl")):
        assert code == 0, errors
    else:
        assert code == 1
        assert "apt install python3-pip" in errors
        assert "Traceback" not in errors


def test_too_little_disk_is_said_before_anything_is_written(
    clone: Clone, python_with: Callable[[str], str]
) -> None:
    statement = "import shutil; shutil.disk_usage = lambda path: shutil._ntuple_diskusage(9, 8, 123 * 10**6)"
    code, _, errors = clone.run("where", PYTHONPATH=python_with(statement))
    assert code == 1
    assert "123 MB left" in errors
    assert "free some space" in errors
    assert not clone.python.exists()


def test_a_python_that_is_too_old_says_which_one_is_needed(clone: Clone) -> None:
    program = clone.folder / "dev"
    program.write_text(program.read_text().replace("MINIMUM = (3, 11)", "MINIMUM = (3, 99)"))
    code, _, errors = clone.run("where")
    assert code == 1
    assert "this Python is too old" in errors
    assert "install Python 3.11 or newer" in errors


def await_condition(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_the_caller_closed_are_no_reason_to_fail(ready: Clone, closed: str) -> None:
    ready.run()
    command = ["sh", "-c", f'exec "$0" "$1" where {closed}', sys.executable, str(ready.folder / "dev")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == (
        "" if ">&-" in closed.replace("2>&-", "") else f"prefix {ready.folder / '.venv'}\n"
    )
