"""The sizes of images as lines of text."""

from collections.abc import Sequence

from automation.images.size import MB, Verdict

_BAR_WIDTH = 20
_NAMED = 3
_INSTRUCTION_WIDTH = 60
_PATH_WIDTH = 40


def image(name: str, verdict: Verdict) -> list[str]:
    """Return the size of an image, and of its parts."""
    measured = verdict.measurement
    size = f"{name}   {_mb(measured.size)} MB"
    if verdict.allowed is not None:
        size = f"{name:<10} {_budget(measured.size, verdict.allowed)}"
    change = "" if verdict.change is None else f"   {_change(verdict.change)} since the build before"
    lines = [f"{size}   {_mb(measured.compressed)} MB to download{change}"]
    if verdict.aim is not None:
        missed = f"missed by {exact(measured.size - verdict.aim)}"
        lines.append(f"    aim {verdict.aim // MB} MB: {'met' if verdict.aim_met else missed}")
    parts = (
        f"{part.name} {_mb(part.size)} {_bar(part.size, measured.size)}"
        for part in measured.groups
        if part.size
    )
    lines.append("    " + "     ".join(parts))
    lines += [
        f"    {_mb(layer.size):>6} {_bar(layer.size, measured.size):<{_BAR_WIDTH}} {_beginning(layer.name)}"
        for layer in measured.layers
        if layer.size * 1000 > measured.size
    ]
    for what, largest in (("packages", measured.packages), ("files", measured.files)):
        if largest:
            named = " · ".join(f"{_end(part.name)} {_mb(part.size)}" for part in largest[:_NAMED])
            lines.append(f"    largest {what}: {named}")
    return lines


def together(sizes: Sequence[int], allowed: int) -> str:
    """Return the size of all images together."""
    return f"{'together':<10} {_budget(sum(sizes), allowed)}"


def exact(size: int) -> str:
    """Return a difference in MB, or to the byte if it is small."""
    return f"{_mb(size)} MB" if size >= MB // 10 else f"{size:,} byte{'s' if size != 1 else ''}"


def _budget(size: int, allowed: int) -> str:
    filled = min(_BAR_WIDTH, size * _BAR_WIDTH // allowed) if allowed else _BAR_WIDTH
    bar = "█" * filled + "░" * (_BAR_WIDTH - filled)
    share = f"{size * 100 / allowed:.0f} %" if allowed else ""
    # A budget is exceeded by the byte, which a rounded figure would hide.
    over = f"   over by {exact(size - allowed)}" if size > allowed else ""
    return f"{_mb(size):>6} of {allowed / MB:.0f} MB  {bar}  {share}{over}"


def _mb(size: int) -> str:
    return f"{size / MB:.1f}"


def _change(size: int) -> str:
    return f"{'+' if size > 0 else '−' if size < 0 else '±'}{_mb(abs(size))}"


def _bar(size: int, whole: int) -> str:
    return "█" * max(1, round(size * _BAR_WIDTH / whole)) if size else ""


def _end(path: str) -> str:
    return path if len(path) <= _PATH_WIDTH else f"…{path[-_PATH_WIDTH:]}"


def _beginning(text: str) -> str:
    return text if len(text) <= _INSTRUCTION_WIDTH else f"{text[: _INSTRUCTION_WIDTH - 1]}…"
