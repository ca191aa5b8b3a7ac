"""Findings and checks as text for a person."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

from automation.verify.check import Check, Finding, Outcome
from automation.verify.verifier import Verification

_MARKS = {Outcome.PASSED: "passed", Outcome.NOT_APPLICABLE: "–"}
_FEW = 2
"""Up to so many findings that do not apply for the same reason have a line each."""


def lines(verification: Verification, width: int, *, verbose: bool) -> tuple[str, ...]:
    """Return what failed, and with `verbose` a table of everything else, too."""
    passed, skipped = verification.of(Outcome.PASSED), verification.of(Outcome.NOT_APPLICABLE)
    table = ("", *as_table((*passed, *skipped), width)) if verbose else ()
    return (*failures(verification), *table)


def as_table(findings: Sequence[Finding], width: int) -> tuple[str, ...]:
    """Return the findings as a table; a family that does not apply for one reason has one row."""
    rows = [
        (
            _MARKS[finding.outcome],
            finding.rule,
            finding.service,
            finding.required,
            finding.observed,
        )
        for finding in _grouped(findings)
    ]
    return _lines([("", "rule", "service", "required", "observed"), *rows], width, fixed=3)


def as_list(checks: Sequence[Check], width: int) -> tuple[str, ...]:
    """Return the names and summaries of the checks by group."""
    rows = []
    for group, members in itertools.groupby(checks, key=lambda check: check.group):
        rows += [("", ""), (group, "")]
        for check in members:
            only = f" ({check.only} only)" if check.only else ""
            rows.append((f"  {check.name}", f"{check.summary}{only}"))
    return _lines(rows, width, fixed=1)


def failures(verification: Verification) -> tuple[str, ...]:
    """Return what failed with its remedies; checks that failed for one reason stand together."""
    found: list[str] = []
    causes: dict[tuple[str, str], list[Finding]] = {}
    for finding in verification.of(Outcome.FAILED):
        causes.setdefault((finding.service, finding.observed), []).append(finding)
    for (service, observed), findings in causes.items():
        remedies = dict.fromkeys(finding.remedy for finding in findings if finding.remedy)
        found += [
            f"✗ {f'{verification.profile} {service}'.strip()}: {', '.join(one.rule for one in findings)}",
            *([f"    required   {findings[0].required}"] if len(findings) == 1 else []),
            f"    observed   {observed}",
            *(f"    try        {remedy}" for remedy in remedies),
        ]
    return tuple(found)


def summary(verification: Verification) -> str:
    """Return the numbers of a profile in one line."""
    passed, failed, without = (len(verification.of(outcome)) for outcome in Outcome)
    replaced = ", ".join(f"{new} for {old}" for old, new in verification.replaced.items())
    return (
        f"{verification.profile:<11} {passed} passed, {failed} failed, {without} not applicable"
        f"   {verification.seconds:.1f} s{f'   built on {replaced}' if replaced else ''}"
    )


def _grouped(findings: Sequence[Finding]) -> list[Finding]:
    """Return one finding for those that do not apply for the same reason; what is judged stands alone."""
    families: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        family = finding.rule, finding.service
        if finding.outcome is Outcome.NOT_APPLICABLE:
            family = f"{finding.rule.partition('-')[0]}-*", finding.observed
        families.setdefault(family, []).append(finding)
    grouped: list[Finding] = []
    for (name, _), found in families.items():
        together = replace(found[0], rule=name, service="", required=f"{len(found)} findings")
        grouped += [together] if len(found) > _FEW else found
    return grouped


def _lines(rows: Iterable[Sequence[str]], width: int, *, fixed: int) -> tuple[str, ...]:
    """Return rows as lines of at most this width; the columns after the first `fixed` ones wrap."""
    from rich.console import Console  # heavy, and only a person needs it
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for row in rows:
        while len(table.columns) < len(row):
            table.add_column(no_wrap=len(table.columns) < fixed, overflow="fold")
        table.add_row(*row)
    console = Console(width=width, color_system=None, markup=False, emoji=False, highlight=False)
    with console.capture() as capture:
        console.print(table)
    return tuple(line.rstrip() for line in capture.get().splitlines())
