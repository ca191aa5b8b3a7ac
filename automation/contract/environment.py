"""The settings file `.env`: created from its template, read, and validated; `env-init` and `env-check`.

A variable of the shell wins over the file. No message contains a value, because it may end in a log.
"""

import codecs
import difflib
import io
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from automation.console import errors
from automation.console.errors import UsageError
from automation.console.events import Emit, Notice, Result, step
from automation.contract import formats, profiles
from automation.contract.models import Profile
from automation.process import files
from automation.settings import Settings

TEMPLATE = ".env.example"
MAX_BYTES = 10**6
REGISTRY = "DOCKER_REGISTRY"
_SIGNING = ("BETTER_AUTH_SECRET", "JWT_SECRET")
# A line without = may be a pasted secret: it is shown only if it looks like the name of a variable.
_PLAIN_NAME = re.compile(r"[A-Z][A-Z_]{0,39}")

# Every setting of the application with its format, in the order of the report.
_FORMATS: Mapping[str, formats.Format] = {
    **dict.fromkeys(_SIGNING, formats.secret),
    "DATABASE_URL": formats.database_url,
    "OPENAI_API_KEY": formats.openai_key,
    "GEMINI_API_KEY": formats.model_key,
    "OPENROUTER_API_KEY": formats.model_key,
    "AGENT_PROVIDER": formats.one_of("openai", "gemini", "openrouter"),
    "AGENT_MODEL": formats.anything,
    "OPENAI_BASE_URL": formats.web_address,
    "FRONTEND_URL": formats.web_address,
    "BETTER_AUTH_URL": formats.web_address,
    "TRUSTED_ORIGINS": formats.origins,
    "API_URL": formats.web_address,
    "NEXT_PUBLIC_API_URL": formats.web_address,
    "SMTP_URL": formats.mail_server,
    "MAIL_FROM": formats.mail_sender,
    "VERSION": formats.version,
    "LOG_LEVEL": formats.log_level,
    "LOG_FORMAT": formats.one_of("json", "console"),
    "FORWARDED_ALLOW_IPS": formats.anything,
    "POSTGRES_PASSWORD": formats.database_password,
    REGISTRY: formats.registry,
}
_SECRETS = (formats.secret, formats.openai_key, formats.model_key, formats.database_password)


@dataclass(frozen=True)
class Problem:
    """Something wrong with a setting, and what would be right. It never holds the value."""

    name: str
    """The variable, or the file itself."""
    message: str
    line: int | None = None
    blocking: bool = True
    """Whether it prevents the start; otherwise it is a warning."""

    def __str__(self) -> str:
        where = f" (line {self.line})" if self.line else ""
        return f"{self.name}{where} {self.message}"


class EnvironmentInvalidError(UsageError):
    """The application cannot start with these settings."""


@dataclass(frozen=True)
class Environment:
    """The application's settings, from the file and from the shell."""

    values: Mapping[str, str]
    """The settings that are not empty: an empty one counts as unset."""
    from_shell: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def blocking(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.blocking)

    def require_valid(self, file: str, name: str = "") -> None:
        """Raise EnvironmentInvalidError with every blocking problem, or with those of the named setting."""
        blocking = [problem for problem in self.blocking if name in {"", problem.name}]
        if blocking:
            count = "a problem" if len(blocking) == 1 else f"{len(blocking)} problems"
            raise EnvironmentInvalidError(
                f"{count} in {file}",
                details=[str(problem) for problem in blocking],
                remedies=[f"correct {file}, then   invoke env-check"],
            )


async def initialise_file(settings: Settings, emit: Emit, *, profile: str, dry_run: bool) -> None:
    """Create the settings file, or generate the secrets that an existing one lacks."""
    chosen = profiles.load(profile, settings.root)
    made = initialise(settings, chosen, dry_run=dry_run)
    wanted = () if made or dry_run else _required_secrets(chosen)
    added = tuple(name for name in wanted if _add_secret(settings, name))
    name = settings.env_file_name
    text = f"{name} already exists; nothing changed."
    if made:
        done = "would be created" if dry_run else "created"
        text = f"{name} {done} from {TEMPLATE}, with a generated {' and '.join(made)}."
    elif added:
        text = f"{name} exists; {' and '.join(added)} generated, the rest is unchanged."
    emit(Notice((text,)))
    emit(Result({"file": str(settings.env_file), "made": bool(made), "generated": made or added}))


async def check_file(settings: Settings, emit: Emit, *, profile: str) -> None:
    """Report every problem of the settings by name, at once. Raises AutomationError when one blocks."""
    chosen = profiles.load(profile, settings.root)
    values = read(settings, chosen)
    if notes := [f"note: {problem}" for problem in values.problems if not problem.blocking]:
        emit(Notice(tuple(notes)))
    try:
        values.require_valid(settings.env_file_name)
        if values.from_shell:
            emit(Notice((f"From the shell, not from the file: {', '.join(values.from_shell)}.",)))
        emit(Notice((f"{settings.env_file_name} is valid for the {chosen.name} profile.",)))
    finally:
        emit(Result({"profile": chosen.name, "problems": [asdict(problem) for problem in values.problems]}))


def initialise(settings: Settings, profile: Profile, *, dry_run: bool = False) -> tuple[str, ...]:
    """Create the settings file from its template; return the names of the secrets that were generated.

    The file is private and is written whole or not at all. An existing file is not changed. Raises
    AutomationError if the template cannot be read.
    """
    target = settings.env_file
    if target.exists() or target.is_symlink():
        return ()
    what = f"{settings.env_file_name} cannot be created: {TEMPLATE} is unreadable"
    text = files.read_text(settings.root, TEMPLATE, what)
    wanted = _required_secrets(profile)
    for name in wanted:
        text = _with_secret(text, name)
    if not dry_run:
        files.write_private(target, text, exclusive=True)
    return wanted


def prepare(settings: Settings, profile: Profile, emit: Emit, also: Sequence[str] = ()) -> Environment:
    """Create the settings file if there is none, add the secrets in `also`, and return the settings.

    Raises EnvironmentInvalidError with every blocking problem.
    """
    name = settings.env_file_name
    with step(emit, "environment") as current:
        made = initialise(settings, profile)
        added = [secret for secret in also if _add_secret(settings, secret)]
        values = read(settings, profile)
        values.require_valid(name)
        current.detail = f"{name} created from {TEMPLATE}, secret generated" if made else name
        if added:
            current.detail += f", {' and '.join(added)} generated"
        if values.from_shell:
            current.detail += f"; {', '.join(values.from_shell)} from the shell"
    if values.problems:
        emit(Notice(tuple(f"note: {warning}" for warning in values.problems)))
    return values


def _add_secret(settings: Settings, name: str) -> bool:
    """Generate a secret unless the settings file or the shell has it; return whether it was generated.

    The rest of the file is not changed. Raises AutomationError.
    """
    # A file that cannot be read is reported when the settings are read.
    in_file = _read_file(settings.env_file, settings.env_file_name, [name], problems=[])
    if in_file is None or in_file.get(name) or settings.environ.get(name):
        return False
    text = settings.env_file.read_text(encoding="utf-8-sig")
    files.write_private(settings.env_file.resolve(), _with_secret(text, name))
    return True


def read(settings: Settings, profile: Profile) -> Environment:
    """Return the settings of the file and of the shell, with their problems."""
    problems: list[Problem] = []
    known = application_names(profile)
    content = _read_file(settings.env_file, settings.env_file_name, known, problems)
    in_file = content or {}
    from_shell = {name: settings.environ[name] for name in known if settings.environ.get(name)}
    values = {name: value for name, value in {**in_file, **from_shell}.items() if value}
    for name in in_file:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        if name not in known and near:
            problems.append(Problem(name, f"is not a known setting; did you mean {near[0]}?", blocking=False))
    # An unreadable file lacks everything: that is one problem, and not one for each name.
    found = check(values, profile)
    problems += [problem for problem in found if content is not None or values.get(problem.name)]
    decided = tuple(name for name in from_shell if in_file.get(name) != from_shell[name])
    return Environment(values, decided, tuple(problems))


def application_names(profile: Profile) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*profile.backend.environment.required, *_FORMATS)))


def without_application(environ: Mapping[str, str], profile: Profile) -> dict[str, str]:
    """Return the environment without the application's settings and secrets, for other programs."""
    own = application_names(profile)
    return {name: value for name, value in environ.items() if name not in own}


def check(values: Mapping[str, str], profile: Profile) -> tuple[Problem, ...]:
    """Return everything that is wrong with these values for the profile."""
    problems = []
    for name in profile.backend.environment.required:
        if not values.get(name):
            hint = f": {formats.SECRET_LENGTH} random characters or more" if name in _SIGNING else ""
            problems.append(Problem(name, f"is not set, and the {profile.name} profile requires it{hint}"))
    for name, judge in _FORMATS.items():
        value = values.get(name, "")
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            problems.append(Problem(name, "contains a control character"))
        elif value and (message := judge(value)):
            problems.append(Problem(name, message))
        elif value and judge in _SECRETS and formats.is_placeholder(value):
            problems.append(Problem(name, "looks like a placeholder; write the real value", blocking=False))
    return tuple(problems)


def _required_secrets(profile: Profile) -> tuple[str, ...]:
    return tuple(name for name in profile.backend.environment.required if name in _SIGNING)


def _with_secret(text: str, name: str) -> str:
    """Return the text of a settings file with a new secret: on the name's empty line, or at the end."""
    line = f"{name}={secrets.token_urlsafe(48)}"
    filled, count = re.subn(rf"(?m)^{name}=[ \t]*$", line, text, count=1)
    return filled if count else f"{text.rstrip()}\n\n{line}\n"


def _read_file(
    file: Path, shown: str, known: Sequence[str], problems: list[Problem]
) -> dict[str, str] | None:
    """Return the assignments of the file, or None if it is unreadable; add its problems to the list."""
    try:
        text = _text(file)
    except _UnreadableError as error:
        problems.append(Problem(shown, str(error), error.line))
        return None
    if os.name == "posix" and file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        message = f"can be read by other users; run   chmod 600 {shown}"
        problems.append(Problem(shown, message, blocking=False))
    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        problems += _check_line(binding, shown, known, values)
        if binding.key is not None:
            # An empty value is an unset one: it does not take a value back.
            values[binding.key] = binding.value or values.get(binding.key, "")
    return values


class _UnreadableError(Exception):
    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def _text(file: Path) -> str:
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            # Opening a pipe waits for a writer, and a device may have no end.
            raise _UnreadableError("cannot be read: it is not a regular file")
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _UnreadableError("does not exist; create it with   invoke env-init") from None
    except OSError as error:
        raise _UnreadableError(f"cannot be read: {errors.reason(error)}") from None
    if len(content) > MAX_BYTES:
        raise _UnreadableError(f"is larger than {MAX_BYTES // 10**6} MB: it cannot be a settings file")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _UnreadableError("is saved as UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _UnreadableError("is not valid UTF-8 here; save it as UTF-8", line) from None


def _check_line(
    binding: Binding, shown: str, known: Sequence[str], before: Mapping[str, str]
) -> Iterator[Problem]:
    """Yield what is wrong with one statement of the file; `before` has the assignments above it."""
    text = binding.original.string
    # The parser counts a statement from the blank lines and comments before it.
    line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
    key, value = binding.key, binding.value
    if binding.error:
        yield Problem(shown, "is not an assignment here; write NAME=value", line)
    elif key is not None and value is None:
        named = key in known or _PLAIN_NAME.fullmatch(key)
        name, subject = (key, "it") if named else (shown, "its first word")
        yield Problem(name, f"has no = after {subject}; write NAME=value", line)
    elif key is not None and before.get(key) and value and before[key] != value:
        yield Problem(key, "is set a second time, differently; keep one", line)
    if key is not None and key in known and "$" in (value or "") and not re.match(r"[^=]*=\s*'", text):
        difference = "which `docker compose` expands and the tasks do not"
        yield Problem(
            key, f"contains a $, {difference}; write the final value in single quotes", line, blocking=False
        )
