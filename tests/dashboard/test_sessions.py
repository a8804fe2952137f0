"""Sessions, one session and Users, run whole on the seeded store; their numbers are those of SQL."""

from datetime import UTC, datetime, timedelta

import pytest
from charts import figure_of, texts

from kansoku_collector.store.read import conversations, sessions
from kansoku_collector.store.scope import Period, Scope
from kansoku_dashboard.figures.style import money


def week():
    """Return the seven days up to now."""
    return Period.last(timedelta(days=7), now=datetime.now(UTC) + timedelta(minutes=1))


def test_the_list_says_what_sql_says(open_app, seeded):
    """Turns, errors and cost of a session are those of its spans, its votes those of its traces."""
    app = open_app("sessions", range="7d", order="cost")
    assert not app.exception
    rows = app.dataframe[0].value.to_dict("records")
    assert len(rows) == sessions.PAGE_SIZE
    first = rows[0]
    turns, failed, cost, unpriced = seeded.query(
        "SELECT countIf(parent_span_id = ''), countIf(parent_span_id = '' AND status = 'error'),"
        " toFloat64(sum(cost_usd)), countIf(cost_source = 'unpriced')"
        " FROM spans WHERE session_id = {session:String}",
        parameters={"session": first["session"]},
    ).result_rows[0]
    assert first["turns"] == turns
    assert first["failed"] == (f"✕ {failed}" if failed else "")
    assert first["cost"] == ("≥ " if unpriced else "") + money(cost)
    given = conversations.opinions(seeded, "default", week(), "session_id", [row["session"] for row in rows])
    shown = sum(1 for row in rows if row["votes"])
    assert shown == len(given) > 0


def test_the_dearest_come_first_and_the_next_page_goes_on(open_app, seeded):
    """The second page begins where the first one ended."""
    app = open_app("sessions", range="7d", order="cost")
    first = list(app.dataframe[0].value["session"])
    app.button(key="sessions_next").click().run()
    second = list(app.dataframe[0].value["session"])
    wanted = [row.session_id for row in sessions.sessions(seeded, Scope(), week(), order="cost", size=100)]
    assert first + second == wanted


def test_a_session_is_its_conversation_in_order(open_app, seeded):
    """Turns by time with their texts; the chart has a column for each, with the store's money and context."""
    name = sessions.sessions(seeded, Scope(), week(), order="requests", size=1)[0].session_id
    app = open_app("session", session=name)
    assert not app.exception
    rows = seeded.query(
        "SELECT toFloat64(sum(cost_usd)), max(input_tokens), min(start) AS began FROM spans"
        " WHERE session_id = {session:String} GROUP BY trace_id ORDER BY began",
        parameters={"session": name},
    ).result_rows
    bars = {trace["name"]: trace for trace in figure_of(app, "chart_session_growth")["data"]}
    priced = [
        (usd, cost) for usd, (cost, _, _) in zip(bars["cost"]["y"], rows, strict=True) if usd is not None
    ]
    assert priced
    assert all(usd == pytest.approx(cost) for usd, cost in priced)
    assert bars["context, fresh"]["y"] == [tokens for _, tokens, _ in rows]
    said = [element.value for element in app.text]
    assert len(said) >= len(rows)
    assert f"**{len(rows)}**" in texts(app)


def test_an_unknown_session_is_told_as_such(open_app):
    """A link may be older than the data."""
    app = open_app("session", session="[x](https://evil.example)")
    assert not app.exception
    assert "No session" in app.warning[0].value
    assert "https://evil" not in app.warning[0].value


def test_the_users_by_cost_and_by_dislikes_are_those_of_sql(open_app, seeded):
    """Both rankings from the raw rows."""
    app = open_app("sessions", of="users", range="7d")
    assert not app.exception
    dearest = seeded.query(
        "SELECT user_id, toFloat64(sum(cost_usd)) AS usd FROM spans GROUP BY user_id"
        " ORDER BY usd DESC LIMIT 10"
    ).result_rows
    bars = figure_of(app, "chart_users_cost")["data"][0]
    assert bars["x"] == pytest.approx([usd for _, usd in dearest])
    disliked = seeded.query(
        "SELECT t.user_id, countIf(f.value < 0.5) AS down FROM feedback AS f INNER JOIN"
        " (SELECT trace_id, any(user_id) AS user_id FROM spans GROUP BY trace_id) AS t USING (trace_id)"
        " WHERE f.name = 'like' GROUP BY t.user_id ORDER BY down DESC LIMIT 10"
    ).result_rows
    assert figure_of(app, "chart_users_dislikes")["data"][0]["x"] == [down for _, down in disliked]


def test_a_row_of_users_counts_their_sessions_and_votes(open_app, seeded):
    """The list and the rankings are about the same people."""
    rows = open_app("sessions", of="users", range="7d", order="cost").dataframe[0].value.to_dict("records")
    known = {row.user_id: row for row in sessions.users(seeded, Scope(), week(), size=500)}
    given = conversations.opinions(seeded, "default", week(), "user_id", list(known))
    assert rows
    for row in rows:
        assert row["sessions"] == known[row["user"]].sessions
        assert row["dislikes"] == (given[row["user"]].dislikes if row["user"] in given else 0)


@pytest.mark.parametrize("query", [{}, {"of": "users"}])
def test_an_empty_store_tells_how_to_send(open_empty, query):
    """Nothing to show is not an error."""
    app = open_empty("sessions", **query)
    assert not app.exception
    assert any("kansoku.init" in block.value for block in app.code)


def test_the_screens_speak_japanese(open_app, seeded):
    """Labels and sentences follow the language of the address."""
    name = sessions.sessions(seeded, Scope(), week(), size=1)[0].session_id
    assert "回のやり取り" in "".join(
        badge.value for badge in open_app("session", session=name, lang="ja").markdown
    )
    app = open_app("sessions", of="users", lang="ja", range="7d")
    assert not app.exception
    assert "低評価の多い利用者" in texts(app)
