"""Version changes: new versions and take-overs are marks, versions side by side are not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.drift import VersionChange, version_changes
from kansoku_collector.store.read.versions import family
from kansoku_collector.store.scope import Period, Scope

END = datetime(2026, 11, 15, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TODAY = Period(END - DAY, END)


def add(client: Client, start: datetime, end: datetime, per_hour: int = 60, **fields: Any) -> None:
    """Insert calls at even distances."""
    base = {
        "project": "default",
        "service": "guide",
        "provider": "openai",
        "operation": "chat",
        "billed": 1,
    } | fields
    count = round((end - start) / HOUR * per_hour)
    rows = [[start + i * (end - start) / count, *base.values()] for i in range(count)]
    client.insert("spans", rows, column_names=["start", *base])


def test_a_model_that_the_vendor_changed_is_one_mark_at_its_minute(store: Client) -> None:
    """The same family, a version never seen: model, service, before and after."""
    change = END - 5 * HOUR + timedelta(minutes=17)
    add(store, END - 8 * DAY, change, response_model="gpt-5-mini-2026-03-01")
    add(store, change, END, response_model="gpt-5-mini-2026-09-15")
    assert version_changes(store, Scope(), TODAY) == [
        VersionChange(change, "model", "guide", "gpt-5-mini-2026-03-01", "gpt-5-mini-2026-09-15")
    ]
    assert version_changes(store, Scope(), Period(END - 3 * DAY, END - 2 * DAY)) == []


def test_another_family_is_a_mark_only_when_it_takes_over(store: Client) -> None:
    """An embedding model beside the chat model is nothing; a replaced chat model is."""
    add(store, END - 3 * DAY, END - 6 * HOUR, response_model="gpt-5-mini")
    add(store, END - 12 * HOUR, END, 2, response_model="text-embedding-3-small")
    add(store, END - 6 * HOUR, END, response_model="claude-sonnet-5", provider="anthropic")
    assert [(c.before, c.after) for c in version_changes(store, Scope(), TODAY)] == [
        ("gpt-5-mini", "claude-sonnet-5")
    ]


def test_an_a_b_test_is_one_mark_however_long_it_runs(store: Client) -> None:
    """The new version's first minute, and nothing for each time one of the two is ahead."""
    add(store, END - 8 * DAY, END, 30, prompt_name="guide", prompt_version="v14")
    add(store, END - 20 * HOUR, END, 30, prompt_name="guide", prompt_version="v16")
    assert [(c.kind, c.time, c.before, c.after) for c in version_changes(store, Scope(), TODAY)] == [
        ("prompt", END - 20 * HOUR, "v14", "v16")
    ]


def test_a_roll_back_is_a_mark(store: Client) -> None:
    """The old version was seen before; that it answers everything again is the change."""
    add(store, END - 3 * DAY, END - 10 * HOUR, release="1.0")
    add(store, END - 10 * HOUR, END - 4 * HOUR, release="1.1")
    add(store, END - 4 * HOUR, END, release="1.0")
    found = [(c.kind, c.name, c.time, c.before, c.after) for c in version_changes(store, Scope(), TODAY)]
    assert found == [
        ("release", "guide", END - 10 * HOUR, "1.0", "1.1"),
        ("release", "guide", END - 4 * HOUR, "1.1", "1.0"),
    ]


def test_a_new_service_has_no_change(store: Client) -> None:
    """What is first seen has nothing before it."""
    add(
        store,
        END - 5 * HOUR,
        END,
        release="1.0",
        response_model="gpt-5",
        prompt_name="p",
        prompt_version="v1",
    )
    assert version_changes(store, Scope(), TODAY) == []


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-5-mini-2026-03-01", "gpt-5-mini"),
        ("claude-sonnet-4-5-20260929", "claude-sonnet-4-5"),
        ("models/gemini-2.5-flash-preview-05-20", "gemini-2.5-flash"),
        ("gemini-2.5-flash-001", "gemini-2.5-flash"),
        ("gpt-4o", "gpt-4o"),
        ("llama3:latest", "llama3"),
    ],
)
def test_a_family_is_the_name_without_its_version(model: str, expected: str) -> None:
    """Dates, snapshot numbers and channels are versions; the generation is part of the name."""
    assert family(model) == expected


def test_a_failed_call_is_no_change_of_version(store: Client) -> None:
    """A failed call and a stream cut short bear the name that was asked for: no new version, no way back."""
    add(store, END - 8 * DAY, END, response_model="gpt-5-mini-2026-03-01")
    add(store, END - 5 * HOUR, END - 4 * HOUR, 6, request_model="gpt-5-mini", status="error")
    add(store, END - 3 * HOUR, END - 2 * HOUR, 6, request_model="gpt-5-mini")
    assert version_changes(store, Scope(), TODAY) == []
