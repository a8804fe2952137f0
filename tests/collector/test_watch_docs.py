"""docs/alerts.md lists what the code has."""

from pathlib import Path

import pytest

from kansoku_collector.store.read.metrics import METRICS
from kansoku_collector.watch.channels import KINDS, Channel
from kansoku_collector.watch.rule import Entry

PAGE = Path(__file__).parents[2] / "docs/alerts.md"
UNITS = {"usd": "USD", "seconds": "time", "share": "share", "count": "number"}


def metrics_table() -> str:
    """Return the table of metrics."""
    rows = [
        f"| `{m.name}` | {m.meaning} | {UNITS[m.unit]} | {m.noun} | {m.floor or '–'} "
        f"| {'yes' if m.has_interval else '–'} |"
        for m in METRICS.values()
    ]
    head = "| metric | meaning | threshold | samples | least | interval |\n|---|---|---|---|---|---|"
    return "\n".join([head, *rows])


def fields_table(model: type[Entry] | type[Channel]) -> str:
    """Return the table of a model's fields."""
    rows = []
    for name, field in model.model_fields.items():
        if not field.description:
            continue
        default = field.get_default(call_default_factory=True) if not field.is_required() else "required"
        plain = default if isinstance(default, str | int) and default != "" else "–"
        rows.append(f"| `{field.alias or name}` | {plain} | {field.description} |")
    return "\n".join(["| field | default | meaning |\n|---|---|---|", *rows])


@pytest.mark.parametrize(
    "table", [metrics_table(), fields_table(Entry), *(fields_table(kind) for kind in KINDS.values())]
)
def test_the_page_has_the_tables_of_the_code(table: str) -> None:
    """A metric or field that is added, renamed or explained anew is so on the page too."""
    assert table in PAGE.read_text(encoding="utf-8")
