"""Verify profiles against their contracts and report the findings (`verify`)."""

import shutil
from collections.abc import Sequence

from automation.console.errors import FAILED, UsageError
from automation.console.events import Emit, Notice, Result
from automation.contract import profiles
from automation.contract.models import SERVICES
from automation.settings import Settings
from automation.verify import check, report
from automation.verify.check import Outcome
from automation.verify.verifier import Verifier

_WIDEST = 160
_INDENT = 4


async def verify(
    settings: Settings, emit: Emit, *, profile: str, all_profiles: bool, checks: Sequence[str],
    list_checks: bool, verbose: bool, bases: Sequence[str], image_backend: str, image_frontend: str,
) -> int:  # fmt: skip
    """Verify one profile, or all of them; return a failure when a check fails."""
    chosen = check.chosen(checks)
    width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST) - _INDENT
    if list_checks:
        emit(Notice(report.as_list(chosen, width)))
        emit(Result({"checks": [one.to_mapping() for one in chosen]}))
        return 0
    if all_profiles and (image_backend or image_frontend):
        raise UsageError("--image-backend and --image-frontend and --all exclude each other")
    contracts = profiles.select(settings.root, profile, every=all_profiles)
    images = dict(zip(SERVICES, (image_backend, image_frontend), strict=True))
    verifier = Verifier(settings, chosen, emit, images=images)
    plans = await verifier.plans(contracts, bases)
    done = []
    for contract in contracts:
        if len(contracts) > 1:
            emit(Notice((contract.name,)))
        verified = await verifier.verify(contract, plans)
        done.append(verified)
        emit(Notice(report.lines(verified, width, verbose=verbose)))
    emit(Notice(("", *(report.summary(verified) for verified in done))))
    emit(Result({"profiles": [verified.to_mapping() for verified in done]}))
    return FAILED if any(verified.of(Outcome.FAILED) for verified in done) else 0
