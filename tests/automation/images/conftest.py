"""A base image to distil."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.automation.images.distilled import DEBIAN, DEBIAN_LINKS
from tests.automation.images.rootfs import make_root


@pytest.fixture
def debian(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of roots of a Debian with merged /usr, and the given files and links."""

    def make(files: Mapping[str, str | bytes], links: Mapping[str, str] | None = None) -> Path:
        return make_root(tmp_path / "base", {**DEBIAN, **files}, {**DEBIAN_LINKS, **(links or {})})

    return make
