"""Hostile prompts in a real browser: they are shown, they do nothing, and nothing is loaded for them."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from kansoku_collector.model import FEEDBACK_COLUMNS, SPAN_COLUMNS, Feedback, Span

from .conftest import PATIENCE, Running
from .test_pages import Witness, witness

__all__ = ["witness"]
pytestmark = pytest.mark.browser

TRACE, ROOT = "e5" * 16, "00000000000000e5"
HOST = "evil.example"
EVIL = (
    "<script>window.caught=1</script><img src=x onerror='window.caught=1'>"
    f"<svg onload='window.caught=1'> ![p](http://{HOST}/p.png) [go](javascript:window.caught=1) "
    f"<http://{HOST}/a> www.{HOST} :red[red] $x^2$ \x1b[31mANSI\x1b[0m \u202egnp.exe\u202c"
)
MEGABYTES = "A" * 5_000_000
INCIDENT: dict[str, Any] = {
    "project": "default", "incident_id": "hostile", "rule": EVIL, "metric": "error_rate", "state": "open",
    "severity": "page", "opened": datetime.now(UTC), "updated": datetime.now(UTC), "value": 0.5, "peak": 0.5,
    "threshold": 0.05, "comparison": "above", "samples": 100, "window_seconds": 900,
    "scope": {"service": EVIL, "model": EVIL}, "deliveries": "[]",
}  # fmt: skip


@pytest.fixture(scope="module")
def hostile(running: Running) -> str:
    """Store a trace with an attack in every text that a sender chooses; return its id."""
    client = running.client("admin")
    start = client.query("SELECT toUnixTimestamp64Nano(now64(9))").result_rows[0][0] - 60 * 10**9
    parts = [
        {"type": "text", "content": EVIL},
        {"type": "text", "content": f"data:image/png;base64,{MEGABYTES}"},
        {"type": "blob", "mime_type": "image/png", "content": MEGABYTES},
        {"type": "uri", "uri": f"http://{HOST}/i.png", "mime_type": "image/png"},
        {"type": "tool_call", "name": EVIL, "arguments": EVIL},
    ]
    texts: dict[str, Any] = dict.fromkeys(
        ("name", "service", "system_instructions", "input_text", "output_text", "error_message", "error_type",
         "request_model", "session_id", "user_id", "release", "retrieval_query", "tool_result"),
        EVIL,
    )  # fmt: skip
    span = Span(
        trace_id=TRACE, span_id=ROOT, start=start, duration_ns=10**9, operation="chat", status="error"
    )
    span = replace(
        span, **texts, billed=True, tags=[EVIL], attributes={EVIL: EVIL}, parameters={EVIL: EVIL},
        input_messages=json.dumps([{"role": EVIL, "parts": parts}]),
        documents=json.dumps([{"id": EVIL, "content": EVIL, "score": 0.5}]),
        events=json.dumps([{"name": EVIL, "time_ns": start, "attributes": {EVIL: EVIL}}]),
    )  # fmt: skip
    said = Feedback(
        time=start // 10**6,
        trace_id=TRACE,
        name=EVIL,
        label=EVIL,
        comment=EVIL,
        correction=EVIL,
        user_id=EVIL,
    )
    client.insert("incidents", [list(INCIDENT.values())], column_names=list(INCIDENT))
    for table, columns, row in (("spans", SPAN_COLUMNS, span), ("feedback", FEEDBACK_COLUMNS, said)):
        client.insert(table, [[getattr(row, name) for name in columns]], column_names=columns)
    client.close()
    return TRACE


def harmless(page: Page) -> None:
    """Assert that nothing ran, no link or image leads outside, and no control character is drawn."""
    assert page.evaluate("window.caught") is None
    # Our own links carry such names in their query.
    ways = [f"http://{HOST}", f"https://{HOST}", f"http://www.{HOST}", "//", "mailto:", "javascript:"]
    outside = [f"a[href^='{way}']" for way in ways]
    assert page.locator(", ".join([f"img[src*='{HOST}']", *outside])).count() == 0
    assert page.locator("[data-testid=stException]").count() == 0
    text = page.locator("body").inner_text()
    assert not {"\x1b", "\u202e", "\u202c"} & set(text)
    assert "A" * 2000 not in text


@pytest.mark.parametrize("tab", ["details", "attributes", "events", "feedback"])
def test_an_attack_in_a_trace_is_text(witness: Witness, hostile: str, tab: str) -> None:
    """In every tab the attacker's words can be read, and nothing else comes of them."""
    witness.open(f"/trace?trace={hostile}&tab={tab}")
    shown = witness.page.get_by_text("<script>window.caught=1</script>").filter(visible=True).first
    expect(shown).to_be_visible(timeout=PATIENCE)
    harmless(witness.page)
    witness.innocent()


def test_an_attack_in_the_list_and_its_facets_is_text(witness: Witness, hostile: str) -> None:
    """Names, users, tags and models of a sender's choice stand in the facets as letters."""
    witness.open("/traces?range=1h&status=error")
    facet = witness.page.get_by_role("button").filter(has_text="<script>window.caught=1</script>").first
    expect(facet).to_be_visible(timeout=PATIENCE)
    harmless(witness.page)
    facet.click()
    witness.settle()
    harmless(witness.page)
    witness.innocent()


def test_an_attack_in_messages_is_text_and_megabytes_of_base64_are_a_size(
    witness: Witness, hostile: str
) -> None:
    """The first tab shows the words, and of the data neither text nor an image that cannot be one."""
    witness.open(f"/trace?trace={hostile}&tab=content")
    shown = witness.page.get_by_text("<script>window.caught=1</script>").filter(visible=True).first
    expect(shown).to_be_visible(timeout=PATIENCE)
    sized = witness.page.get_by_text("image/png · 3.8 MB").filter(visible=True)
    expect(sized.first).to_be_visible(timeout=PATIENCE)
    expect(sized).to_have_count(2)
    harmless(witness.page)
    witness.innocent()


def test_an_attack_beside_another_trace_is_text(witness: Witness, hostile: str, running: Running) -> None:
    """The comparison draws the same texts by other means."""
    client = running.client("reader")
    other = client.query("SELECT trace_id FROM traces WHERE calls > 1 LIMIT 1").result_rows[0][0]
    client.close()
    witness.open(f"/trace?trace={hostile}&with={other}")
    grids = witness.page.get_by_role("treegrid")
    expect(grids.nth(1)).to_be_visible(timeout=PATIENCE)
    harmless(witness.page)
    witness.innocent()


@pytest.mark.parametrize("path", ["/", "/alerts"])
@pytest.mark.usefixtures("hostile")
def test_an_attack_in_an_alert_is_text(witness: Witness, path: str) -> None:
    """A service of a sender's choice stands in the first sentence that is read, and must be no link."""
    witness.open(path)
    shown = witness.page.get_by_text("<script>window.caught=1</script>").filter(visible=True).first
    expect(shown).to_be_visible(timeout=PATIENCE)
    harmless(witness.page)
    witness.innocent()


@pytest.mark.usefixtures("hostile")
def test_an_attack_in_the_tables_of_data_health_is_text(witness: Witness) -> None:
    """Services and models of a sender's choice, in the tables and beside the chart of what came when."""
    witness.open("/health?range=1h")
    expect(witness.page.locator("svg .ytick").first).to_be_visible(timeout=PATIENCE)
    harmless(witness.page)
    witness.innocent()
