"""What one cell of the drift strip says when it is pointed at."""

from collections.abc import Callable

from kansoku_collector.store.read.drift import DriftCell
from kansoku_dashboard.figures.backdrop import Backdrop
from kansoku_dashboard.figures.style import count, share
from kansoku_dashboard.text import escape
from kansoku_dashboard.words import say


def hover(cell: DriftCell, names: dict[str, str], backdrop: Backdrop) -> str:
    """Say what one cell of the drift strip shows: signal, time, measure, value, and from how many samples."""
    lines = [
        f"<b>{escape(names[cell.signal])}</b>",
        f"{backdrop.x(cell.time).replace('T', ' ')[:16]} – {backdrop.x(cell.time + cell.width)[11:16]}",
        say("overview.psi", psi=f"{cell.psi or 0:.2f}"),
    ]
    if cell.level is not None and cell.reference_level is not None:
        write = _unit(cell.signal)
        lines.append(say("overview.levels", now=write(cell.level), before=write(cell.reference_level)))
    lines.append(
        say("overview.samples", samples=count(cell.samples), reference=count(cell.reference_samples))
    )
    return "<br>".join(lines)


def _unit(signal: str) -> Callable[[float], str]:
    if signal in ("refusals", "invalid_json", "error_rate", "repetition"):
        return lambda value: share(value, 2)
    if signal == "retrieval_score":
        return lambda value: f"{value:.2f}"
    return lambda value: say("overview.tokens", tokens=count(value))
