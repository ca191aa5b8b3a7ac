"""The settings file `.env`: made from its template with a generated secret, read, and checked all at once.

What the shell exports wins over the file, as everywhere; the names that it decides are told. Nothing here
ever puts a value into a message: a message may end in a log.
"""

import codecs
import difflib
import io
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dotenv.parser import parse_stream

from automation.console import errors
from automation.console.errors import AutomationError
from automation.console.events import Emit, Notice, step
from automation.contract.models import Profile
from automation.process import files
from automation.settings import Settings

TEMPLATE = ".env.example"
SECRET_LENGTH = 32
"""Characters that a secret has at least."""
LARGEST = 10**6
"""Bytes that a settings file has at most."""

# The names that the application reads, and what each must be. The order is the order of the report.
_SEMANTIC_VERSION = re.compile(
    r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z.-]+)?"
)
_SECRETS = ("BETTER_AUTH_SECRET", "JWT_SECRET")
_MODEL_KEYS = ("OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY")
_LEVELS = ("debug", "info", "warning", "error")
# A line without = may be a pasted secret: it is shown only where it looks like the name of a variable.
_PLAIN_NAME = re.compile(r"[A-Z][A-Z_]{0,39}")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a setting, and what would be right. Never holds the value."""

    name: str
    """The variable, or the file itself."""
    message: str
    line: int | None = None
    blocking: bool = True
    """Whether the application cannot be started so; otherwise it is worth a warning."""

    def __str__(self) -> str:
        """Return the problem as one line."""
        where = f" (line {self.line})" if self.line else ""
        return f"{self.name}{where} {self.message}"


class EnvironmentInvalidError(AutomationError):
    """The settings have problems that the application cannot start with."""


@dataclass(frozen=True)
class Environment:
    """The application's settings, from the file and from the shell."""

    values: Mapping[str, str]
    """Every setting with a value. Empty ones are unset and not in here."""
    from_shell: tuple[str, ...]
    """The names whose value the shell decides."""
    problems: tuple[Problem, ...]

    @property
    def blocking(self) -> tuple[Problem, ...]:
        """The problems that the application cannot start with."""
        return tuple(problem for problem in self.problems if problem.blocking)

    def require_valid(self, file: str) -> None:
        """Raise EnvironmentInvalidError with every problem, if any blocks the start."""
        if self.blocking:
            count = "a problem" if len(self.blocking) == 1 else f"{len(self.blocking)} problems"
            raise EnvironmentInvalidError(
                f"{count} in {file}",
                details=[str(problem) for problem in self.blocking],
                remedies=[f"correct {file}, then   invoke env-check"],
            )


def initialise(settings: Settings, profile: Profile, *, dry_run: bool = False) -> tuple[str, ...]:
    """Make the settings file from its template, with every secret that the profile needs generated.

    Returns the names of the secrets that were generated; nothing when the file was there already, which is
    then left alone. The file is readable by its owner only and appears whole or not at all. Raises
    AutomationError.
    """
    target = settings.env_file
    if target.exists() or target.is_symlink():
        return ()
    template = settings.root / TEMPLATE
    try:
        text = template.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AutomationError(
            f"{settings.env_file_name} cannot be made: {TEMPLATE} is unreadable",
            why=errors.reason(error),
            remedies=[f"git checkout -- {TEMPLATE}"],
        ) from error
    wanted = tuple(name for name in profile.backend.environment.required if name in _SECRETS)
    for name in wanted:
        secret = secrets.token_urlsafe(48)
        text, filled = re.subn(rf"(?m)^{name}=[ \t]*$", f"{name}={secret}", text, count=1)
        if not filled:
            text = f"{text.rstrip()}\n\n{name}={secret}\n"
    if not dry_run:
        files.write_private(target, text, exclusive=True)
    return wanted


def prepare(settings: Settings, profile: Profile, emit: Emit, also: Sequence[str] = ()) -> Environment:
    """Make the settings file where there is none, generate the secrets `also` needed, and read it.

    Raises EnvironmentInvalidError with everything that the application cannot start with.
    """
    name = settings.env_file_name
    with step(emit, "environment") as current:
        made = initialise(settings, profile)
        added = [secret for secret in also if add_secret(settings, secret)]
        values = read(settings, profile)
        values.require_valid(name)
        current.detail = f"{name} made from {TEMPLATE}, secret generated" if made else name
        if added:
            current.detail += f", {' and '.join(added)} generated"
        if values.from_shell:
            current.detail += f"; {', '.join(values.from_shell)} from the shell"
    warnings = [str(problem) for problem in values.problems]
    if warnings:
        emit(Notice(tuple(f"note: {warning}" for warning in warnings)))
    return values


def complete(settings: Settings, profile: Profile) -> tuple[str, ...]:
    """Generate the secrets that the profile needs and a settings file made for another lacks; return them."""
    wanted = (name for name in profile.backend.environment.required if name in _SECRETS)
    return tuple(name for name in wanted if add_secret(settings, name))


def add_secret(settings: Settings, name: str) -> bool:
    """Generate a secret that neither the settings file nor the shell has; return whether that was needed.

    The rest of the file stays as it is. Raises AutomationError.
    """
    in_file = _read_file(settings.env_file, settings.env_file_name, [name], problems=[])
    # Whoever reads the file next is told what makes it unusable.
    if in_file is None or in_file.get(name) or settings.environ.get(name):
        return False
    text = settings.env_file.read_text(encoding="utf-8-sig")
    line = f"{name}={secrets.token_urlsafe(48)}"
    text, filled = re.subn(rf"(?m)^{name}=[ \t]*$", line, text, count=1)
    files.write_private(settings.env_file.resolve(), text if filled else f"{text.rstrip()}\n\n{line}\n")
    return True


def read(settings: Settings, profile: Profile) -> Environment:
    """Read the settings file and the shell, and check both; what is wrong is among the problems."""
    problems: list[Problem] = []
    known = application_names(profile)
    content = _read_file(settings.env_file, settings.env_file_name, known, problems)
    in_file = content or {}
    from_shell = {name: settings.environ[name] for name in known if settings.environ.get(name)}
    values = {name: value for name, value in {**in_file, **from_shell}.items() if value}
    problems += _check_unknown(in_file, known)
    # A file that gives nothing to read lacks everything: one problem, and not one for each name.
    problems += [each for each in check(values, profile) if content is not None or values.get(each.name)]
    decided = tuple(name for name in from_shell if in_file.get(name) != from_shell[name])
    return Environment(values, decided, tuple(problems))


def application_names(profile: Profile) -> tuple[str, ...]:
    """Return the names of the variables that belong to the application."""
    required = profile.backend.environment.required
    return tuple(dict.fromkeys((*required, *_RULES)))


def without_application(environ: Mapping[str, str], profile: Profile) -> dict[str, str]:
    """Return the environment for programs that are not the application: without its settings and secrets."""
    own = application_names(profile)
    return {name: value for name, value in environ.items() if name not in own}


def check(values: Mapping[str, str], profile: Profile) -> tuple[Problem, ...]:
    """Return everything that is wrong with the values for this profile, by name."""
    problems = [
        Problem(name, f"is not set, and the {profile.name} profile needs it{_how_to_fill(name)}")
        for name in profile.backend.environment.required
        if not values.get(name)
    ]
    for name, rule in _RULES.items():
        value = values.get(name, "")
        if value:
            message = _control_characters(value) or rule(value, values)
            if message:
                problems.append(Problem(name, message))
    return tuple(problems)


def _how_to_fill(name: str) -> str:
    return f": {SECRET_LENGTH} random characters or more" if name in _SECRETS else ""


def _check_unknown(values: Mapping[str, str], known: Sequence[str]) -> Iterator[Problem]:
    for name in values:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        if name not in known and near:
            yield Problem(name, f"is read by nothing; did you mean {near[0]}?", blocking=False)


def _read_file(
    file: Path, shown: str, known: Sequence[str], problems: list[Problem]
) -> dict[str, str] | None:
    """Return the assignments in the file; what cannot be read becomes a problem with its line.

    None when nothing of it can be read.
    """
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            # Opening a pipe waits for a writer, and a device may have no end.
            problems.append(Problem(shown, "cannot be read: it is not a regular file"))
            return None
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except FileNotFoundError:
        problems.append(Problem(shown, "is not there; make it with   invoke env-init"))
        return None
    except OSError as error:
        problems.append(Problem(shown, f"cannot be read: {errors.reason(error)}"))
        return None
    if len(content) > LARGEST:
        size = f"{LARGEST // 10**6} MB"
        problems.append(Problem(shown, f"is larger than {size}: it cannot be a settings file"))
        return None
    if os.name == "posix" and status.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        problems.append(
            Problem(shown, f"can be read by other users; run   chmod 600 {shown}", blocking=False)
        )
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        problems.append(Problem(shown, "is saved as UTF-16; save it as UTF-8"))
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problems.append(Problem(shown, "is not valid UTF-8 here; save it as UTF-8", line))
        return None
    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        # The parser counts a statement from the blank lines and comments before it.
        blank = len(binding.original.string) - len(binding.original.string.lstrip())
        line = binding.original.line + binding.original.string[:blank].count("\n")
        if binding.error:
            problems.append(Problem(shown, "cannot be understood here; write NAME=value", line))
        elif binding.key is not None:
            value = binding.value
            if value is None:
                named = binding.key in known or _PLAIN_NAME.fullmatch(binding.key)
                name, subject = (binding.key, "it") if named else (shown, "its first word")
                problems.append(Problem(name, f"has no = after {subject}; write NAME=value", line))
            elif values.get(binding.key) and value and values[binding.key] != value:
                problems.append(Problem(binding.key, "is set a second time, differently; keep one", line))
            # An empty value is an unset one: it does not take a value back.
            values[binding.key] = value or values.get(binding.key, "")
    return values


def _control_characters(value: str) -> str:
    return "contains a control character" if any(ord(c) < 32 or ord(c) == 127 for c in value) else ""


Rule = Callable[[str, Mapping[str, str]], str]
"""Takes the value and all values; returns what is wrong with it, or nothing."""


def _secret(value: str, _values: Mapping[str, str]) -> str:
    return (
        f"has {len(value)} characters; at least {SECRET_LENGTH} are needed"
        if len(value) < SECRET_LENGTH
        else ""
    )


def _database_password(value: str, _values: Mapping[str, str]) -> str:
    # It becomes a part of a URL as it is.
    if not re.fullmatch(r"[A-Za-z0-9._~-]+", value):
        return "contains something else than letters, digits, dots, dashes, _ and ~"
    return ""


def _model_key(value: str, _values: Mapping[str, str]) -> str:
    if not value.isascii() or " " in value:
        return "contains a blank or a character outside ASCII, which no key has"
    return ""


def _openai_key(value: str, values: Mapping[str, str]) -> str:
    if not value.startswith("sk-"):
        return "does not begin with sk-, as keys of OpenAI do"
    return _model_key(value, values)


def _web_address(value: str, _values: Mapping[str, str]) -> str:
    with suppress(ValueError):
        parts = urlsplit(value)
        whole = parts.hostname and parts.port != 0 and not parts.username and not parts.fragment
        if parts.scheme in {"http", "https"} and whole and " " not in value:
            return ""
    return "is not an http or https address; write it as in https://todo.example.com"


def _origins(value: str, values: Mapping[str, str]) -> str:
    for origin in value.split(","):
        if _web_address(origin.strip(), values) or urlsplit(origin.strip()).path not in {"", "/"}:
            return "is not a list of origins; write it as in https://a.example,https://b.example"
    return ""


def _database(value: str, _values: Mapping[str, str]) -> str:
    example = "write postgresql://user:password@host:5432/name"
    scheme = value.partition("://")[0].lower() if "://" in value else ""
    if scheme not in {"postgresql", "postgres"}:
        return f"is not a PostgreSQL connection string; {example}, or nothing for the embedded database"
    if any(c.isspace() for c in value):
        return f"contains a blank; percent-encode it, and {example}"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return f"has a port or an address that is not valid, or a password to percent-encode; {example}"
    if port == 0:
        return f"has port 0; {example}"
    if re.search(r"%(?![0-9A-Fa-f]{2})", value):
        return "contains a % that is not percent-encoded; write it as %25"
    if parts.fragment or "#" in value:
        return "contains a #; percent-encode it as %23"
    if not parts.hostname and "host=" not in parts.query:
        return f"names no host; {example}"
    if len(unquote(parts.path)) < 2 and "dbname=" not in parts.query:
        return f"names no database; {example}"
    return ""


def _version(value: str, _values: Mapping[str, str]) -> str:
    return "" if _SEMANTIC_VERSION.fullmatch(value) else "is not a semantic version; write it as in v1.0.0"


def _one_of(*allowed: str) -> Rule:
    def rule(value: str, _values: Mapping[str, str]) -> str:
        return "" if value in allowed else f"must be one of {', '.join(allowed)}"

    return rule


def _anything(_value: str, _values: Mapping[str, str]) -> str:
    return ""


_RULES: Mapping[str, Rule] = {
    "BETTER_AUTH_SECRET": _secret,
    "JWT_SECRET": _secret,
    "DATABASE_URL": _database,
    "OPENAI_API_KEY": _openai_key,
    "GEMINI_API_KEY": _model_key,
    "OPENROUTER_API_KEY": _model_key,
    "AGENT_PROVIDER": _one_of("openai", "gemini", "openrouter"),
    "AGENT_MODEL": _anything,
    "OPENAI_BASE_URL": _web_address,
    "FRONTEND_URL": _web_address,
    "BETTER_AUTH_URL": _web_address,
    "TRUSTED_ORIGINS": _origins,
    "API_URL": _web_address,
    "NEXT_PUBLIC_API_URL": _web_address,
    "VERSION": _version,
    "LOG_LEVEL": lambda value, values: _one_of(*_LEVELS)(value.lower(), values),
    "LOG_FORMAT": _one_of("json", "console"),
    "FORWARDED_ALLOW_IPS": _anything,
    "POSTGRES_PASSWORD": _database_password,
}
