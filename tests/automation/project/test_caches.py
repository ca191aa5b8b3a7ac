"""Accounts of services have no home folder: uv and npm then keep their caches in the project."""

from pathlib import Path

from automation import settings
from automation.project import node


def test_an_unwritable_home_moves_the_caches_into_the_project(tmp_path: Path) -> None:
    environ = settings.load({"HOME": "/proc/nonexistent"}, tmp_path).environ
    assert environ["UV_CACHE_DIR"] == str(tmp_path / ".run" / "cache" / "uv")
    assert node.environ(environ)["npm_config_cache"] == str(tmp_path / ".run" / "cache" / "npm")


def test_a_cache_that_is_set_stays(tmp_path: Path) -> None:
    given = {"HOME": "/proc/nonexistent", "UV_CACHE_DIR": "/cache"}
    assert settings.load(given, tmp_path).environ["UV_CACHE_DIR"] == "/cache"


def test_a_writable_home_keeps_the_caches(tmp_path: Path) -> None:
    assert settings.load({"HOME": str(tmp_path)}, tmp_path).environ == {"HOME": str(tmp_path)}
