"""Settings from the process environment, validated once as a whole and immutable."""

import re
from email.utils import parseaddr
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.database.address import POSTGRESQL_FORM, database_url
from app.database.postgresql import CONNECTIONS
from app.mail import default_sender, mail_server, sender

SECRET_LENGTH = 32
ANY_PORT = ":*"
"""The end of a trusted origin that stands for every port of its host."""
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_BRACKETED_IPV4 = re.compile(r"\[([\d.]+)\]")
_SEMANTIC_VERSION = re.compile(
    r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)


class SettingsError(Exception):
    """The environment is invalid; `problems` has one line for each invalid variable."""

    def __init__(self, problems: list[str]) -> None:
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"The environment cannot be used:{lines}")
        self.problems = problems


def _signing_secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < SECRET_LENGTH:
        raise ValueError(f"must have at least {SECRET_LENGTH} characters")
    return value


def _key(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("must be printable ASCII without spaces")
    return value


def _openai_key(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith("sk-"):
        raise ValueError("must begin with sk-")
    return _key(value)


def _postgresql(value: SecretStr) -> SecretStr:
    url = database_url(value.get_secret_value())
    if url.get_backend_name() != "postgresql":
        raise ValueError(POSTGRESQL_FORM)
    return value


def _smtp(value: SecretStr) -> SecretStr:
    mail_server(value.get_secret_value())
    return value


def _http(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.fragment:
        raise ValueError("must be an http:// or https:// URL without a user name")
    # Accessing the port validates it: an invalid port raises ValueError.
    if parts.port == 0 or re.search(r"\s", value):
        raise ValueError("must have no port 0 and no space")
    return value.rstrip("/")


def _http_list(value: object) -> object:
    if isinstance(value, str):
        return tuple(_origin(item.strip()) for item in value.split(",") if item.strip())
    return value


def _origin(value: str) -> str:
    # Kubernetes gives a node's address without brackets, and the chart adds them, whatever the address is.
    value = _BRACKETED_IPV4.sub(r"\1", value, count=1)
    host = value.removesuffix(ANY_PORT)
    wild = host != value
    url = _http(host)
    parts = urlsplit(url)
    if parts.path or parts.query or "*" in host or (wild and (parts.port is not None or host != url)):
        raise ValueError("must be origins: scheme, host and port, without a path")
    return url + ANY_PORT if wild else url


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _semantic(value: str) -> str:
    # A version is also an image tag, which has at most 128 characters.
    if not _SEMANTIC_VERSION.fullmatch(value) or len(value) > 128:
        raise ValueError("must be a semantic version such as v1.0.0")
    return value


Secret = Annotated[SecretStr, AfterValidator(_signing_secret)]
Key = Annotated[SecretStr, AfterValidator(_key)]
HttpUrl = Annotated[str, AfterValidator(_http)]


class Settings(BaseSettings):
    """The backend's settings. An empty variable counts as unset."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    better_auth_secret: Secret
    jwt_secret: Secret | None = None
    database_url: Annotated[SecretStr, AfterValidator(_postgresql)] | None = None
    database_connections: Annotated[int, Field(ge=2, le=100)] = CONNECTIONS
    data_dir: Path = Path("data")

    better_auth_url: HttpUrl | None = None
    frontend_url: HttpUrl | None = None
    trusted_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_http_list)] = ()

    openai_api_key: Annotated[SecretStr, AfterValidator(_openai_key)] | None = None
    gemini_api_key: Key | None = None
    openrouter_api_key: Key | None = None
    agent_provider: Literal["openai", "gemini", "openrouter"] | None = None
    agent_model: str | None = None
    openai_base_url: HttpUrl | None = None

    smtp_url: Annotated[SecretStr, AfterValidator(_smtp)] | None = None
    mail_from: Annotated[str, AfterValidator(sender)] | None = None

    chat_streams: Annotated[int, Field(ge=1)] = 4
    chat_messages_per_minute: Annotated[int, Field(ge=1)] = 30
    task_changes_per_minute: Annotated[int, Field(ge=1)] = 600

    drain_seconds: Annotated[float, Field(ge=0, le=60)] = 0

    otel_exporter_otlp_endpoint: HttpUrl | None = None
    otel_exporter_otlp_headers: SecretStr | None = None
    otel_service_name: str = "todo-backend"

    version: Annotated[str, AfterValidator(_semantic)] = "v0.0.0"
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    log_format: Literal["json", "console"] = "json"

    @field_validator("*", mode="before")
    @classmethod
    def _printable(cls, value: object) -> object:
        if isinstance(value, str) and any(
            ord(character) < 32 or ord(character) == 127 for character in value
        ):
            raise ValueError("contains a control character")
        return value

    @property
    def public_url(self) -> str:
        """The application's public address: the frontend's origin, which forwards /api to this server."""
        return self.better_auth_url or self.frontend_url or "http://localhost:3000"

    @property
    def mail_sender(self) -> str:
        """The sender of email."""
        return self.mail_from or default_sender(self.public_url)

    @property
    def contact(self) -> str:
        """An address of the operator, which push services require and may write to."""
        is_site = self.public_url.startswith("https://")
        return self.public_url if is_site else f"mailto:{parseaddr(self.mail_sender)[1]}"

    @property
    def origins(self) -> frozenset[str]:
        """The origins from which a browser may send its cookies."""
        return _origins(self.public_url, self.frontend_url or self.public_url, *self.trusted_origins)

    def trusts(self, url: str) -> bool:
        """Return whether a browser may send its cookies from a page at this URL. Raises ValueError."""
        return bool({origin(url), _host(url) + ANY_PORT} & self.origins)

    @property
    def database(self) -> str:
        """The database URL. It may contain a password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{(self.data_dir / 'todo.db').absolute()}"


@lru_cache
def _origins(public_url: str, *others: str) -> frozenset[str]:
    urls, parts = [public_url, *others], urlsplit(public_url)
    if parts.hostname in _LOOPBACK:
        # The local machine has both names.
        names = ("localhost", "127.0.0.1", "[::1]")
        urls += [f"{parts.scheme}://{name}:{parts.port or 80}" for name in names]
    return frozenset(_host(url) + ANY_PORT if url.endswith(ANY_PORT) else origin(url) for url in urls)


def origin(url: str) -> str:
    """Return the origin of a URL as browsers send it: scheme, host and any non-default port."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return _host(url) + ("" if parts.port in {None, default} else f":{parts.port}")


def _host(url: str) -> str:
    """Return the scheme and the host of a URL."""
    parts = urlsplit(url)
    return (
        f"{parts.scheme}://[{parts.hostname}]"
        if ":" in (parts.hostname or "")
        else f"{parts.scheme}://{parts.hostname}"
    )


def load_settings() -> Settings:
    """Read the settings from the process environment.

    Raises:
        SettingsError: with every problem, by variable name and without values.
    """
    try:
        return Settings.model_validate({})
    except ValidationError as error:
        raise SettingsError([_problem(item["loc"][0], item["msg"]) for item in error.errors()]) from None


def _problem(field: int | str, message: str) -> str:
    message = message.removeprefix("Value error, ")
    if message == "Field required":
        message = f"is not set; it needs at least {SECRET_LENGTH} random characters"
    return f"{str(field).upper()}: {message}"
