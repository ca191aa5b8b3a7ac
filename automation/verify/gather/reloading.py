"""Changing a source file under a running development image, and waiting until the change is served.

The sources are a copy: what is changed here is nobody's work. They are mounted one by one, because a mount of
the whole folder would hide the image's packages, and a volume for those would first be filled with them.
"""

import asyncio
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import httpx2

from automation.console.errors import AutomationError
from automation.contract.contract import Contract
from automation.contract.models import Rules
from automation.images.plan import Plan
from automation.verify.facts import Reloading
from automation.verify.gather.laboratory import Laboratory

_SOURCES = "/app"
"""Where a development image has the service's folder."""
_LEFT_OUT = (".next", "node_modules", "__pycache__", ".data", "out", "tests", "*.test.*", "*.tsbuildinfo")
_READY_S = 60.0
_POLL_S = 0.02


async def measure(laboratory: Laboratory, asked: Contract, plan: Plan) -> Reloading:
    """Return how soon the development image of a service serves a changed file."""
    settings = laboratory.docker.settings
    with _copied(settings.root / asked.name, settings.state_dir / "verification") as folder:
        container = await laboratory.create(
            plan.reference,
            options=_options(asked, folder),
            environ=dict.fromkeys(asked.profile.backend.environment.required, secrets.token_urlsafe(48)),
        )
        try:
            await laboratory.start(container)
            port = await laboratory.host_port(container, asked.service.port)
            seen = await _change(laboratory, container, f"http://127.0.0.1:{port}", asked, folder)
        except AutomationError as error:
            seen = Reloading(failure=f"the development container {error.what}")
        finally:
            await laboratory.remove(container)
    return replace(seen, image=plan.reference, remedy=f"docker run {plan.reference}   and read what it says")


async def _change(
    laboratory: Laboratory, container: str, address: str, asked: Contract, folder: Path
) -> Reloading:
    page = f"/verification-{secrets.token_hex(4)}"
    async with httpx2.AsyncClient(trust_env=False, timeout=_READY_S) as client:
        if not await _answers(client, f"{address}/health", _READY_S):
            await laboratory.require_running(container)
            return Reloading(failure=f"the development container did not answer within {_READY_S:.0f} s")
        # What serves a page that is missing is ready to serve it.
        with suppress(httpx2.HTTPError):
            await client.get(f"{address}{page}")
        _add_page(asked.name, folder, page)
        began = time.monotonic()
        if not await _answers(client, f"{address}{page}", _patience(asked.rules)):
            return Reloading(failure=f"a changed file was not served within {_patience(asked.rules):.0f} s")
        return Reloading(milliseconds=(time.monotonic() - began) * 1000)


def _patience(rules: Rules) -> float:
    return rules.times.hot_reload_max_ms / 1000 * 3


async def _answers(client: httpx2.AsyncClient, address: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(httpx2.HTTPError):
            if (await client.get(address)).status_code == httpx2.codes.OK:
                return True
        await asyncio.sleep(_POLL_S)
    return False


def _add_page(service: str, folder: Path, page: str) -> None:
    if service == "backend":
        file = folder / "src" / "app" / "health.py"
        added = f'\n\n@router.get("{page}")\nasync def verification() -> str:\n    return "changed"\n'
        file.write_text(file.read_text(encoding="utf-8") + added, encoding="utf-8")
    else:
        file = folder / "app" / page.strip("/") / "page.tsx"
        file.parent.mkdir()
        file.write_text("export default function Page() {\n  return <p>changed</p>;\n}\n", encoding="utf-8")


def _options(asked: Contract, folder: Path) -> Sequence[str]:
    mounts = [f"--mount=type=bind,src={each},dst={_SOURCES}/{each.name}" for each in sorted(folder.iterdir())]
    return ("--publish", f"127.0.0.1::{asked.service.port}", *mounts)


@contextmanager
def _copied(source: Path, below: Path) -> Iterator[Path]:
    """Give a copy of a service's folder, which the container's user may read."""
    folder = below / f"{source.name}-{secrets.token_hex(4)}"
    try:
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
