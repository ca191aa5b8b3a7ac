"""The quickstart's step with a cluster: install the release, look at it, remove it."""

from pathlib import Path

import pytest

from tests.quickstart.quickstart import PATIENCE_SECONDS, clone, sections


@pytest.mark.timeout(PATIENCE_SECONDS)  # a new clone installs its packages
def test_the_release_is_installed_reached_and_removed(tmp_path: Path) -> None:
    new = clone(tmp_path / "todo-chatbot")
    try:
        install, look, remove = sections()["Deploy to a cluster"]
        assert "The to-do chatbot is at http://" in new.run(install).stdout
        assert "cluster engine" in new.run(look).stdout
        new.run(remove)
        assert "Nothing is running" in new.run("./dev status", check=False).stdout
    finally:
        new.run("./dev helm-uninstall --data --yes", check=False)
