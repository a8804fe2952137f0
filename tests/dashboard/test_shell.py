"""The shell: every screen opens, the language follows the reader, a broken store breaks a panel."""

import re

import pytest
from charts import charts, screens
from clickhouse_connect.driver.exceptions import OperationalError

from kansoku_collector.errors import StoreAwayError
from kansoku_dashboard import data, frame, settings, text, words
from kansoku_dashboard.paths import MAIN, ROOM
from kansoku_dashboard.settings import DashboardSettings


def test_no_folder_beside_the_entry_script_is_served_by_itself():
    """Streamlit runs the files of a folder `pages/` without main.py, and so without the guard in it."""
    assert MAIN.parent == ROOM
    assert not (ROOM / "pages").exists()


@pytest.mark.parametrize("screen", [name for name in screens() if name not in ("trace", "session")])
def test_every_screen_tells_on_an_empty_store_how_to_send_the_first_span(open_empty, screen):
    """What to paste, with this server's address; a screen of empty charts would help nobody."""
    app = open_empty("" if screen == "overview" else screen)
    assert not app.exception
    assert not charts(app)
    code = "\n".join(block.value for block in app.code)
    assert "kansoku.init(" in code
    assert settings.current().collector_url in code


@pytest.mark.parametrize("screen", ["trace", "session"])
def test_a_screen_that_needs_an_id_opens_on_an_empty_store(open_empty, screen):
    """It says what it lacks, and raises nothing."""
    app = open_empty(screen)
    assert not app.exception
    assert app.main.children


def test_the_language_follows_the_url(open_app):
    """A link with ?lang=ja is Japanese for everybody."""
    assert open_app(lang="ja").title[0].value == "概要"
    assert open_app(lang="xx").title[0].value == "Overview"


def test_a_japanese_link_stays_japanese(open_app):
    """The switch shows the link's language, and a later run does not fall back to the browser's."""
    app = open_app(lang="ja")
    assert app.segmented_control(key="language").value == "ja"
    app.segmented_control(key="range").set_value("7d").run()
    assert app.title[0].value == "概要"
    assert app.query_params["lang"] in ("ja", ["ja"])


def test_the_switch_changes_the_language(open_app):
    """The reader can choose on the screen."""
    app = open_app()
    app.segmented_control(key="language").set_value("ja").run()
    assert app.title[0].value == "概要"


def test_the_setting_decides_where_nobody_chose():
    """A team may want one language."""
    settings.use(DashboardSettings(language="ja"))
    assert words.say("nav.overview") == "概要"
    settings.use(DashboardSettings())
    assert words.say("nav.overview") == "Overview"


def test_a_filter_that_the_store_does_not_know_still_filters(open_app):
    """A link may name a model that was not seen lately; without the filter it would show other traffic."""
    app = open_app(model="gpt-1")
    assert app.selectbox(key="model").value == "gpt-1"
    assert app.metric[0].label == "Model calls"
    assert app.metric[0].value == "0"


def test_a_store_that_fails_breaks_its_panels_and_not_the_screen(open_app, monkeypatch):
    """The reader must learn what is missing and have a way to try again."""

    def refuse(url: str) -> None:
        raise OperationalError("connection refused by http://store:8123\nsecond line")

    data.forget()
    monkeypatch.setattr(data, "connect", refuse)
    monkeypatch.setattr(data, "_idle", {})
    app = open_app("start")
    assert not app.exception
    assert "connection refused by http\u2060\\:\\/\\/store" in app.warning[0].value  # no link to click
    assert "second line" not in app.warning[0].value
    assert app.button[0].label == "Retry"


@pytest.mark.parametrize(
    "error",
    [
        StoreAwayError("ClickHouse at http://store:8123 cannot be reached"),
        OperationalError("HTTPConnectionPool: Failed to establish a new connection"),
    ],
)
def test_a_store_that_is_away_is_said_in_the_readers_language(open_app, monkeypatch, error):
    """Nobody answers: that is known, so it needs no sentence of the driver's in English."""

    def refuse(url: str) -> None:
        raise error

    data.forget()
    monkeypatch.setattr(data, "connect", refuse)
    monkeypatch.setattr(data, "_idle", {})
    app = open_app("start", lang="ja")
    assert not app.exception
    assert "データベースに接続できません" in app.warning[0].value
    assert "store:8123" not in app.warning[0].value


def test_a_failed_client_is_not_lent_again(monkeypatch):
    """Its connection may be what failed."""
    lent = []
    monkeypatch.setattr(data, "connect", lambda url: lent.append(url) or object())
    monkeypatch.setattr(data, "_idle", {})
    with pytest.raises(ValueError, match="broken"), data.borrow():
        raise ValueError("broken")
    with data.borrow() as first:
        pass
    with data.borrow() as second:
        assert second is first
    assert len(lent) == 2


def test_foreign_text_cannot_be_markdown():
    """A model's name is data: no picture from elsewhere, no link, no colour."""
    assert text.plain("![x](http://evil)").replace("\u2060", "") == r"\!\[x\]\(http\:\/\/evil\)"
    assert text.plain("<b>\n:red[a]") == r"\<b\> \:red\[a\]"
    # Bare addresses become links whatever is escaped, unless something stands in between.
    assert {"http\u2060", "www\u2060", "@\u2060"} <= set(
        re.findall(r"\w*@?\u2060", text.plain("http://e.example www.e.example a@e.example"))
    )
    assert text.plain("a\x1b[31m\u202eb") == r"a␛\[31m⟨U\+202E⟩b"


def test_every_screen_is_in_the_menu_or_hidden_on_purpose(open_app, monkeypatch):
    """A trace and a session are reached by links only."""
    open_app()
    seen = {}
    monkeypatch.setattr(frame.st, "Page", lambda _, **options: seen.update({options["url_path"]: options}))
    frame.screens()
    hidden = [name for name, options in seen.items() if options.get("visibility") == "hidden"]
    assert hidden == ["trace", "session"]
