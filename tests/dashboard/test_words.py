"""Every sentence exists in both languages, and every one that is asked for exists."""

import re
from pathlib import Path
from string import Formatter

from kansoku_dashboard.figures.style import points, seconds
from kansoku_dashboard.paths import ROOM
from kansoku_dashboard.words import LANGUAGES, sentences, tell

USED = re.compile(r"""(?:say|tell)\((?:\w+, )?["']([a-z_]+\.[a-z0-9_]+)["']""")


def places(sentence: str) -> set[str]:
    """Return the names of the places in a sentence that values fill."""
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def test_both_languages_have_the_same_sentences():
    """A sentence that one language lacks would break a screen for its readers alone."""
    english, japanese = sentences("en"), sentences("ja")
    assert set(english) == set(japanese)
    assert len(english) > 100


def test_a_sentence_has_the_same_places_in_both_languages():
    """A place without a value raises when the sentence is said."""
    english, japanese = sentences("en"), sentences("ja")
    assert [key for key in english if places(english[key]) != places(japanese[key])] == []


def test_no_sentence_is_empty():
    """An empty sentence is a label that nobody can read."""
    for tongue in LANGUAGES:
        assert [key for key, sentence in sentences(tongue).items() if not sentence.strip()] == []


def test_every_sentence_that_the_code_asks_for_exists():
    """A key with a slip of the pen raises only when its screen is opened."""
    asked = {
        key for path in ROOM.rglob("*.py") for key in USED.findall(Path(path).read_text(encoding="utf-8"))
    }
    assert len(asked) > 50
    assert asked - set(sentences("en")) == set()


def test_a_value_may_hold_braces():
    """Values come from the data and are not templates."""
    assert "{evil}" in tell("en", "data.failed", panel="{evil}", reason="{x.__class__}")


def test_minutes_and_hours_are_words_of_the_language():
    """Units of science stay as they are; a Japanese table does not read min and h."""
    assert [seconds(value, "ja") for value in (0.74, 3.31, 125, 4800)] == [
        "740 ms",
        "3.31 s",
        "2分05秒",
        "1時間20分",
    ]
    assert [seconds(value) for value in (125, 4800)] == ["2 min 05 s", "1 h 20 min"]


def test_percentage_points_are_written_as_the_language_does():
    """Japanese writes ポイント or pt; nobody there knows pp."""
    assert [points(-0.1302, 2, tongue) for tongue in LANGUAGES] == ["-13.02 pp", "-13.02 pt"]


def test_no_japanese_screen_says_pp(look):
    """Tiles, tables and verdicts that compare two rates."""
    for screen in ("", "quality", "latency"):
        app = look(screen, range="24h", lang="ja")
        said = [str(tile.delta) for tile in app.metric] + [element.value for element in app.markdown]
        assert any(re.search(r"\d pt\b", text) for text in said), screen
        assert not any(re.search(r"\d pp\b", text) for text in said), screen
