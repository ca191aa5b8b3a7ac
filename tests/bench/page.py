"""The report as Markdown, and as one HTML page that needs no other file."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from tests.bench.results import RATE, Measured, Report, spread

WIDTH, HEIGHT, MARGIN = 180, 26, 8
SPARK_WIDTH = 70
NOTABLE = 0.1
"""A change that is marked, as a fraction."""
STYLE = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
COLUMNS = ("measurement", "", "median", "spread", "runs", "budget", "to the floor", "trend")


def markdown(report: Report) -> str:
    """Return the report as Markdown."""
    compared = (f"against {report.compared}",) if report.compared else ()
    names = ("measurement", *COLUMNS[2:], *compared)
    rows = [names, ["---"] + ["---:"] * (len(names) - 1)]
    for measured in report.measured:
        budget = _budget(measured) + (" **over**" if measured.over_budget else "")
        cells = [measured.name, *_figures(measured), budget, _ratio(measured), _trend(report, measured)]
        rows.append(cells + [_percent(report.change(measured)) for _ in compared])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"# Benchmarks\n\n{_subject(report)}\n\n{table}\n"


def html(report: Report) -> str:
    """Return the report as an HTML page."""
    columns = (*COLUMNS, *((f"against {report.compared}",) if report.compared else ()))
    head = "".join(f"<th scope=col>{escape(column)}</th>" for column in columns)
    rows = "\n".join(_row(report, measured) for measured in report.measured)
    legend = (
        "Dots are runs, the solid line is their median, the dashed line the floor, the red line the budget"
    )
    if report.compared:
        legend += f", the violet line {escape(report.compared)}"
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Benchmarks</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>\n<h1>Benchmarks</h1>'
        f"<p>{escape(_subject(report))}. {legend}.</p>\n"
        f"<div class=wide><table><thead><tr>{head}</tr></thead>\n"
        f"<tbody>{rows}</tbody></table></div></html>\n"
    )


def _row(report: Report, measured: Measured) -> str:
    over = " worse" if measured.over_budget else ""
    cells = [f"<th scope=row>{escape(measured.name)}</th>", f"<td>{_plot(report, measured)}</td>"]
    cells += [f"<td class=figure>{figure}</td>" for figure in _figures(measured)]
    cells.append(f'<td class="figure{over}">{_budget(measured)}</td>')
    cells.append(f'<td class=figure title="{escape(measured.floor)}">{_ratio(measured)}</td>')
    trend = _mark(measured, report.trend(measured))
    cells.append(f'<td class="figure {trend}">{_spark(report, measured)}{_trend(report, measured)}</td>')
    if report.compared:
        change = report.change(measured)
        cells.append(f'<td class="figure {_mark(measured, change)}">{_percent(change)}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _plot(report: Report, measured: Measured) -> str:
    """Return a drawing of the runs on a scale from zero, with the budget where it is near."""
    other = report.other(measured.name)
    greatest = max(*measured.values, *measured.floor_values, *(other.values if other else ()), 1e-9)
    near = measured.budget is not None and measured.budget < 3 * greatest
    scale = (WIDTH - 2 * MARGIN) / max(greatest, measured.budget if near and measured.budget else 0)

    def line(kind: str, value: float) -> str:
        place = MARGIN + value * scale
        return f'<line class={kind} x1="{place:.1f}" x2="{place:.1f}" y1=3 y2="{HEIGHT - 3}"/>'

    middle = HEIGHT / 2
    parts = [f'<line class=axis x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{middle}" y2="{middle}"/>']
    if near and measured.budget is not None:
        parts.append(line("budget", measured.budget))
    if measured.ratio:
        parts.append(line("floor", measured.median / measured.ratio))
    if other:
        parts.append(line("other", other.median))
    parts += [
        f'<circle class=dot r=4 cx="{MARGIN + value * scale:.1f}" cy="{middle}"/>'
        for value in measured.values
    ]
    parts.append(line("median", measured.median))
    label = f"{measured.name}: median {measured.median:.2f} {measured.unit}, {spread(measured.values)}"
    opening = f'<svg role=img aria-label="{escape(label)}" width="{WIDTH}" height="{HEIGHT}">'
    return f"{opening}{''.join(parts)}</svg>"


def _spark(report: Report, measured: Measured) -> str:
    """Return a drawing of earlier results, the latest at the right."""
    points = [*report.earlier.get(measured.name, ()), measured.comparable]
    if len(points) < 2:
        return ""
    places = list(_places(points))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = places[-1]
    drawn = f'<polyline class=spark points="{path}"/><circle class=last r=2.5 cx="{x:.1f}" cy="{y:.1f}"/>'
    return f'<svg aria-hidden=true width="{SPARK_WIDTH}" height="{HEIGHT}">{drawn}</svg>'


def _places(points: Sequence[float]) -> Iterator[tuple[float, float]]:
    least, greatest = min(points), max(points)
    for number, point in enumerate(points):
        high = (point - least) / (greatest - least) if greatest > least else 0.5
        yield 4 + number * (SPARK_WIDTH - 8) / (len(points) - 1), HEIGHT - 4 - high * (HEIGHT - 8)


def _subject(report: Report) -> str:
    load = "" if report.load is None else f", load {report.load:g}"
    return f"Commit {report.commit} on {report.machine}{load}, {report.at}"


def _figures(measured: Measured) -> tuple[str, str, str]:
    return f"{measured.median:.2f} {measured.unit}", spread(measured.values), str(len(measured.values))


def _budget(measured: Measured) -> str:
    return "" if measured.budget is None else f"{measured.budget:g} {measured.unit}"


def _ratio(measured: Measured) -> str:
    return "" if measured.ratio is None else f"{measured.ratio:.1f} ×"


def _trend(report: Report, measured: Measured) -> str:
    earlier = report.earlier.get(measured.name, ())
    return f"{_percent(report.trend(measured))} over {len(earlier)}" if earlier else ""


def _percent(change: float | None) -> str:
    return "" if change is None else f"{change:+.0%}"


def _mark(measured: Measured, change: float | None) -> str:
    if change is None or abs(change) < NOTABLE:
        return "soft"
    return "better" if (change > 0) == (measured.unit == RATE) else "worse"
