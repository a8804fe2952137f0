"""The Alerts screen: what people decide goes to the collector, and stands beside the incident."""

from datetime import UTC, datetime, timedelta

import pytest

from kansoku_collector.store.incidents import save_action
from kansoku_collector.store.read.incidents import Action, open_incidents
from kansoku_dashboard import collector, data, settings


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
