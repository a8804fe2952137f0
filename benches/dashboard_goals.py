"""The goals of the dashboard that are figures: what was measured, beside its bar."""

from collections.abc import Iterator
from typing import Any, NamedTuple


class Goal(NamedTuple):
    """A measured figure of a goal, and the most that it may be."""

    number: int
    what: str
    measured: float
    most: float
    unit: str

    @property
    def line(self) -> str:
        """The goal as a row of a Markdown table."""
        verdict = "met" if self.measured <= self.most else "**missed**"
        return (
            f"| {self.number} | {self.what} | {self.measured:,.4g} {self.unit} | {self.most:,g} | {verdict} |"
        )


def table(found: dict[str, Any]) -> str:
    """Return what was measured as a table; parts that were not asked for are left out."""
    rows = [goal.line for goal in goals(found)]
    return "\n".join(["| goal | what | measured | at most | |", "|---|---|---|---|---|", *rows])


def goals(found: dict[str, Any]) -> Iterator[Goal]:
    """Yield the figures of the goals."""
    if "empty_rerun_ms" in found:
        for screen, milliseconds in found["empty_rerun_ms"].items():
            yield Goal(1, f"server time of {screen} on an empty store", milliseconds, 1000, "ms")
        yield Goal(1, "from a span to the open page", found["span_to_screen_s"], 10, "s")
    for name, run in found.get("reruns", {}).items():
        yield Goal(2, f"p95 of a rerun of the Overview, {name}", run["p95_ms"], _RERUN[name], "ms")
    if load := found.get("loads"):
        yield Goal(3, "first load", load["first_mb"], 3.5, "MB")
        yield Goal(3, "cached reload over HTTP", load["cached_http_kb"], 10, "KB")
        yield Goal(3, "cached reload to painted charts", load["cached_painted_ms"], 2500, "ms")
        yield Goal(13, "requests to another host", load["left_the_host"], 0, "")
    if change := found.get("range_change"):
        yield Goal(3, "a change of range", change["kb"], 200, "KB")
    if trace := found.get("long_trace"):
        yield Goal(5, "10,000 spans: rows on the screen", trace["rows_ms"], 2000, "ms")
        yield Goal(5, "10,000 spans: nodes of the tree", trace["tree_nodes"], 499, "")
        yield Goal(5, "10,000 spans: server time of a selection", trace["selection_ms"], 500, "ms")
    if live := found.get("live"):
        yield Goal(15, f"charts replaced in {live['seconds']} s", live["replaced"], 0, "")
        yield Goal(15, "pixels that the page moved", abs(live["scrolled_px"]), 0, "")


_RERUN = {"24h": 1000, "7d": 1000, "30d": 2000, "90d": 2000}
