"""The Quality screen, run whole on a seeded and on an empty store."""

import json
from datetime import timedelta

import pytest
from charts import charts, figure_of, texts

from kansoku_collector.errors import StoreError
from kansoku_collector.store.read import beside, prompts, quality
from kansoku_collector.store.scope import Period, Scope
from kansoku_dashboard import proportions
from kansoku_dashboard.figures.style import points, share

WEEK = timedelta(days=7)


def test_the_rates_are_those_of_the_store(look, seeded):
    """What the tiles say is what SQL says, each with its interval and what it is a share of."""
    app = look("quality", range="7d")
    assert not app.exception
    failed, ended = seeded.query(
        """SELECT countIf(status = 'error'), countIf(status = 'error' OR output_text != '')
        FROM spans WHERE billed = 1"""
    ).result_rows[0]
    likes, given = beside.thumbs(seeded, Scope(), Period.last(WEEK)).now.total
    tiles = {tile.label: tile.value for tile in app.metric}
    assert list(tiles) == ["Answered", "Fallback", "Refused", "Failed", "Judged wrong", "Liked"]
    assert tiles["Failed"] == share(failed / ended)
    assert tiles["Liked"] == share(likes / given)
    assert f"of {ended:,} calls" in texts(app)
    assert f"of {given:,} votes" in texts(app)
    found = quality.outcomes(seeded, Scope(), Period.last(WEEK))
    assert found.answered + found.fallbacks + found.refusals + found.failed == found.ended


def test_the_like_rates_beside_each_other_are_those_of_the_store(look, seeded):
    """The dots of every split, from the votes by that split; the first is everybody."""
    for split in quality.SPLITS:
        dots = figure_of(look("quality", range="7d", split=split), "quality_beside")["data"][0]
        rows = quality.liked_by(seeded, Scope(), Period.last(WEEK), split)
        expected = {row.name: row.likes / row.votes for row in rows if row.votes >= 8}
        found = dict(zip(dots["y"][1:], dots["x"][1:], strict=True))
        assert found == pytest.approx({name: expected[name] for name in found})
        assert found


def test_the_split_of_the_url_divides_the_rate_over_time(look):
    """Lines of the prompt versions in place of the one of all."""
    whole, apart = (
        {
            trace.get("name")
            for trace in figure_of(look("quality", range="7d", **split), "quality_liked")["data"]
        }
        for split in ({}, {"split": "prompt"})
    )
    assert "all" in whole
    assert {"answer@v13", "answer@v14"} <= apart


def test_two_prompts_are_compared_with_their_interval(look, seeded):
    """The differences on the screen are Newcombe's of the store's counts."""
    app = look("quality", range="7d")
    rows = {row.version: row for row in prompts.prompt_versions(seeded, Scope(), Period.last(WEEK))}
    old, new = rows["v13"], rows["v14"]
    expected = proportions.difference(old.likes, old.votes, new.likes, new.votes)
    assert expected is not None
    dots = figure_of(app, "quality_duel")["data"][0]
    assert dots["y"][0] == "Liked"
    assert dots["x"][0] == pytest.approx(expected.value)
    words = texts(app)
    assert points(expected.low) in words
    assert points(expected.high) in words


def test_the_samples_still_needed_follow_the_difference_that_matters(look, seeded):
    """A smaller difference needs more votes; the screen says how many are still to come."""
    rows = {row.version: row for row in prompts.prompt_versions(seeded, Scope(), Period.last(WEEK))}
    rate = rows["v13"].likes / rows["v13"].votes
    for step in (10.0, 2.0):
        app = look("quality", range="7d", step=str(step))
        ways = [proportions.needed(rate, step / 100), proportions.needed(rate, -step / 100)]
        wanted = max(number for number in ways if number)
        assert f"**{wanted:,}** samples" in texts(app)


def test_comments_are_read_as_text_with_a_way_to_their_trace(look, seeded):
    """Words of people stand as text elements, which draw no Markdown, and their links name the trace."""
    app = look("quality", range="7d")
    comments = seeded.query("SELECT count() FROM feedback WHERE comment != ''").result_rows[0][0]
    assert f"comments: {comments}" in texts(app)
    assert {element.value for element in app.text} <= {"収集日が違います", "wrong day"}
    assert len(app.text) == 8
    assert sum("/trace?" in link.proto.url for link in app.get("link_button")) == 8


def test_a_slice_without_anything_says_so(look):
    """Every panel has words for nothing, and no rate is made of no votes."""
    app = look("quality", range="1h", env="nowhere")
    assert not app.exception
    assert {tile.value for tile in app.metric} == {"–"}
    assert "no votes in this range" in json.dumps(figure_of(app, "quality_beside"))
    words = texts(app)
    for sentence in ("gave a score", "names its prompt version", "Nobody wrote anything"):
        assert sentence in words


def test_a_store_that_fails_takes_one_panel_down(open_app, monkeypatch: pytest.MonkeyPatch):
    """The others are drawn; the one says what is wrong and offers a retry."""

    def fail(*_: object, **__: object) -> list[prompts.PromptVersion]:
        raise StoreError("too slow")

    monkeypatch.setattr(prompts, "prompt_versions", fail)
    app = open_app("quality", range="7d")
    assert not app.exception
    assert "Prompt version A against B" in app.warning[0].value
    assert len(app.metric) == 6


def test_the_screen_speaks_japanese(look):
    """Tiles, headings and the verdict."""
    app = look("quality", lang="ja", range="7d")
    assert app.metric[0].label == "回答"
    assert "プロンプト A と B の比較" in texts(app)
    assert "100 回中 80 回" in texts(app)


def test_an_empty_store_tells_how_to_send_the_first_span(open_empty):
    """Not a page of empty charts."""
    app = open_empty("quality")
    assert not app.exception
    assert not charts(app)
    assert "kansoku.init" in app.code[1].value
