"""What a review has to say about a candidate."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing in a candidate that is wrong or worth knowing."""

    source: str
    """Who says so: `candidate`, `hadolint`, `buildx`, `build` or `contract`."""
    rule: str
    """The name to look it up by, as in DL3007."""
    message: str
    line: int | None = None
    blocking: bool = True
    """Whether the candidate cannot be adopted because of it."""
    remedy: str = ""
    details: tuple[str, ...] = ()
    """What a program wrote, where that explains more."""
