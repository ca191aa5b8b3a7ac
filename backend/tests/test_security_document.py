"""The threat model names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_threat_names_its_test() -> None:
    text = (ROOT / "docs/security.md").read_text()
    rows = [
        line.split("|")[1:-1]
        for line in text.splitlines()
        if line.startswith("| ") and "threat |" not in line
    ]
    assert len(rows) > 15
    for threat, _, tests in rows:
        names = re.findall(r"`([^`]+)`", tests)
        assert names, threat
        for name in names:
            if name.startswith("nox -s "):
                assert f"def {name.removeprefix('nox -s ')}(" in (ROOT / "noxfile.py").read_text()
            else:
                assert (ROOT / "backend/tests" / name).exists() or (ROOT / name).exists(), name
