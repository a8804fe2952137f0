"""Two versions of one model: the part of their names that they share, and the parts that differ."""

from itertools import takewhile


def _shared(one: str, other: str) -> str:
    same = [a for a, b in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))]
    return "".join(same)


def versions(before: str, after: str) -> tuple[str, str, str]:
    """Split what two versions of one model share from what differs: "gpt-5", "08-06", "11-14"."""
    shared = _shared(before, after)
    if shared in (before, after):
        return shared, before[len(shared) :].lstrip("-@:_") or "–", after[len(shared) :].lstrip("-@:_") or "–"
    cut = max(shared.rfind(mark) for mark in "-@:_")
    # Never inside a date: 2026-08-06 and 2026-11-14 differ as wholes.
    while (
        cut > 0
        and shared[:cut].rpartition("-")[2].isdigit()
        and len(shared[:cut].rpartition("-")[2]) in (2, 4)
    ):
        cut = shared[:cut].rfind("-")
    return (shared[:cut], before[cut + 1 :], after[cut + 1 :]) if cut > 2 else ("", before, after)
