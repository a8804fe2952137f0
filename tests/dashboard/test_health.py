"""Data health: what the screen says is what the store and the collector say, to those who may know it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from kansoku_collector.store.read import arrivals, overview, projects, receipts, storage
from kansoku_collector.store.read.arrivals import Arrival
from kansoku_collector.store.scope import Period, Scope
from kansoku_dashboard import collector, condition, data, roles, settings
from kansoku_dashboard.figures import arrivals as figure
from kansoku_dashboard.screens import health_rows
from kansoku_dashboard.settings import DashboardSettings

DAY = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))
TOLD = {
    "version": "9.9",
    "journal": {
        "segments": 2,
        "bytes": 4100,
        "lag_seconds": 1.5,
        "set_aside_segments": 1,
        "set_aside": [
            {
                "name": "01-x", "state": "waits", "since": "2026-11-01T00:00:00+00:00", "bytes": 3,
                "requests": 1, "spans": {"shop": 3}, "reasons": ["DataError: <b>broken</b>"],
            }
        ],
    },
    "retention": {
        "defaults": {"content": 30, "spans": 90, "rollups": 900},
        "projects": {"default": {"content": 7}, "shop": {"spans": 5}},
    },
    "keys": [
        {"name": "one", "project": "default", "scopes": ["ingest"], "until": None,
         "last_used": "2026-11-01T10:00:00+00:00"},
        {"name": "two", "project": "shop", "scopes": ["read"], "until": None, "last_used": None},
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own_settings():
    """Leave no settings to the next test."""
    yield
    settings.use(DashboardSettings())


@pytest.fixture
def told(monkeypatch):
    """Answer for the collector; return the paths that were asked for."""
    asked = []
    monkeypatch.setattr(collector, "get", lambda path: asked.append(path) or TOLD)
    return asked


@pytest.fixture(scope="module")
def sent(seeded):
    """Store the receipts of two processes, of which one lacks five spans."""
    now = datetime.now(UTC)
    for process, number, stored, dropped in (("p-good", 100, 97, 3), ("p-lost", 50, 45, 0)):
        seeded.command(
            """INSERT INTO receipts (project, process, service, told, given_up, received, stored, dropped,
                first_seen, last_seen) SELECT 'default', {process:String}, 'garbage-guide',
                tuple({sent:UInt64}, 0, {sent:UInt64}), map('queue_full', 2), {stored:UInt64},
                {stored:UInt64},
                map('given_up', {dropped:UInt64}), {now:DateTime64(3, 'UTC')}, {now:DateTime64(3, 'UTC')}""",
            parameters={"process": process, "sent": number, "stored": stored, "dropped": dropped, "now": now},
        )
    data.forget()


def use(**values: object) -> None:
    """Change some settings of this process."""
    settings.use(settings.current().model_copy(update=values))


def texts(app) -> str:
    """Return all words of the screen."""
    return "\n".join(element.value for element in [*app.markdown, *app.caption, *app.warning])


def tables(app) -> dict[str, object]:
    """Return the tables of the screen by their first column."""
    return {
        str(frame.value.columns[0]) + "/" + str(frame.value.columns[1]): frame.value
        for frame in app.dataframe
    }


def test_the_figures_are_those_of_the_store(open_app, seeded, sent, told):
    """Missing spans, unpriced calls, services: from the same questions that SQL answers."""
    app = open_app("health")
    assert not app.exception
    shown = {tile.label: tile.value for tile in app.metric}
    period = Period.last(timedelta(hours=24))
    assert shown["Missing spans"] == str(receipts.missing(seeded, "default", since=period.start)) == "5"
    assert "5 spans are missing" in texts(app)
    totals = overview.totals(seeded, Scope(), period)
    assert int(shown["Calls without a price"].replace(",", "")) == pytest.approx(totals.unpriced_calls, abs=3)
    found = tables(app)
    balance = found["Project/Process"]
    assert list(balance["Process"])[:2] == ["p-lost", "p-good"]
    assert list(balance["Missing"])[:2] == ["✕ 5", "0"]
    assert list(balance["Dropped, by reason"])[:2] == ["–", "given_up 3"]
    assert list(balance["Given up by the SDK"])[:2] == ["queue_full 2", "queue_full 2"]
    counted = seeded.query("SELECT count() FROM spans").result_rows[0][0]
    sizes = found["Table/On disk"].set_index("Table")
    assert sizes.loc["spans", "Rows"] == f"{counted:,}"


def test_the_screen_is_japanese_for_japanese_readers(open_app, sent, told):
    """Headings, columns and sentences."""
    app = open_app("health", lang="ja")
    assert not app.exception
    assert app.title[0].value == "データの健全性"
    assert "5 件のスパン" in texts(app)


def test_an_administrator_sees_keys_retention_and_the_journal(open_app, told):
    """With the project's own days, and without any secret."""
    app = open_app("health")
    found = tables(app)
    assert list(found["Name/Project"]["Name"]) == ["one", "two"]
    assert list(found["What/Days"]["Days"]) == ["7", "90", "900"]
    assert list(found["What/Days"]["Set by"]) == ["this project", "the defaults", "the defaults"]
    assert list(found["Segment/State"]["Reason"]) == ["DataError: <b>broken</b>"]
    assert "Collector 9\\.9" in texts(app)
    shown = {tile.label: tile.value for tile in app.metric}
    assert (shown["Segments waiting"], shown["Bytes waiting"], shown["Set aside"]) == ("2", "4.1 KB", "1")


def test_others_do_not_and_the_collector_is_not_even_asked(open_app, told):
    """A reviewer judges answers and runs nothing."""
    use(access="password=reviewer")
    app = open_app("health")
    assert not app.exception
    assert told == []
    assert "shown to admins" in texts(app)
    assert not {"Name/Project", "What/Days", "Table/On disk", "Segment/State"} & set(tables(app))


def test_the_administrator_of_one_project_sees_its_keys_alone(told, monkeypatch):
    """Neither other projects' keys nor the journal, in which all are mixed."""
    use(access="password=admin:shop, password=viewer")
    found = condition.read("shop")
    assert [key.name for key in found.keys] == ["two"]
    assert found.journal is None
    assert dict(found.days) == {"content": 30, "spans": 5, "rollups": 900}
    with pytest.raises(roles.ForbiddenError):
        condition.read("default")


def test_a_collector_that_is_away_costs_its_panels_only(open_app, sent):
    """The reason is said, and what the store knows is shown."""
    app = open_app("health")
    assert not app.exception
    assert "KANSOKU\\_ADMIN\\_KEY" in texts(app)
    assert "Project/Process" in tables(app)
    use(admin_key=DashboardSettings(admin_key="k").admin_key, collector_url="http://127.0.0.1:9")
    with pytest.raises(collector.UnansweredError, match=r"127\.0\.0\.1:9"):
        collector.get("/v1/condition")


@pytest.mark.parametrize(
    "told_wrong", [{}, {"version": "1", "retention": None}, {"retention": {"projects": []}}]
)
def test_an_answer_of_another_version_is_a_sentence(told_wrong, monkeypatch):
    """The dashboard may be newer or older than its collector."""
    monkeypatch.setattr(collector, "get", lambda _: told_wrong)
    with pytest.raises(collector.UnansweredError, match="v1/condition"):
        condition.read("default")


def test_an_empty_store_says_so(open_empty, told):
    """No heading without a word below it."""
    app = open_empty("health")
    assert not app.exception
    assert "No service sent anything" in texts(app)
    assert "No sender was heard of" in texts(app)


def test_the_gap_of_the_seed_is_found_for_its_service(seeded):
    """Nothing came from 0.43 to 0.56 of its two days."""
    found = arrivals.arrivals(seeded, "default", Period.last(timedelta(days=7)))
    assert [one.service for one in found] == ["garbage-guide"]
    expected = datetime.now(UTC) - timedelta(days=2 * 0.5)
    assert any(gap.start < expected < gap.end for gap in found[0].gaps)
    counted = seeded.query("SELECT count() FROM spans WHERE service = 'garbage-guide'").result_rows[0][0]
    assert found[0].spans == counted
    assert abs(found[0].first - (datetime.now(UTC) - timedelta(days=2))) < timedelta(hours=6)


def test_unpriced_models_are_those_of_the_spans(seeded):
    """The question reads rollups; the spans say the same."""
    found = arrivals.unpriced(seeded, Scope(), Period.last(timedelta(days=7)))
    rows = seeded.query(
        """SELECT provider, if(response_model = '', request_model, response_model) AS m, count(),
            countIf(cost_source = 'unpriced') AS n
        FROM spans WHERE billed GROUP BY provider, m HAVING n > 0 ORDER BY n DESC"""
    ).result_rows
    assert [(one.provider, one.model, one.calls, one.unpriced) for one in found] == [
        tuple(row) for row in rows
    ]
    assert found


def test_storage_adds_up(seeded):
    """Bytes are those of the parts, and growth is rows a day at bytes a row."""
    found = storage.storage(seeded)
    by_name = {table.name: table for table in found.tables}
    assert by_name["spans"].rows == seeded.query("SELECT count() FROM spans").result_rows[0][0]
    assert found.bytes == sum(table.bytes for table in found.tables)
    spans = by_name["spans"]
    assert spans.daily_rows == pytest.approx(spans.rows / 2, rel=0.1)  # two days of traffic
    assert spans.daily_bytes == pytest.approx(spans.bytes / 2, rel=0.1)
    assert by_name["migrations"].daily_bytes is None
    assert projects.projects(seeded) == ["default"]


def test_the_line_of_a_service_breaks_at_its_gaps():
    """Between the two stretches nothing is drawn but the gap."""
    gap = Period(DAY.start + timedelta(hours=3), DAY.start + timedelta(hours=5))
    made = figure.lines(
        [Arrival("<b>", DAY.end, 7, [gap], DAY.start)], DAY, ("sends", "gap", "none"),
        zone=timezone(timedelta(hours=9)), days="%b",
    )  # fmt: skip
    sends, silent = made["data"]
    assert sends["x"] == [
        "2026-11-01T09:00:00", "2026-11-01T12:00:00", None, "2026-11-01T14:00:00",
        "2026-11-02T09:00:00", None,
    ]  # fmt: skip
    assert silent["x"] == ["2026-11-01T12:00:00", "2026-11-01T14:00:00", None]
    assert set(sends["y"]) == {"&lt;b&gt;", None}


def test_a_service_that_stopped_ends_where_it_stopped():
    """A line up to now would say that it still sends."""
    last = DAY.start + timedelta(hours=6)
    made = figure.lines([Arrival("", last, 7, [], DAY.start)], DAY, ("sends", "gap", "none"), days="%b")
    assert made["data"][0]["x"][1] == "2026-11-01T06:00:00"
    assert made["data"][0]["y"][0] == "none"


def test_a_service_that_came_late_begins_where_it_came():
    """A line from the beginning of the range would say that it always sent."""
    first = DAY.start + timedelta(hours=20)
    made = figure.lines([Arrival("new", DAY.end, 7, [], first)], DAY, ("sends", "gap", "none"), days="%b")
    assert made["data"][0]["x"][:2] == ["2026-11-01T20:00:00", "2026-11-02T00:00:00"]


def test_no_service_is_an_empty_figure():
    """It must not raise."""
    assert figure.lines([], DAY, ("a", "b", "c"), days="%b")["data"][0]["x"] == []


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (812, "812 B"), (999.6, "1.0 KB"), (41_200, "41.2 KB"), (3.7e9, "3.7 GB"), (2e12, "2.0 TB")],
)
def test_a_size_is_written_in_its_unit(number, text):
    """A person reads three digits."""
    assert health_rows.size(number) == text


def test_a_filter_of_the_screen_before_does_not_filter_out_of_sight(open_app, sent, told):
    """Data health has no filters: what a link or the menu carries along must not shrink its counts."""
    shown = [
        {tile.label: tile.value for tile in open_app("health", **query).metric}["Calls without a price"]
        for query in ({}, {"env": "nowhere", "model": "gpt-1"})
    ]
    assert shown[0] == shown[1] != "0"
