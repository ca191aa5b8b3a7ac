"""The task that holds the profiles against their contracts."""

import shutil
from collections.abc import Sequence

from automation.console.errors import FAILED, UsageError
from automation.console.events import Emit, Notice, Result
from automation.console.runner import run
from automation.contract import profiles
from automation.contract.models import SERVICES
from automation.settings import Settings
from automation.verify import check, report
from automation.verify.check import Outcome
from automation.verify.verifier import Verifier

_WIDEST = 160
_INDENT = 4


def verify(
    *, profile: str, all_profiles: bool, checks: Sequence[str], list_checks: bool, bases: Sequence[str],
    image_backend: str, image_frontend: str, json_lines: bool, debug: bool,
) -> int:  # fmt: skip
    """Hold one profile, or all of them, against their contracts. Fails when a rule does not hold."""

    async def work(current: Settings, emit: Emit) -> int:
        chosen = check.chosen(checks)
        width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST) - _INDENT
        if list_checks:
            emit(Notice(report.as_list(chosen, width)))
            emit(Result({"checks": [each.to_mapping() for each in chosen]}))
            return 0
        if all_profiles and (profile or image_backend or image_frontend):
            other = "--profile" if profile else "--image-backend and --image-frontend"
            raise UsageError(f"{other} and --all exclude each other")
        names = profiles.names(current.root) if all_profiles else (profile,)
        chosen_profiles = [profiles.load(name, current.root) for name in names]
        images = dict(zip(SERVICES, (image_backend, image_frontend), strict=True))
        verifier = Verifier(current, chosen, emit, images=images)
        plans = await verifier.plans(chosen_profiles, bases)
        done = []
        for each in chosen_profiles:
            if len(chosen_profiles) > 1:
                emit(Notice((each.name,)))
            verified = await verifier.verify(each, plans)
            done.append(verified)
            emit(Notice(("", *report.as_table(verified.findings, width), "")))
        emit(Notice((*report.failures(done), *(report.summary(each) for each in done))))
        emit(Result({"profiles": [each.to_mapping() for each in done]}))
        return FAILED if any(each.of(Outcome.FAILED) for each in done) else 0

    return run(work, json_lines=json_lines, debug=debug)
