"""Read this process's environment, in this one place; everything else takes a `Settings`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automation import paths

BUILD_SECRETS: Mapping[str, str] = {
    "ca": "BUILD_CA_FILE",
    "pipconf": "BUILD_PIPCONF_FILE",
    "npmrc": "BUILD_NPMRC_FILE",
    "aptconf": "BUILD_APTCONF_FILE",
}
"""By optional build secret the variable that names its file."""


@dataclass(frozen=True)
class Settings:
    """Settings from the environment. An empty variable counts as unset."""

    root: Path
    state_dir: Path
    env_file: Path
    data_dir: Path
    no_color: bool
    force_color: bool
    command: str
    """Command that people type before the name of a task."""
    build_secrets: Mapping[str, Path]
    """Files for a build that end in no layer, by their names in the Dockerfiles."""
    bases: tuple[str, ...]
    """Replacements of base images, each as `reference=reference` or `service=reference`."""
    environ: Mapping[str, str]

    @property
    def env_file_name(self) -> str:
        """The settings file as people write it: relative to the project if it is inside."""
        return paths.readable(self.env_file, self.root)


def load(environ: Mapping[str, str] | None = None, root: Path = paths.ROOT) -> Settings:
    """Read the settings from `environ` (the process's own by default). Relative paths are the project's."""
    given = {name: value for name, value in (os.environ if environ is None else environ).items() if value}

    # A service account may have no home folder for the caches of uv and npm.
    if not os.access(Path(given.get("HOME", "~")).expanduser(), os.W_OK):
        for name in ("UV_CACHE_DIR", "npm_config_cache"):
            given.setdefault(name, str(root / ".run" / "cache" / name.split("_")[0].lower()))

    def place(name: str, default: str) -> Path:
        return (root / Path(given.get(name, default)).expanduser()).resolve()

    return Settings(
        root=root,
        state_dir=place("TODO_STATE_DIR", ".run"),
        env_file=place("TODO_ENV_FILE", ".env"),
        data_dir=place("TODO_DATA_DIR", ".data"),
        no_color="NO_COLOR" in given,
        force_color=given.get("FORCE_COLOR", "0") != "0",
        command=given.get("TODO_COMMAND", "invoke"),
        build_secrets={secret: place(name, "") for secret, name in BUILD_SECRETS.items() if name in given},
        bases=tuple(given.get("TODO_BASES", "").split()),
        environ=given,
    )
