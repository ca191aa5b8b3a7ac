"""The settings file: made once with a secret, and every problem named at once without a value."""

import json
import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from automation import settings
from automation.contract import environment, formats, models, profiles
from automation.settings import Settings
from tests.automation.conftest import ROOT, Project

SECRET = "0123456789abcdefghijABCDEFGHIJ-_"
PROFILE = profiles.load("standalone")
CLUSTER = profiles.load("cluster")


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """Give settings whose folder has a template and nothing else."""
    (tmp_path / ".env.example").write_text(
        (ROOT / ".env.example").read_text(encoding="utf-8"), encoding="utf-8"
    )
    return settings.load({}, tmp_path)


def problems(here: Settings, content: bytes | str, profile: models.Profile = PROFILE) -> list[str]:
    """Return what is said about a settings file with this content."""
    here.env_file.write_bytes(content.encode() if isinstance(content, str) else content)
    here.env_file.chmod(0o600)
    return [str(each) for each in environment.read(here, profile).problems]


def test_the_first_run_makes_a_private_file_with_a_secret_that_passes(here: Settings) -> None:
    assert environment.initialise(here, PROFILE) == ("BETTER_AUTH_SECRET",)
    assert stat.S_IMODE(here.env_file.stat().st_mode) == 0o600
    read = environment.read(here, PROFILE)
    assert read.problems == ()
    assert len(read.values["BETTER_AUTH_SECRET"]) >= formats.SECRET_LENGTH
    assert sorted(each.name for each in here.root.iterdir()) == [".env", ".env.example"]


def test_each_secret_is_its_own(here: Settings) -> None:
    assert environment.initialise(here, CLUSTER) == ("BETTER_AUTH_SECRET", "JWT_SECRET")
    values = environment.read(here, CLUSTER).values
    assert values["BETTER_AUTH_SECRET"] != values["JWT_SECRET"]
    assert environment.read(here, CLUSTER).problems == ()


def test_a_file_that_is_there_is_left_as_it_is(here: Settings) -> None:
    here.env_file.write_text("MINE=1\n")
    assert environment.initialise(here, PROFILE) == ()
    assert here.env_file.read_text() == "MINE=1\n"


def test_a_dry_run_makes_no_file(here: Settings) -> None:
    assert environment.initialise(here, PROFILE, dry_run=True) == ("BETTER_AUTH_SECRET",)
    assert not here.env_file.exists()


@pytest.mark.parametrize(
    "line",
    [
        "DATABASE_URL=postgresql://me:pw@db.example:5432/todo?sslmode=require&channel_binding=require",
        "DATABASE_URL=postgres://me@db.example/todo",
        "DATABASE_URL=postgresql://me:p%40ss@[2001:db8::1]:5432/todo",
        "DATABASE_URL=postgresql:///todo?host=/var/run/postgresql",
        "DATABASE_URL=",
        "DATABASE_URL=postgres://h1:5432,h2:5432/db",
        "DATABASE_URL=postgresql://me:pw@h1,[2001:db8::1]:5433/db?target_session_attrs=read-write",
        "DATABASE_URL=postgresql+psycopg://me:pw@db.example/todo?ssl=true",
        "DOCKER_REGISTRY=registry.example.com:5000/me",
        "DOCKER_REGISTRY=me",
        "OPENAI_API_KEY=sk-proj-abc",
        "OPENAI_API_KEY=",
        "GEMINI_API_KEY=AIza-anything",
        "FRONTEND_URL=https://todo.example.com",
        "BETTER_AUTH_URL=http://localhost:3000/",
        "OPENAI_BASE_URL=http://[::1]:11434/v1",
        "TRUSTED_ORIGINS=https://a.example, https://b.example:8443",
        "VERSION=v1.0.0",
        "VERSION=v1.2.3-rc.1+build.5",
        "LOG_LEVEL=Debug",
        "AGENT_PROVIDER=gemini",
        "export VERSION=v1.0.0",
        "VERSION='v1.0.0' # the first",
        "# a comment\n\nOTHER=anything",
    ],
)
def test_a_good_value_is_no_problem(here: Settings, line: str) -> None:
    assert problems(here, f"BETTER_AUTH_SECRET={SECRET}\n{line}\n") == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("BETTER_AUTH_SECRET=hunter2hunter2", "has 14 characters; at least 32 are needed"),
        ("BETTER_AUTH_SECRET=", "is not set, and the standalone profile requires it"),
        ("JWT_SECRET=hunter2", "at least 32 are needed"),
        ("DATABASE_URL=mysql://me:hunter2@db/todo", "is not a PostgreSQL connection string"),
        ("DATABASE_URL=hunter2", "is not a PostgreSQL connection string"),
        ("DATABASE_URL=postgresql://me:hunter2@db", "names no database"),
        ("DATABASE_URL=postgresql:///hunter2", "names no host"),
        ("DATABASE_URL=postgresql://me:hunter2@db:99999/todo", "has a port or an address that is not valid"),
        ("DATABASE_URL=postgresql://me:hunter2@db:x/todo", "has a port or an address that is not valid"),
        ("DATABASE_URL=postgresql://me:hunter2@db:0/todo", "has port 0"),
        ("DATABASE_URL='postgresql://me:hunter2 x@db/todo'", "contains a space"),
        ("DATABASE_URL=postgresql://me:hunter2%zz@db/todo", "write it as %25"),
        ("DATABASE_URL='postgresql://me:hun#ter2@db/todo'", "percent-encode"),
        ("OPENAI_API_KEY=hunter2", "does not begin with sk-"),
        ("OPENAI_API_KEY='sk-hunter2 x'", "contains a space"),
        ("GEMINI_API_KEY=hunter2-ключ", "outside ASCII"),
        ("FRONTEND_URL=ftp://hunter2", "is not an http or https address"),
        ("FRONTEND_URL=todo.example.com/hunter2", "is not an http or https address"),
        ("FRONTEND_URL=http://hunter2:99999", "is not an http or https address"),
        ("BETTER_AUTH_URL=http://", "is not an http or https address"),
        ("OPENAI_BASE_URL=https://hunter2@proxy.example", "is not an http or https address"),
        ("TRUSTED_ORIGINS=https://a.example/hunter2", "is not a list of origins"),
        ("VERSION=1.0-hunter2", "write it as in v1.0.0"),
        ("VERSION=v1.0", "write it as in v1.0.0"),
        ("VERSION=v01.0.0", "write it as in v1.0.0"),
        ("VERSION=v1.0.0-a..b", "write it as in v1.0.0"),
        ("VERSION=v1.0.0+a..b", "write it as in v1.0.0"),
        (f"VERSION=v1.0.0-{'a' * 122}", "write it as in v1.0.0"),
        ("DOCKER_REGISTRY=https://hunter2.example", "is not a registry"),
        ("DOCKER_REGISTRY=Hunter2", "is not a registry"),
        ("DOCKER_REGISTRY=localhost:99999/hunter2", "port 99999 is not between 1 and 65535"),
        ("DATABASE_URL=postgresql://ai:hunter2@word@localhost:5432/ai", "percent-encode: @ as %40"),
        ("DATABASE_URL=postgresql://ai:hunter2/word@localhost:5432/ai", "/ as %2F"),
        ("DATABASE_URL=postgresql://ai:123/hunter2@localhost:5432/ai", "/ as %2F"),
        ("DATABASE_URL=postgresql://ai:hunter2?word@localhost:5432/ai", "? as %3F"),
        (
            "DATABASE_URL=postgresql://me:hunter2@db/todo?pgbouncer=true",
            "pgbouncer, which PostgreSQL",
        ),
        ("DATABASE_URL=postgresql://me:hunter2@db/todo?schema=public", "remove it: it is Prisma's"),
        ("DATABASE_URL=postgresql://me:hunter2@db/todo?ssl=false", "write sslmode=require"),
        ("DATABASE_URL=postgresql+asyncpg://me:hunter2@db/todo", "names the driver asyncpg"),
        ("DATABASE_URL=postgresql+hunter2://me@db/todo", "names a driver, which is not used here"),
        ("DATABASE_URL=sqlite:///./hunter2.db", "is a SQLite URL; leave it empty"),
        ("DATABASE_URL=mariadb://me:hunter2@db/todo", "but one of mariadb"),
        ("DATABASE_URL=postgresql://h1:5432,h2:hunter2/todo", "has a port or an address that is not valid"),
        ("DATABASE_URL=postgresql://h1:5432,h2:70000/hunter2", "has a port or an address that is not valid"),
        ("TRUSTED_ORIGINS=https://a.example?hunter2", "is not a list of origins"),
        ("LOG_LEVEL=hunter2", "must be one of debug, info, warning, error"),
        ("AGENT_PROVIDER=hunter2", "must be one of openai, gemini, openrouter"),
        ('AGENT_MODEL="hunter2\\n"', "contains a control character"),
    ],
)
def test_a_bad_value_is_named_without_being_shown(here: Settings, line: str, words: str) -> None:
    name = line.partition("=")[0]
    secret = "" if name == "BETTER_AUTH_SECRET" else f"BETTER_AUTH_SECRET={SECRET}\n"
    [problem] = problems(here, f"{secret}{line}\n")
    assert problem.startswith(name)
    assert words in problem
    assert "hunter2" not in problem


def test_all_problems_are_told_at_once(here: Settings) -> None:
    said = problems(here, "BETTER_AUTH_SECRET=short\nVERSION=one\nOPENAI_API_KEY=none\nFRONTEND_URL=here\n")
    assert [each.split()[0] for each in said] == [
        "BETTER_AUTH_SECRET",
        "OPENAI_API_KEY",
        "FRONTEND_URL",
        "VERSION",
    ]


def test_the_profile_decides_what_is_required(here: Settings) -> None:
    assert problems(here, f"BETTER_AUTH_SECRET={SECRET}\n", CLUSTER) == [
        "JWT_SECRET is not set, and the cluster profile requires it: 32 random characters or more"
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\nA=1\nALONE\n", "ALONE (line 3) has no = after it"),
        (b"\nA=1\nthis is no assignment\n", ".env (line 3) is not an assignment here"),
        (b"A=1\n\n\nB='never closed\n", ".env (line 4) is not an assignment here"),
        (b"A=1\nB=\xff\xfe\n", ".env (line 2) is not valid UTF-8"),
        ("A=1\n".encode("utf-16"), ".env is saved as UTF-16"),
        (b"VERSION=v1.0.0\nVERSION=v2.0.0\n", "VERSION (line 2) is set a second time, differently"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_by_its_number(
    here: Settings, content: bytes, words: str
) -> None:
    prefix = b"" if content.startswith(b"\xff") else f"BETTER_AUTH_SECRET={SECRET}\n".encode()
    # The secret stands last, so that the numbers above are those of the file.
    assert any(words in each for each in problems(here, content + prefix))


def test_a_byte_order_mark_and_windows_line_ends_are_understood(here: Settings) -> None:
    content = f"\ufeffBETTER_AUTH_SECRET={SECRET}\r\nVERSION=v1.0.0\r\n"
    assert problems(here, content) == []
    assert environment.read(here, PROFILE).values["VERSION"] == "v1.0.0"


def test_a_value_added_below_its_empty_line_counts(here: Settings) -> None:
    assert problems(here, f"OPENAI_API_KEY=\nBETTER_AUTH_SECRET={SECRET}\nOPENAI_API_KEY=sk-x\n") == []
    assert environment.read(here, PROFILE).values["OPENAI_API_KEY"] == "sk-x"


@pytest.mark.parametrize("value", [f"{SECRET}${{HOME}}", f"{SECRET}$1", f'"{SECRET}${{HOME}}"'])
def test_a_dollar_sign_that_compose_expands_is_a_warning(here: Settings, value: str) -> None:
    [warning] = problems(here, f"\nBETTER_AUTH_SECRET={value}\n")
    assert warning == (
        "BETTER_AUTH_SECRET (line 2) contains a $, which `docker compose` expands and the tasks do not;"
        " write the final value in single quotes"
    )
    assert environment.read(here, PROFILE).blocking == ()
    assert problems(here, f"BETTER_AUTH_SECRET='{SECRET}${{HOME}}'\n") == []


@pytest.mark.parametrize(
    "line",
    [
        "BETTER_AUTH_SECRET=your-secret-key-here-at-least-32-characters",
        f"BETTER_AUTH_SECRET={'change-me-' * 4}",
        f"BETTER_AUTH_SECRET={'x' * 32}",
        "OPENAI_API_KEY=sk-your-openai-api-key-here",
        "OPENAI_API_KEY=sk-proj-xxxxxxxxxxxx",
        "GEMINI_API_KEY=<your-key>",
        "POSTGRES_PASSWORD=changeme",
    ],
)
def test_an_example_s_text_in_place_of_a_secret_is_a_warning(here: Settings, line: str) -> None:
    name = line.partition("=")[0]
    secret = "" if name == "BETTER_AUTH_SECRET" else f"BETTER_AUTH_SECRET={SECRET}\n"
    assert problems(here, f"{secret}{line}\n") == [f"{name} looks like a placeholder; write the real value"]
    assert environment.read(here, PROFILE).blocking == ()


def test_a_dollar_sign_in_a_secret_stays_one(here: Settings) -> None:
    problems(here, f"BETTER_AUTH_SECRET={SECRET}${{HOME}}\n")
    assert environment.read(here, PROFILE).values["BETTER_AUTH_SECRET"] == f"{SECRET}${{HOME}}"


def test_a_misspelt_name_is_a_warning_that_knows_the_right_one(here: Settings) -> None:
    here.env_file.write_text(f"BETTER_AUTH_SECRET={SECRET}\nOPENAI_APIKEY=sk-x\n")
    here.env_file.chmod(0o600)
    read = environment.read(here, PROFILE)
    assert read.blocking == ()
    assert [str(each) for each in read.problems] == [
        "OPENAI_APIKEY is not a known setting; did you mean OPENAI_API_KEY?"
    ]


def test_a_file_that_others_can_read_is_a_warning(here: Settings) -> None:
    here.env_file.write_text(f"BETTER_AUTH_SECRET={SECRET}\n")
    here.env_file.chmod(0o644)
    [problem] = environment.read(here, PROFILE).problems
    assert "chmod 600 .env" in str(problem)
    assert not problem.blocking


def test_the_shell_wins_and_is_told_and_an_empty_variable_is_none(here: Settings) -> None:
    here.env_file.write_text(f"BETTER_AUTH_SECRET={SECRET}\nVERSION=v1.0.0\n")
    here.env_file.chmod(0o600)
    shell = replace(here, environ={"VERSION": "v2.0.0", "BETTER_AUTH_SECRET": "", "PATH": os.defpath})
    read = environment.read(shell, PROFILE)
    assert read.values["VERSION"] == "v2.0.0"
    assert read.values["BETTER_AUTH_SECRET"] == SECRET
    assert read.from_shell == ("VERSION",)
    assert "PATH" not in read.values


def test_a_folder_in_place_of_the_file_is_a_problem_and_no_crash(here: Settings) -> None:
    here.env_file.mkdir()
    assert any("cannot be read" in str(each) for each in environment.read(here, PROFILE).problems)


def test_env_check_reports_on_the_command_line_and_as_data(project: Project) -> None:
    assert "invoke env-init" in project.invoke("env-check").stderr
    assert project.invoke("env-init").returncode == 0
    right = project.invoke("env-check")
    assert (right.returncode, right.stdout.strip()) == (0, ".env is valid for the standalone profile.")
    (project.root / ".env").write_text("BETTER_AUTH_SECRET=hunter2\nVERSION=hunter2\n")
    wrong = project.invoke("env-check")
    assert wrong.returncode == 2
    assert "2 problems in .env" in wrong.stderr
    assert "hunter2" not in wrong.stdout + wrong.stderr
    data = json.loads(project.invoke("env-check", "--json").stdout.splitlines()[0])
    assert [each["name"] for each in data["problems"]][-2:] == ["BETTER_AUTH_SECRET", "VERSION"]


@pytest.mark.parametrize(
    ("line", "task", "words"),
    [
        (line, task, words)
        for line, words, tasks in (
            (
                "VERSION=v1.0.0-a..b",
                "VERSION is not a semantic version",
                (
                    *("env-check", "up --engine native --dry-run", "compose-up --dry-run", "build --dry-run"),
                    *("minikube-load --dry-run", "helm-install --dry-run", "up --engine native --detach"),
                ),
            ),
            (
                "DOCKER_REGISTRY=https://me",
                "DOCKER_REGISTRY is not a registry",
                ("env-check", "up --engine native --dry-run", "push --version v1.0.0 --dry-run"),
            ),
            (
                "DATABASE_URL=postgresql://ai:hidden@word@localhost:5432/ai",
                "DATABASE_URL has a password with a character to percent-encode",
                ("env-check", "up --engine native --dry-run", "up --engine native --detach"),
            ),
        )
        for task in tasks
    ],
)
def test_every_task_judges_a_setting_alike(project: Project, line: str, task: str, words: str) -> None:
    for file in ("deploy/rules.toml", "backend/Dockerfile", "frontend/Dockerfile"):
        shutil.copy(ROOT / file, project.root / file)
    project.invoke("env-init")
    template = (project.root / ".env").read_text(encoding="utf-8")
    kept = [own for own in template.splitlines() if not own.startswith(line.partition("=")[0])]
    (project.root / ".env").write_text("\n".join([*kept, line]), encoding="utf-8")
    done = project.invoke(*task.split())
    assert (done.returncode, "a problem in .env" in done.stderr) == (2, True), done.stderr
    assert words in done.stderr
    shown = done.stdout + done.stderr
    assert not [part for part in ("hidden", "word@", "localhost:5432") if part in shown]


def test_a_settings_file_made_for_another_profile_gets_the_secrets_it_lacks(project: Project) -> None:
    project.invoke("env-init")
    before = (project.root / ".env").read_text(encoding="utf-8")
    done = project.invoke("env-init", "--profile", "cluster")
    assert "JWT_SECRET generated" in done.stdout
    after = (project.root / ".env").read_text(encoding="utf-8")
    assert set(before.splitlines()) - set(after.splitlines()) <= {"JWT_SECRET="}
    assert project.invoke("env-check", "--profile", "cluster").returncode == 0
    assert "nothing changed" in project.invoke("env-init", "--profile", "cluster").stdout


def test_two_first_runs_at_once_keep_one_secret(here: Settings) -> None:
    environment.initialise(here, PROFILE)
    first = here.env_file.read_text()
    # What the second run does when the file appears between its look and its writing.
    from automation.process import files

    files.write_private(here.env_file, "another", exclusive=True)
    assert here.env_file.read_text() == first


def test_a_line_that_is_only_a_pasted_key_is_named_by_its_number(here: Settings) -> None:
    found = problems(here, f"BETTER_AUTH_SECRET={SECRET}\nsk-pasted-without-a-name\n")
    assert found == [".env (line 2) has no = after its first word; write NAME=value"]


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_not_a_file_is_one_problem_and_never_waited_for(here: Settings, kind: str) -> None:
    match kind:
        case "pipe":
            os.mkfifo(here.env_file)
        case "device":
            here.env_file.symlink_to("/dev/zero")
        case _:
            here.env_file.mkdir()
    found = [str(each) for each in environment.read(here, PROFILE).problems]
    assert found == [".env cannot be read: it is not a regular file"]


def test_a_file_that_is_no_settings_file_by_its_size_is_not_read(here: Settings) -> None:
    found = problems(here, b"A" * (environment.MAX_BYTES + 1))
    assert found == [".env is larger than 1 MB: it cannot be a settings file"]


def test_a_file_that_cannot_be_read_as_text_is_one_problem(here: Settings) -> None:
    assert problems(here, "A=1".encode("utf-16")) == [".env is saved as UTF-16; save it as UTF-8"]
