"""The pages of docs/alerts list what the code has."""

from dataclasses import fields
from pathlib import Path

import pytest

from kansoku_collector.store.read.evidence import Evidence
from kansoku_collector.store.read.metrics import METRICS
from kansoku_collector.watch.builtin import DetectorEntry
from kansoku_collector.watch.channels import KINDS, Channel
from kansoku_collector.watch.rule import Entry
from kansoku_collector.watch.signals import SIGNALS

DOCS = Path(__file__).parents[2] / "docs/alerts"
PAGE, DETECTOR = DOCS / "README.md", DOCS / "detector.md"
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


def fields_table(model: type[Entry | Channel | DetectorEntry]) -> str:
    """Return the table of a model's fields."""
    rows = []
    for name, field in model.model_fields.items():
        if not field.description:
            continue
        default = (
            field.get_default(call_default_factory=True, validated_data={})
            if not field.is_required()
            else "required"
        )
        plain = default if isinstance(default, str | int) and default != "" else "–"
        rows.append(f"| `{field.alias or name}` | {plain} | {field.description} |")
    return "\n".join(["| field | default | meaning |\n|---|---|---|", *rows])


@pytest.mark.parametrize(
    "table", [metrics_table(), fields_table(Entry), *(fields_table(kind) for kind in KINDS.values())]
)
def test_the_page_has_the_tables_of_the_code(table: str) -> None:
    """A metric or field that is added, renamed or explained anew is so on the page too."""
    assert table in PAGE.read_text(encoding="utf-8")


def test_the_page_of_the_detector_has_its_fields_and_signals() -> None:
    """A field of the entry, a signal, or a part of the evidence that is added is on the page too."""
    text = DETECTOR.read_text(encoding="utf-8")
    assert fields_table(DetectorEntry) in text
    assert [name for name in SIGNALS if f"`{name}`" not in text] == []
    parts = [field.name for field in fields(Evidence) if field.name != "version"]
    assert [name for name in parts if f"`{name}`" not in text] == []
