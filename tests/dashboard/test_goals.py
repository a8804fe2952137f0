"""What holds for every screen: words for each chart and table, few bytes, addresses that tell all."""

import threading

import pytest
from charts import charts, screens, texts

from kansoku_collector.store.read import overview, slices

RANGE_CHANGE_BYTES = 200_000
PATIENCE_SECONDS = 20


def elements(app):
    """Yield every element of a screen as it goes to the browser, with its type."""
    waiting = [app.main]
    while waiting:
        node = waiting.pop()
        waiting += getattr(node, "children", {}).values()
        if getattr(node, "proto", None) is not None and not hasattr(node, "children"):
            yield node


def switch(app, beginning):
    """Return the choice whose key begins so."""
    return next(one for one in app.get("button_group") if str(one.key).startswith(beginning))


@pytest.mark.parametrize("screen", screens())
def test_every_chart_and_table_has_words_for_who_cannot_see_it(look, screen):
    """A screen reader says what is drawn; a table without a name is a grid of numbers."""
    app = look("" if screen == "overview" else screen, range="7d")
    assert not app.exception
    assert [key for key, chart in charts(app).items() if not chart.alt.strip()] == []
    assert [frame.proto.id for frame in app.get("arrow_data_frame") if not frame.proto.alt.strip()] == []


def test_another_range_of_the_overview_is_few_bytes(look):
    """What a change of range sends: every element of the screen, as the browser gets it."""
    app = look("", range="7d")
    sent = {type(node).__name__: 0 for node in elements(app)}
    for node in elements(app):
        sent[type(node).__name__] += node.proto.ByteSize()
    assert len(charts(app)) == 4
    assert 10_000 < sum(sent.values()) <= RANGE_CHANGE_BYTES, sent


def test_a_slow_panel_holds_up_no_other(open_app, monkeypatch):
    """The cost panel waits until the last panel has asked: one after the other, it would wait in vain."""
    asked, waited = threading.Event(), []
    cost, moved = overview.cost_by_model, slices.slices

    def slow(*args, **kwargs):
        waited.append(asked.wait(PATIENCE_SECONDS))
        return cost(*args, **kwargs)

    def last(*args, **kwargs):
        asked.set()
        return moved(*args, **kwargs)

    monkeypatch.setattr(overview, "cost_by_model", slow)
    monkeypatch.setattr(slices, "slices", last)
    app = open_app(range="7d", env="production")
    assert not app.exception
    assert waited == [True]
    assert len(charts(app)) == 4


@pytest.mark.parametrize(
    ("screen", "query", "choose"),
    [
        ("quality", {"range": "7d"}, lambda app: app.selectbox(key="_pick_measure").set_value("errors")),
        ("latency", {"range": "7d"}, lambda app: switch(app, "_choice_by_").set_value("step")),
        ("cost", {"range": "7d"}, lambda app: switch(app, "_choice_by_").set_value("user")),
    ],
)
def test_what_is_chosen_stands_in_the_address_and_opens_the_same_again(open_app, screen, query, choose):
    """A link shows somebody else what one sees: the same tiles, the same words."""
    app = open_app(screen, **query)
    choose(app).run()
    assert not app.exception
    address = {
        name: value[0] if isinstance(value, list) else value for name, value in app.query_params.items()
    }
    assert address != query
    again = open_app(screen, **address)
    assert [tile.value for tile in again.metric] == [tile.value for tile in app.metric]
    assert texts(again) == texts(app)
