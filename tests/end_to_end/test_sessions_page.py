"""Sessions in a browser: the list, a conversation, and the way into a trace and back."""

from dataclasses import replace
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from kansoku_collector.model import SPAN_COLUMNS, Span

from .conftest import PATIENCE, Running
from .test_pages import Witness, witness

__all__ = ["witness"]
pytestmark = pytest.mark.browser

TURNS = 3
HOSTILE = "<script>alert(1)</script> ![x](https://evil.example/x.png) [y](javascript:alert(2))"


@pytest.fixture(scope="module", autouse=True)
def stored(running: Running) -> None:
    """Store one session of three turns, whose context grows; what was said in it is hostile."""
    client = running.client("admin")
    now = client.query("SELECT toUnixTimestamp64Nano(now64(9))").result_rows[0][0]
    spans = []
    for number in range(TURNS):
        call = Span(
            trace_id=f"5e55{number:028x}", span_id="a" * 16, start=now - (TURNS - number) * 60 * 10**9
        )
        call = replace(call, name="chat", operation="chat", environment="talk", billed=True)
        call.request_model, call.provider, call.usage_source = "m", "vendor", "reported"
        call.session_id, call.user_id, call.duration_ns = "talk-1", "talker", 2 * 10**9
        call.cost_source, call.cost_usd = "reported", Decimal("0.25")
        call.input_fresh, call.output_visible = 1000 * (number + 1), 50
        call.input_text, call.output_text = f"question {number} {HOSTILE}", f"answer {number}"
        spans.append(call)
    rows = [[getattr(span, name) for name in SPAN_COLUMNS] for span in spans]
    client.insert("spans", rows, column_names=SPAN_COLUMNS)
    client.close()


def test_a_click_on_a_session_shows_its_conversation_whose_turns_lead_to_traces(witness: Witness) -> None:
    """Turns in order with their texts as text, the sums of the store; the second opens the second trace."""
    witness.open("/sessions?env=talk&range=1h")
    table = witness.page.locator("[data-testid=stDataFrame]").first
    witness.click_row(table, "**/session?**session=talk-1**", x=300)
    witness.settle()
    said = witness.page.locator("[class*=st-key-said_assistant]")
    expect(said).to_have_count(TURNS, timeout=PATIENCE)
    expect(said).to_have_text([f"answer {number}" for number in range(TURNS)], use_inner_text=True)
    expect(witness.page.locator("[class*=st-key-said_user]").first).to_contain_text(HOSTILE)
    expect(witness.page.locator(".st-key-session_head")).to_contain_text("$0.7500")
    expect(witness.page.locator("[class*=st-key-turnhead_]").nth(2)).to_contain_text("3.0K context")
    witness.page.get_by_role("link", name="Trace", exact=True).nth(1).click()
    witness.page.wait_for_url(f"**trace=5e55{1:028x}**", timeout=PATIENCE)
    witness.innocent()


def test_a_click_on_a_user_opens_their_traces(witness: Witness) -> None:
    """The filter is set."""
    witness.open("/sessions?of=users&env=talk&range=1h")
    table = witness.page.locator("[data-testid=stDataFrame]").first
    witness.click_row(table, "**/traces**user=talker**")
    expect(witness.page.get_by_text(f"{TURNS} traces", exact=True)).to_be_visible(timeout=PATIENCE)
    witness.innocent()
