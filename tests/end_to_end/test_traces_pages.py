"""The list of traces and one trace in a browser: what is shown is what the store holds."""

from urllib.parse import parse_qs, urlsplit

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import expect

from .conftest import Running
from .test_pages import PATIENCE, Witness, witness

__all__ = ["witness"]
pytestmark = pytest.mark.browser


@pytest.fixture
def store(running: Running) -> Client:
    """Return a reader of the demo's store."""
    return clickhouse_connect.get_client(
        host="127.0.0.1", port=running.gateway_port, username="reader", password=running.keys["read"],
        database="kansoku",
    )  # fmt: skip


def parameters(witness: Witness) -> dict[str, list[str]]:
    """Return what the address holds."""
    return parse_qs(urlsplit(witness.page.url).query)


def past(store: Client) -> tuple[str, int]:
    """Return a stretch that is over, as parameters of the address, and the number of its traces."""
    start, end, count = store.query(
        "SELECT toUnixTimestamp(min(hour)) - 3600, toUnixTimestamp(toStartOfHour(max(hour))), "
        "uniqExactIf(trace_id, hour < (SELECT max(hour) FROM traces)) FROM traces"
    ).result_rows[0]
    return f"from={start}&to={end}", count


def test_a_click_on_a_facet_filters_the_list_by_it_and_the_count_holds(
    witness: Witness, store: Client
) -> None:
    """The number beside the value is the number of traces after the click, and that of the store."""
    period, _ = past(store)
    witness.open(f"/traces?{period}")
    facets = witness.page.get_by_role("group", name="Operation").get_by_role("button")
    tool = facets.filter(has_text="execute_tool")
    expect(tool).to_be_visible(timeout=PATIENCE)
    counted = tool.locator(".count").inner_text()
    tool.click()
    expect(witness.page.get_by_text(f"{counted} traces", exact=True)).to_be_visible(timeout=PATIENCE)
    assert parameters(witness)["operation"] == ["execute_tool"]
    expect(tool).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
    witness.page.get_by_role("button", name="execute_tool (tool)").click()
    expect(facets.filter(has_text="execute_tool")).to_have_attribute(
        "aria-pressed", "false", timeout=PATIENCE
    )
    assert "operation" not in parameters(witness)
    witness.innocent()


def test_the_next_page_begins_where_the_first_one_ends(witness: Witness, store: Client) -> None:
    """The place stands in the address, and the same address shows the same rows."""
    period, count = past(store)
    witness.open(f"/traces?{period}")
    expect(witness.page.get_by_text(f"1–50 of {count:,}")).to_be_visible(timeout=PATIENCE)
    witness.page.locator(".st-key-turn_next button").click()
    last = min(100, count)
    expect(witness.page.get_by_text(f"51–{last} of {count:,}")).to_be_visible(timeout=PATIENCE)
    address = witness.page.url
    witness.page.goto(address)
    witness.settle()
    expect(witness.page.get_by_text(f"51–{last} of {count:,}")).to_be_visible(timeout=PATIENCE)
    witness.innocent()


def test_the_export_holds_the_whole_filter(witness: Witness, store: Client) -> None:
    """Every trace of the filter, not the page; three formats."""
    period, count = past(store)
    witness.open(f"/traces?{period}")
    witness.page.locator("[data-testid=stPopover] button").last.click()
    with witness.page.expect_download(timeout=PATIENCE) as found:
        witness.page.get_by_role("button", name="JSON lines").click()
    assert found.value.suggested_filename == "traces.jsonl"
    assert len(found.value.path().read_text(encoding="utf-8").splitlines()) == count
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
    witness.page.wait_for_url("**status=error**", timeout=PATIENCE)
    assert parameters(witness)["min_tokens"] == ["1"]
    witness.innocent()


def test_the_critical_path_and_the_keyboard_of_a_trace(witness: Witness, store: Client) -> None:
    """A switch marks what the end waited for; arrow keys move; J and K walk the list."""
    trace = store.query(
        "SELECT trace_id FROM traces WHERE calls > 1 GROUP BY trace_id "
        "ORDER BY min(start) DESC LIMIT 1 OFFSET 3"
    ).result_rows[0][0]
    witness.open(f"/trace?trace={trace}&range=30d")
    grid = witness.page.get_by_role("treegrid")
    expect(grid).to_be_visible(timeout=PATIENCE)
    witness.page.get_by_role("button", name="Critical path").click()
    assert grid.locator(".path i").count() >= 2
    grid.focus()
    witness.page.keyboard.press("ArrowDown")
    witness.page.wait_for_url("**span=**", timeout=PATIENCE)
    witness.settle()
    witness.page.locator("body").press("j")
    witness.page.wait_for_function(f"!location.search.includes('{trace}')", timeout=PATIENCE)
    witness.innocent()
