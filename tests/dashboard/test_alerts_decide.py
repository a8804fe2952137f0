"""The Alerts screen: what people decide goes to the collector, and stands beside the incident."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from kansoku_collector.store.incidents import save_action
from kansoku_collector.store.read.course import course
from kansoku_collector.store.read.incidents import Action, open_incidents
from kansoku_collector.store.read.measures import Measure
from kansoku_collector.store.scope import Period, Scope
from kansoku_dashboard import collector, data, settings
from kansoku_dashboard.figures import course as figures
from kansoku_dashboard.figures.backdrop import Backdrop
from kansoku_dashboard.screens import rule_course


@pytest.fixture
def posted(monkeypatch):
    """Return what the screen sends, in the place of a collector that takes everything."""
    sent = []

    def post(path, item):
        sent.append((path, item))
        return ""

    monkeypatch.setattr(collector, "post", post)
    return sent


def test_decisions_are_sent_with_the_incidents_id_and_the_chosen_length(open_app, seeded, posted):
    """A click acknowledges, another silences for the chosen time."""
    incident = open_incidents(seeded)[0]
    name = incident.incident_id
    app = open_app("alerts", range="7d")
    assert not app.exception
    app.button(key=f"acknowledge_{name}").click().run()
    app.selectbox(key=f"length_{name}").set_value("24h").run()
    app.button(key=f"silence_{name}").click().run()
    assert not app.exception
    path = "/v1/incidents/actions"
    assert posted == [
        (path, {"incident_id": name, "action": "acknowledge", "person": "dashboard"}),
        (path, {"incident_id": name, "action": "silence", "person": "dashboard", "minutes": 1440}),
    ]


def test_who_is_at_it_and_how_long_it_is_silent_is_shown_and_can_be_taken_back(open_app, seeded, posted):
    """The state is the badge; the way back is offered; foreign names are text and no markup."""
    incident = open_incidents(seeded)[0]
    save_action(seeded, "default", Action(incident.incident_id, "acknowledge", "**花子**"))
    data.forget()  # what an earlier test has asked is half a minute old at most
    app = open_app("alerts", range="7d")
    assert "\\*\\*花子\\*\\* is at it" in "\n".join(one.value for one in app.markdown)
    until = datetime.now(UTC) + timedelta(hours=2)
    save_action(seeded, "default", Action(incident.incident_id, "silence", "me", until))
    data.forget()
    app = open_app("alerts", range="7d")
    assert "silenced until" in "\n".join(one.value for one in app.markdown)
    app.button(key=f"release_{incident.incident_id}").click().run()
    assert posted[-1][1]["action"] == "release"
    save_action(seeded, "default", Action(incident.incident_id, "release"))


def test_a_viewer_sees_the_buttons_closed_with_the_role_they_need(open_app, seeded):
    """Disabled, with a tooltip that names the role; the server would refuse them anyway."""
    name = open_incidents(seeded)[0].incident_id
    data.forget()
    # The fixture has chosen the settings, and chooses them anew for the next test.
    settings.use(settings.current().model_copy(update={"access": "password=viewer"}))
    alerts = open_app("alerts", range="7d")
    assert alerts.button(key=f"silence_{name}").disabled
    assert "the role reviewer" in alerts.button(key=f"acknowledge_{name}").help
    views = open_app("traces", range="7d")
    assert next(one for one in views.button if one.label == "Save").disabled


def test_a_rules_windows_hold_every_answer_once(seeded):
    """Windows are side by side: what they hold adds up to what SQL counts; a share is one of its window."""
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    period = Period(end - timedelta(hours=24), end)
    rows = course(seeded, Scope(), "refusal_rate", period, timedelta(hours=1))
    assert len(rows) == 24
    assert rows[-1].end == end
    held, refused = seeded.query(
        """SELECT countIf(output_text != ''), countIf(refusal) FROM spans WHERE billed
        AND start >= {start:DateTime64(6, 'UTC')} AND start < {end:DateTime64(6, 'UTC')}""",
        parameters=period.params(),
    ).result_rows[0]
    assert sum(row.samples for row in rows) == held
    assert round(sum((row.value or 0) * row.samples for row in rows)) == refused
    coarse = course(seeded, Scope(), "refusal_rate", period, timedelta(hours=1), points=6)
    assert [later.end - row.end for row, later in pairwise(coarse)] == 5 * [timedelta(hours=4)]


def test_a_rule_is_held_against_the_range_unless_it_compares_or_is_about_a_user(seeded):
    """A multiple of the weeks before has no fixed limit, and a slice by user no rollup."""
    incident = open_incidents(seeded)[0]
    assert rule_course.possible(replace(incident, unit="share", metric="refusal_rate"))
    assert not rule_course.possible(replace(incident, unit="times"))
    assert not rule_course.possible(replace(incident, scope={"user": "u"}))
    assert not rule_course.possible(replace(incident, metric="out_tokens"))


def test_windows_beyond_the_limit_carry_a_red_dot_and_empty_ones_are_gaps():
    """What was not measured is neither beyond nor zero; the limit is a line with its name."""
    start = datetime(2026, 11, 20, tzinfo=UTC)
    hour = timedelta(hours=1)
    values = (0.01, None, 0.05, 0.02)
    rows = [Measure((), start + place * hour, value, 30, value, value) for place, value in enumerate(values)]
    assert figures.beyond(rows, 0.03, "above") == [False, False, True, False]
    assert figures.beyond(rows, 0.015, "below") == [True, False, False, False]
    backdrop = Backdrop([row.end for row in rows], hour, start + 4 * hour)
    made = figures.course(rows, backdrop, 0.03, "above", "{:.0%}".format, "> 3%")
    drawn = next(trace for trace in made["data"] if trace["y"] == list(values))
    assert drawn["marker"]["size"][2] == 8
    assert drawn["connectgaps"] is False
    assert any(trace.get("name") == "&gt; 3%" and trace["y"] == [0.03, 0.03] for trace in made["data"])
