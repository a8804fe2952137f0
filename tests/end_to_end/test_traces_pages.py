"""The list of traces and one trace in a browser: what is shown is what the store holds."""

import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from kansoku_collector.model import SPAN_COLUMNS, Span

from .conftest import PATIENCE, Running
from .test_pages import Witness, witness

__all__ = ["witness"]
pytestmark = pytest.mark.browser


TRACES, WITH_TOOL = 120, 40  # of an environment of their own: the demo goes on while a test looks
LIST = "/traces?env=pages"


@pytest.fixture(scope="module", autouse=True)
def stored(running: Running) -> None:
    """Store traces of an agent, a third of them with a call of a tool."""
    client = running.client("admin")
    now = client.query("SELECT toUnixTimestamp64Nano(now64(9))").result_rows[0][0]
    spans = []
    for number in range(TRACES):
        root = Span(trace_id=f"{number + 1:032x}", span_id="a" * 16, start=now - (number + 1) * 10**9)
        root.name, root.operation, root.environment = "agent", "invoke_agent", "pages"
        root.duration_ns = 10**9 // 2
        spans.append(root)
        if number % (TRACES // WITH_TOOL) == 0:
            tool = replace(root, span_id="b" * 16, parent_span_id="a" * 16, name="tool", duration_ns=10**8)
            tool.operation = "execute_tool"
            spans.append(tool)
    rows = [[getattr(span, name) for name in SPAN_COLUMNS] for span in spans]
    client.insert("spans", rows, column_names=SPAN_COLUMNS)
    client.close()


def asked(address: str, name: str = "operation") -> list[str]:
    """Return the operations, or what else is named so, that an address filters by."""
    return parse_qs(urlsplit(address).query).get(name, [])


def test_a_click_on_a_facet_filters_and_its_count_holds(witness: Witness) -> None:
    """The number beside the value is the number of traces after the click; another click takes it off."""
    witness.open(LIST)
    tool = witness.page.get_by_role("group", name="Operation").get_by_role("button", name="execute_tool")
    expect(tool).to_contain_text(str(WITH_TOOL), timeout=PATIENCE)
    tool.click()
    expect(witness.page.get_by_text(f"{WITH_TOOL} traces", exact=True)).to_be_visible(timeout=PATIENCE)
    expect(tool).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
    witness.page.wait_for_url(lambda address: asked(address) == ["execute_tool"], timeout=PATIENCE)
    tool.click()
    expect(witness.page.get_by_text(f"{TRACES} traces", exact=True)).to_be_visible(timeout=PATIENCE)
    witness.page.wait_for_url(lambda address: asked(address) == [], timeout=PATIENCE)
    witness.innocent()


def test_the_next_page_begins_where_the_first_one_ends(witness: Witness) -> None:
    """The place stands in the address, and the same address shows the same rows."""
    witness.open(LIST)
    expect(witness.page.get_by_text(f"1–50 of {TRACES}")).to_be_visible(timeout=PATIENCE)
    witness.page.get_by_role("button", name="chevron_right icon").click()
    expect(witness.page.get_by_text(f"51–100 of {TRACES}")).to_be_visible(timeout=PATIENCE)
    witness.page.wait_for_url("**row=51**", timeout=PATIENCE)
    witness.open(f"/traces?{urlsplit(witness.page.url).query}")
    expect(witness.page.get_by_text(f"51–100 of {TRACES}")).to_be_visible(timeout=PATIENCE)
    witness.innocent()


def test_the_export_holds_the_whole_filter(witness: Witness) -> None:
    """Every trace of the filter, not the page."""
    witness.open(LIST)
    witness.page.get_by_role("button", name="download icon").click()
    with witness.page.expect_download(timeout=PATIENCE) as found:
        witness.page.get_by_role("button", name="JSON lines").click()
    assert found.value.suggested_filename == "traces.jsonl"
    assert len(found.value.path().read_text(encoding="utf-8").splitlines()) == TRACES
    witness.innocent()


def test_a_view_is_saved_and_opened_again(witness: Witness) -> None:
    """It is kept by the collector: a fresh browser has it."""
    witness.open("/traces?status=error&min_tokens=1")
    witness.page.get_by_role("button", name="Views").click()
    witness.page.get_by_placeholder("e.g. Slow answers in production").fill("遅い回答")
    witness.page.get_by_role("button", name="Save").click()
    expect(witness.page.get_by_text("Saved: 遅い回答")).to_be_visible(timeout=PATIENCE)
    witness.open("/traces")
    witness.page.get_by_role("button", name="Views").click()
    witness.page.get_by_role("button", name="遅い回答").first.click()
    for condition in ("status=error", "min_tokens=1"):
        witness.page.wait_for_url(f"**{condition}**", timeout=PATIENCE)
    witness.innocent()


def test_the_critical_path_and_the_keyboard_of_a_trace(witness: Witness) -> None:
    """A switch marks what the end waited for; arrow keys move; J goes on in the list."""
    trace = f"{4:032x}"
    witness.open(f"/trace?trace={trace}&env=pages")
    grid = witness.page.get_by_role("treegrid")
    expect(grid).to_be_visible(timeout=PATIENCE)
    witness.page.get_by_role("button", name="Critical path").click()
    expect(grid.locator(".path i")).to_have_count(2)
    grid.focus()
    witness.page.keyboard.press("ArrowDown")
    witness.page.wait_for_url("**span=bbbb**", timeout=PATIENCE)
    witness.settle()
    witness.page.locator("body").press("j")
    witness.page.wait_for_url(f"**trace={5:032x}**", timeout=PATIENCE)
    witness.innocent()


def test_back_takes_off_one_filter_after_the_other(witness: Witness) -> None:
    """Range and search are steps like a click on a facet: Back does not leave the whole investigation."""
    page = witness.page
    found = page.get_by_text(re.compile(r"^\d+ traces$"))
    search = page.get_by_placeholder("Search inputs and outputs")
    witness.open(f"{LIST}&range=7d")
    expect(found).to_have_text(f"{TRACES} traces")
    witness.choose("1h", "**range=1h**")
    search.fill("nobody says this")
    search.press("Enter")
    page.wait_for_url("**q=nobody**", timeout=PATIENCE)
    expect(found).to_have_text("0 traces")
    page.go_back()
    expect(found).to_have_text(f"{TRACES} traces")
    expect(search).to_have_value("")
    expect(page.locator(".st-key-range [aria-checked=true]")).to_have_text("1h")
    page.go_back()
    expect(page.locator(".st-key-range [aria-checked=true]")).to_have_text("7d")
    assert asked(page.url, "env") == ["pages"]
    page.go_forward()
    expect(page.locator(".st-key-range [aria-checked=true]")).to_have_text("1h")
    witness.innocent()
