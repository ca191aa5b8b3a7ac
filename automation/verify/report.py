"""Findings as a table for a person, the remedy below what failed, and what failed once more at its end."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace

from automation.verify.check import Check, Finding, Outcome
from automation.verify.verifier import Verification

_HEAD = ("", "rule", "service", "required", "observed")
_MARKS = {Outcome.PASSED: "passed", Outcome.FAILED: "FAILED", Outcome.NOT_APPLICABLE: "–"}
_NARROWEST = 24
_SEPARATOR = "  "
_FEW = 2
"""So many rules that do not apply for the same reason are told one by one."""


def as_table(findings: Sequence[Finding], width: int) -> tuple[str, ...]:
    """Return a line for each finding, or more where a column is too narrow for its text.

    Rules that begin alike and do not apply for the same reason have one line together.
    """
    findings = _gathered(findings)
    fixed = [
        max(len(_MARKS[Outcome.PASSED]), 6),
        max([len(each.rule) for each in findings] + [4]),
        max([len(each.service) for each in findings] + [7]),
    ]
    left = width - sum(fixed) - len(_SEPARATOR) * (len(_HEAD) - 1)
    widths = [*fixed, *[max(left // 2, _NARROWEST)] * 2]
    lines = [*_wrapped(_HEAD, widths)]
    below = " " * (sum(fixed) + len(_SEPARATOR) * len(fixed))
    for each in findings:
        lines += _wrapped(
            (_MARKS[each.outcome], each.rule, each.service, each.required, each.observed), widths
        )
        if each.remedy:
            room = max(width - len(below), _NARROWEST)
            lines += [f"{below}{line}" for line in textwrap.wrap(f"try  {each.remedy}", room)]
    return tuple(lines)


def as_list(checks: Sequence[Check], width: int) -> tuple[str, ...]:
    """Return the names of the checks, grouped, and what each of them looks for."""
    lines: list[str] = []
    name_width = max(len(each.name) for each in checks)
    for group in dict.fromkeys(each.group for each in checks):
        lines += ["", group]
        for each in checks:
            if each.group == group:
                text = each.summary + (f" (the {each.only} alone)" if each.only else "")
                lines += _wrapped(("", each.name, text), [0, name_width, max(width - name_width - 4, 40)])
    return tuple(lines)


def failures(verifications: Sequence[Verification]) -> tuple[str, ...]:
    """Return what failed, with what is required and how to mend it; one cause of several once."""
    lines: list[str] = []
    for verification in verifications:
        causes: dict[tuple[str, str], list[Finding]] = {}
        for each in verification.of(Outcome.FAILED):
            causes.setdefault((each.service, each.observed), []).append(each)
        for (service, observed), found in causes.items():
            where = " ".join(filter(None, (verification.profile, service)))
            remedies = dict.fromkeys(each.remedy for each in found if each.remedy)
            lines += [
                f"✗ {where}: {', '.join(each.rule for each in found)}",
                *([f"    required   {found[0].required}"] if len(found) == 1 else []),
                f"    observed   {observed}",
                *(f"    try        {remedy}" for remedy in remedies),
            ]
    return tuple(lines)


def summary(verification: Verification) -> str:
    """Return the numbers of a profile in one line."""
    passed, failed, without = (len(verification.of(outcome)) for outcome in Outcome)
    stands = "".join(f", {new} for {old}" for old, new in verification.replaced.items())
    return (
        f"{verification.profile:<11} {passed} passed, {failed} failed, {without} not applicable"
        f"   {verification.seconds:.1f} s{f'   built on{stands[1:]}' if stands else ''}"
    )


def _gathered(findings: Sequence[Finding]) -> list[Finding]:
    families: dict[tuple[str, str], list[Finding]] = {}
    for each in findings:
        families.setdefault(_family(each), []).append(each)
    gathered: list[Finding] = []
    for (name, _), found in families.items():
        together = replace(found[0], rule=name, service="", required=f"{len(found)} findings")
        gathered += [together] if len(found) > _FEW else found
    return gathered


def _family(finding: Finding) -> tuple[str, str]:
    """Return what a finding shares with those that can be told with it; what is judged stands alone."""
    if finding.outcome is Outcome.NOT_APPLICABLE:
        return f"{finding.rule.partition('-')[0]}-*", finding.observed
    return finding.rule, finding.service


def _wrapped(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    wrapped = [textwrap.wrap(cell, width) if width else [] for cell, width in zip(cells, widths, strict=True)]
    for at in range(max(len(each) for each in wrapped)):
        parts = [each[at] if at < len(each) else "" for each in wrapped]
        padded = (f"{part:<{width}}" for part, width in zip(parts, widths, strict=True))
        yield _SEPARATOR.join(padded).rstrip()
