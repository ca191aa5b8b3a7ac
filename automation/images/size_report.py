"""Sizes as lines for people."""

from collections.abc import Sequence

from automation.images.size import MB, Verdict, Weighed

_BAR = 20
_NAMED = 3
_INSTRUCTION = 60
_PATH = 40


def image(name: str, verdict: Verdict) -> list[str]:
    """Return what an image weighs, and what in it does."""
    measured = verdict.measurement
    download = f"{measured.compressed / MB:.1f} MB to download"
    if verdict.allowed is None:
        head = f"{name}   {_mb(measured.size)} MB   {download}"
    else:
        head = f"{name:<10} {_against(measured.size, verdict.allowed)}   {download}"
    if verdict.change is not None:
        head += f"   {_change(verdict.change)} since the build before"
    lines = [head]
    if verdict.aim is not None:
        over = verdict.measurement.size - verdict.aim
        state = "met" if verdict.aim_met else f"missed by {exact(over)}"
        lines.append(f"    aim {verdict.aim // MB} MB: {state}")
    # A bar has as many blocks as the part has twentieths of the image.
    lines.append("    " + "     ".join(_part(part, measured.size) for part in measured.groups if part.size))
    lines += [
        f"    {_mb(layer.size):>6} {_blocks(layer.size, measured.size):<{_BAR}} {_short(layer.name)}"
        for layer in measured.layers
        if layer.size * 1000 > measured.size
    ]
    if measured.packages:
        lines.append(f"    largest packages: {_list(measured.packages)}")
    lines.append(f"    largest files: {_list(measured.files)}")
    return lines


def together(sizes: Sequence[int], allowed: int) -> str:
    """Return what the images weigh together."""
    return f"{'together':<10} {_against(sum(sizes), allowed)}"


def _against(size: int, allowed: int) -> str:
    filled = min(_BAR, size * _BAR // allowed) if allowed else _BAR
    bar = "█" * filled + "░" * (_BAR - filled)
    share = f"{size * 100 / allowed:.0f} %" if allowed else ""
    # A budget is exceeded by the byte, where a rounded figure would deny it.
    over = f"   over by {exact(size - allowed)}" if size > allowed else ""
    return f"{_mb(size):>6} of {allowed / MB:.0f} MB  {bar}  {share}{over}"


def _mb(size: int) -> str:
    return f"{size / MB:.1f}"


def exact(size: int) -> str:
    """Return a difference as people say it: small ones to the byte."""
    if size >= MB // 10:
        return f"{_mb(size)} MB"
    return f"{size:,} byte{'s' if size != 1 else ''}"


def _change(size: int) -> str:
    return f"{'+' if size > 0 else '−' if size < 0 else '±'}{abs(size) / MB:.1f}"


def _blocks(size: int, whole: int) -> str:
    return "█" * max(1, round(size * _BAR / whole)) if size else ""


def _part(part: Weighed, whole: int) -> str:
    return f"{part.name} {_mb(part.size)} {_blocks(part.size, whole)}"


def _list(parts: Sequence[Weighed]) -> str:
    return " · ".join(f"{_end(part.name)} {_mb(part.size)}" for part in parts[:_NAMED])


def _end(name: str) -> str:
    """Return the end of a long path, which tells more than its beginning."""
    return name if len(name) <= _PATH else f"…{name[-_PATH:]}"


def _short(text: str) -> str:
    return text if len(text) <= _INSTRUCTION else f"{text[: _INSTRUCTION - 1]}…"
