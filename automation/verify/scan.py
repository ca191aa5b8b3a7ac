"""Look for known vulnerabilities in the images, and write their bills of materials (`scan`)."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from automation.console.errors import AutomationError
from automation.console.events import Emit, Notice, Result, step
from automation.contract import profiles
from automation.contract.models import SERVICES, Ignored
from automation.docker.cli import Docker
from automation.images import build, plan
from automation.images.plan import Options
from automation.process import files
from automation.settings import Settings
from automation.verify.gather import materials, origins, scanners
from automation.verify.gather.inspection import Inspector
from automation.verify.gather.scanners import Vulnerability

LIST = "deploy/vulnerabilities.toml"


async def scan(
    settings: Settings, emit: Emit, *, profile: str, all_profiles: bool, images: Sequence[str],
    bases: Sequence[str], scanner: str, output: str, seconds: int,
) -> None:  # fmt: skip
    """Scan images of profiles, or the given ones. Raises AutomationError if an update fixes something."""
    docker = Docker.find(settings)
    ignored = profiles.load_exceptions(settings.root).ignored
    references = list(images)
    if not images:
        chosen = profiles.select(settings.root, profile, every=all_profiles)
        plans = await plan.plan_all(settings, chosen, SERVICES, Options(bases=tuple(bases)))
        for outcome in await build.converge(docker, plans, emit):
            build.record(settings, outcome)
        references = [own.reference for own in plans]
    folder = (settings.root / output) if output else None
    if folder:
        await _write_materials(docker, references, folder, emit)
    chosen_scanner, program = await scanners.find(settings, scanner)
    failures, results = [], []
    for reference in references:
        with step(emit, chosen_scanner.name) as running:
            running.progress(reference)
            report = await scanners.scan(chosen_scanner, program, reference, seconds)
            running.detail = f"{reference}: {len(report.vulnerabilities)} critical or high with a fix"
        if folder:
            files.write_text(_file(folder, reference, "sarif"), report.sarif)
        found = judge(report.vulnerabilities, ignored, datetime.now(UTC).date())
        failures += [f"{reference}: {line}" for line in found]
        named = [vars(one) for one in report.vulnerabilities]
        results.append({"image": reference, "scanner": chosen_scanner.name, "vulnerabilities": named})
    emit(Result({"images": results, "passed": not failures}))
    if failures:
        raise AutomationError(
            f"{len(failures)} critical or high vulnerabilities have a fix",
            details=failures,
            remedies=["invoke build --pull   takes newer base images", "invoke lock   takes newer packages",
                      f"ignore one in {LIST}, with the reason and a day"],
        )  # fmt: skip
    emit(Notice(("", f"No fixable critical or high vulnerability in {len(references)} images.")))


def judge(found: Sequence[Vulnerability], ignored: Sequence[Ignored], today: date) -> Iterator[str]:
    """Yield a line for each vulnerability that is not ignored any more or never was."""
    until = {entry.id: entry.expires for entry in ignored}
    for one in found:
        expires = until.get(one.identifier)
        if expires is None or expires < today:
            late = f" (ignored until {expires})" if expires else ""
            yield f"{one.severity} {one.identifier}{late}: {one.description}"


async def _write_materials(docker: Docker, references: Sequence[str], folder: Path, emit: Emit) -> None:
    inspector, locked = Inspector(docker), origins.node_versions(docker.root)
    files.make_directory(folder)
    for reference in references:
        with step(emit, "materials") as running:
            config, content = await inspector.config(reference), await inspector.content(reference)
            found = {*materials.packages(content, locked)}
            file = _file(folder, reference, "cdx")
            files.write_text(file, materials.document(config, iter(found)))
            running.detail = f"{file.name}: {len(found)} packages"


def _file(folder: Path, reference: str, kind: str) -> Path:
    name = reference.rpartition("/")[2].replace(":", "-").replace("@", "-")
    return folder / f"{name}.{kind}.json"
