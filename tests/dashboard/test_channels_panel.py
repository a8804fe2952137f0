"""The channels on Alerts: an admin tries one, and reads in words what came back."""

import pytest
from charts import texts

from kansoku_dashboard import collector, data, settings
from kansoku_dashboard.screens import channels

LISTED = {
    "channels": [
        {"name": "hook", "type": "webhook", "host": "hooks.example"},
        {"name": "[x](http://evil.example)", "type": "email", "host": "mail.example"},
    ]
}


@pytest.fixture
def told(monkeypatch):
    """Answer for the collector; return what was ordered, and what it answers."""
    ordered, answer = [], {"delivered": True, "detail": "HTTP 202"}

    def order(path, item, *, timeout):
        ordered.append((path, item))
        return answer

    monkeypatch.setattr(collector, "get", lambda _: LISTED)
    monkeypatch.setattr(collector, "order", order)
    return ordered, answer


def test_a_test_is_sent_and_the_receivers_answer_is_told(open_app, told):
    """One click sends it to the channel of its row; the answer stands in that row."""
    ordered, answer = told
    app = open_app("alerts")
    assert not app.exception
    app.button(key="test_hook").click().run()
    assert ordered == [("/v1/alerts/test", {"channel": "hook"})]
    assert "The receiver took it\\: HTTP 202" in texts(app)
    answer |= {"delivered": False, "detail": "ConnectError"}
    app.button(key="test_hook").click().run()
    assert "It did not arrive\\: no connection to this host" in texts(app)


def test_the_answer_speaks_japanese(open_app, told):
    """The receiver's code stays as it is; the sentence around it does not."""
    told[1]["detail"] = "SMTP 250"
    app = open_app("alerts", lang="ja")
    app.button(key="test_hook").click().run()
    assert "受信側が受け取りました\\: SMTP 250" in texts(app)


def test_a_name_from_the_rules_file_is_text(open_app, told):
    """No link, wherever it leads; the kind of the channel is a word."""
    said = texts(open_app("alerts"))
    assert "[x](http" not in said
    assert "E-mail" in said


def test_only_admins_of_every_project_see_the_channels(open_app, told):
    """They are the whole collector's; a reviewer decides about incidents and tries nothing."""
    settings.use(settings.current().model_copy(update={"access": "password=reviewer"}))
    data.forget()
    app = open_app("alerts")
    assert not app.exception
    assert "hooks" not in texts(app)
    assert [button for button in app.button if button.key == "test_hook"] == []


def test_a_collector_that_refuses_is_quoted(open_app, told, monkeypatch):
    """A rules file with a mistake is named with its line."""

    def refuse(path):
        raise collector.UnansweredError("rules.yaml:3: url is no http or https address")

    monkeypatch.setattr(collector, "get", refuse)
    app = open_app("alerts")
    assert not app.exception
    assert "rules\\.yaml\\:3" in texts(app)


def test_every_silence_has_its_words():
    """What the collector says of a failed try is a name of Python's; a reader gets a sentence."""
    assert {channels.answer(detail) for detail in channels.SILENT} == {
        "no connection to this host",
        "this host name is not known",
        "no answer in time",
        "the connection ended without an answer",
        "the certificate is not trusted",
    }
    assert channels.answer("HTTP 404") == "HTTP 404"
