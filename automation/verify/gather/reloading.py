"""Changes a source file under a running development image and waits until the change is served.

The sources are a copy. Its entries are mounted one by one: a mount of the whole folder would hide the
packages of the image, and a volume for these would have to be filled first.
"""

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2

from automation.console.errors import AutomationError
from automation.contract.contract import Contract
from automation.images.plan import Plan
from automation.verify.facts import Reloading
from automation.verify.gather.sandbox import Sandbox

_EXCLUDED = (".next", "node_modules", "__pycache__", ".data", "out", "tests", "*.test.*", "*.tsbuildinfo")
_START_SECONDS = 60.0
_ENDPOINT = '\n\n@router.get("{page}")\nasync def verification() -> str:\n    return "changed"\n'
_PAGE = "export default function Page() {\n  return <p>changed</p>;\n}\n"


async def measure(sandbox: Sandbox, contract: Contract, plan: Plan) -> Reloading:
    """Return how soon the development image of a service serves a changed file."""
    settings = sandbox.docker.settings
    port, required = contract.service.port, contract.profile.backend.environment.required
    environ = dict.fromkeys(required, secrets.token_urlsafe(48))
    failure, milliseconds = "", 0.0
    with _copy(settings.root / contract.name, settings.state_dir / "verification") as folder:
        mounts = [f"--mount=type=bind,src={entry},dst=/app/{entry.name}" for entry in folder.iterdir()]
        options = ("--publish", f"127.0.0.1::{port}", *mounts)
        try:
            async with sandbox.running(plan.reference, options=options, environ=environ) as container:
                address = f"http://127.0.0.1:{await sandbox.host_port(container, port)}"
                await sandbox.first_answer(container, f"{address}/health", _START_SECONDS)
                milliseconds = await _change(sandbox, container, address, contract, folder)
        except AutomationError as error:
            failure = f"the development container {error.what}"
    remedy = f"docker run {plan.reference}   and read its output"
    return Reloading(plan.reference, milliseconds, failure=failure, remedy=remedy)


async def _change(sandbox: Sandbox, container: str, address: str, contract: Contract, folder: Path) -> float:
    """Add a page and return the milliseconds until it is served."""
    page = f"/verification-{secrets.token_hex(4)}"
    # A server that answers for a missing page is ready to serve it.
    async with httpx2.AsyncClient(trust_env=False, timeout=_START_SECONDS) as client:
        with suppress(httpx2.HTTPError):
            await client.get(f"{address}{page}")
    if contract.name == "backend":
        file = folder / "src" / "app" / "health.py"
        text = file.read_text(encoding="utf-8") + _ENDPOINT.format(page=page)
    else:
        file = folder / "app" / page.strip("/") / "page.tsx"
        file.parent.mkdir()
        text = _PAGE
    file.write_text(text, encoding="utf-8")
    began = time.monotonic()
    patience = contract.rules.times.hot_reload_max_ms / 1000 * 3
    try:
        await sandbox.first_answer(container, f"{address}{page}", patience)
    except AutomationError as error:
        raise AutomationError(f"did not serve a changed file: it {error.what}") from error
    return (time.monotonic() - began) * 1000


@contextmanager
def _copy(source: Path, below: Path) -> Iterator[Path]:
    folder = below / f"{source.name}-{secrets.token_hex(4)}"
    try:
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*_EXCLUDED), symlinks=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
