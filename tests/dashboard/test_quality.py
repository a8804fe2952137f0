"""The Quality screen, run whole on a seeded and on an empty store."""

import json
from datetime import timedelta

import pytest

from kansoku_collector.errors import StoreError
from kansoku_collector.store.read import prompts, quality, votes
from kansoku_collector.store.scope import Period, Scope
from kansoku_dashboard import proportions
from kansoku_dashboard.figures.quality import points
from kansoku_dashboard.figures.style import share

WEEK = timedelta(days=7)


def spec(app, name: str) -> dict:
    """Return the Plotly figure of a panel."""
    found = [c.proto.spec for c in app.get("plotly_chart") if c.proto.id.endswith(f"chart_quality_{name}")]
    assert len(found) == 1, (name, [c.proto.id for c in app.get("plotly_chart")])
    return json.loads(found[0])


def texts(app) -> str:
    """Return all Markdown of the screen."""
    return "\n".join(element.value for element in [*app.markdown, *app.caption, *app.text])


def test_the_rates_are_those_of_the_store(open_app, seeded):
    """What the tiles say is what SQL says, each with its interval and what it is a share of."""
    app = open_app("quality", range="7d")
    assert not app.exception
    failed, ended = seeded.query(
        """SELECT countIf(status = 'error'), countIf(status = 'error' OR output_text != '')
        FROM spans WHERE billed = 1"""
    ).result_rows[0]
    likes, given = votes.votes_total(seeded, Scope(), Period.last(WEEK))
    tiles = {tile.label: tile.value for tile in app.metric}
    assert list(tiles) == ["Answered", "Fallback", "Refused", "Failed", "Judged wrong", "Liked"]
    assert tiles["Failed"] == share(failed / ended)
    assert tiles["Liked"] == share(likes / given)
    assert f"of {ended:,} calls" in texts(app)
    assert f"of {given:,} votes" in texts(app)
    found = quality.outcomes(seeded, Scope(), Period.last(WEEK))
    assert found.answered + found.fallbacks + found.refusals + found.failed == found.ended


def test_the_like_rates_beside_each_other_are_those_of_the_store(open_app, seeded):
    """The dots of every split, from the votes by that split; the first is everybody."""
    for split in quality.SPLITS:
        drawn = spec(open_app("quality", range="7d", split=split), "beside")["data"][0]
        rows = quality.liked_by(seeded, Scope(), Period.last(WEEK), split)
        expected = {row.name: row.likes / row.votes for row in rows if row.votes >= 8}
        found = dict(zip(drawn["y"][1:], drawn["x"][1:], strict=True))
        assert found == pytest.approx({name: expected[name] for name in found})
        assert found


def test_the_split_of_the_url_divides_the_rate_over_time(open_app):
    """Lines of the prompt versions in place of the one of all."""
    whole = {trace.get("name") for trace in spec(open_app("quality", range="7d"), "liked")["data"]}
    apart = {
        trace.get("name") for trace in spec(open_app("quality", range="7d", split="prompt"), "liked")["data"]
    }
    assert "all" in whole
    assert {"answer@v13", "answer@v14"} <= apart


def test_two_prompts_are_compared_with_their_interval(open_app, seeded):
    """The differences on the screen are Newcombe's of the store's counts."""
    app = open_app("quality", range="7d")
    rows = {row.version: row for row in prompts.prompt_versions(seeded, Scope(), Period.last(WEEK))}
    old, new = rows["v13"], rows["v14"]
    expected = proportions.difference(old.likes, old.votes, new.likes, new.votes)
    assert expected is not None
    drawn = spec(app, "duel")["data"][0]
    assert drawn["y"][0] == "Liked"
    assert drawn["x"][0] == pytest.approx(expected.value)
    said = texts(app)
    assert points(expected.low) in said
    assert points(expected.high) in said


def test_the_samples_still_needed_follow_the_difference_that_matters(open_app, seeded):
    """A smaller difference needs more votes; the screen says how many are still to come."""
    rows = {row.version: row for row in prompts.prompt_versions(seeded, Scope(), Period.last(WEEK))}
    rate = rows["v13"].likes / rows["v13"].votes
    for step in (10.0, 2.0):
        app = open_app("quality", range="7d", step=str(step))
        ways = [proportions.needed(rate, step / 100), proportions.needed(rate, -step / 100)]
        wanted = max(number for number in ways if number)
        assert f"**{wanted:,}** samples" in texts(app)


def test_comments_are_read_as_text_with_a_way_to_their_trace(open_app, seeded):
    """Words of people stand as text elements, which draw no Markdown, and their links name the trace."""
    app = open_app("quality", range="7d")
    comments = seeded.query("SELECT count() FROM feedback WHERE comment != ''").result_rows[0][0]
    assert f"{comments} comments" in texts(app)
    assert {element.value for element in app.text} <= {"収集日が違います", "wrong day"}
    assert len(app.text) == 8
    assert sum("/trace?" in link.proto.url for link in app.get("link_button")) == 8


def test_a_slice_without_anything_says_so(open_app):
    """Every panel has words for nothing, and no rate is made of no votes."""
    app = open_app("quality", range="1h", env="nowhere")
    assert not app.exception
    assert {tile.value for tile in app.metric} == {"–"}
    assert "no votes in this range" in json.dumps(spec(app, "beside"))
    said = texts(app)
    for words in ("gave a score", "names its prompt version", "Nobody wrote anything"):
        assert words in said


def test_a_store_that_fails_takes_one_panel_down(open_app, monkeypatch: pytest.MonkeyPatch):
    """The others are drawn; the one says what is wrong and offers a retry."""

    def fail(*_: object, **__: object) -> list[prompts.PromptVersion]:
        raise StoreError("too slow")

    monkeypatch.setattr(prompts, "prompt_versions", fail)
    app = open_app("quality", range="7d")
    assert not app.exception
    assert "Prompt version A against B" in app.warning[0].value
    assert len(app.metric) == 6


def test_the_screen_speaks_japanese(open_app):
    """Tiles, headings and the verdict."""
    app = open_app("quality", lang="ja", range="7d")
    assert app.metric[0].label == "回答"
    assert "プロンプト A と B の比較" in texts(app)
    assert "100 回中 80 回" in texts(app)


def test_an_empty_store_tells_how_to_send_the_first_span(open_empty):
    """Not a page of empty charts."""
    app = open_empty("quality")
    assert not app.exception
    assert not app.get("plotly_chart")
    assert "kansoku.init" in app.code[0].value
