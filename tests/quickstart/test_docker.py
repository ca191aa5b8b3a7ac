"""The quickstart's step with Docker: build the images, measure them, run them, stop them."""

from pathlib import Path

import pytest

from tests.quickstart.quickstart import PATIENCE_SECONDS, clone, sections


@pytest.mark.timeout(PATIENCE_SECONDS)  # a new clone installs its packages
def test_the_images_are_built_measured_and_run(tmp_path: Path) -> None:
    new = clone(tmp_path / "todo-chatbot")
    try:
        for command in sections()["Build images"]:
            # Whatever else this machine runs keeps its ports.
            result = new.run(f"{command} --auto-port" if "compose-up" in command else command)
            if "compose-up" in command:
                assert "healthy" in result.stdout
        assert "Nothing is running" in new.run("./dev status", check=False).stdout
    finally:
        new.run("./dev compose-down --volumes --yes", check=False)
