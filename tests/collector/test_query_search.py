"""Search inside texts finds every true substring, in Japanese and English, whatever their width and case."""

import random
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from kansoku_collector.model import Span
from kansoku_collector.store.read import traces
from kansoku_collector.store.read.conditions import Filter
from kansoku_collector.store.scope import Period
from kansoku_collector.store.write import Writer
from kansoku_collector.values import searchable

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = Period(NOON - timedelta(hours=24), NOON)
PHRASES = [
    "ごみの収集日を教えてください", "プラスチックは火曜日です。", "ﾌﾟﾗｽﾁｯｸ ﾊﾞｯｸﾞの分別", "か\u3099き゛と カ゚",
    "粗大ごみ1,200円①", "The REFUND takes 5 days", "Order #A_100% done", "C:\\temp\\ログ.txt",
    "ΟΔΥΣΣΕΥΣ και ΣΟΦΟΣ", "İstanbul ISPARTA ı", "Straße, STRASSE, ﬁne", "naïve cafe\u0301 x\u0323\u0307y",
    "🗾地図と👩‍👩‍👧家族", "한국어 문장", "K Å Ω ℡ ㍿",
]  # fmt: skip


def _texts(dice: random.Random, count: int) -> list[str]:
    return [searchable("".join(dice.choices(PHRASES, k=dice.randint(1, 4)))) for _ in range(count)]


def _insert(client: Client, inputs: list[str], outputs: list[str]) -> None:
    step = timedelta(hours=23) / len(inputs)
    client.insert(
        "spans",
        [
            ["default", f"{n:032x}", f"{n:016x}", DAY.start + n * step, text, answer]
            for n, (text, answer) in enumerate(zip(inputs, outputs, strict=True))
        ],
        column_names=["project", "trace_id", "span_id", "start", "input_text", "output_text"],
    )


def _found(client: Client, needle: str) -> set[int]:
    rows = traces.export(client, Filter(DAY, text=needle))
    return {int(row.trace_id, 16) for row in rows}


def test_every_true_substring_is_found_and_nothing_else(store: Client) -> None:
    """Random pieces of one to twelve letters find all texts that hold them, and only those."""
    dice = random.Random(11)
    inputs, outputs = _texts(dice, 300), _texts(dice, 300)
    _insert(store, inputs, outputs)
    for _ in range(40):
        source = dice.choice(inputs + outputs)
        start = dice.randrange(len(source))
        needle = source[start : start + dice.randint(1, 12)]
        holding = {n for n in range(300) if needle in inputs[n] or needle in outputs[n]}
        found = _found(store, needle)
        assert found >= holding, needle
        # Whatever else is found holds the letters in another case; Greek sigma has three forms.
        plain = needle.lower().replace("ς", "σ")
        extra = found - holding
        if "σ" not in plain:
            assert all(plain in f"{inputs[n]}\n{outputs[n]}".lower().replace("ς", "σ") for n in extra), needle


FORMS = [
    ("ﾌﾟﾗｽﾁｯｸ ﾊﾞｯｸﾞ", "プラスチック"),
    ("プラスチック", "ﾌﾟﾗｽﾁｯｸ"),
    ("か\u3099みを出す", "がみ"),
    ("がみを出す", "か\u3099み"),
    ("ＲＥＦＵＮＤ", "refund"),
    ("the refund", "ＦＵＮＤ"),
    ("ΟΔΥΣΣΕΥΣ", "σευσ"),
    ("σοφός λόγος", "ΛΌΓΟΣ"),
    ("cafe\u0301", "CAFÉ"),
    ("100% sure", "0%"),
    ("a_b", "_"),
    ("収集日", "集"),
    ("株㍿", "株式会社"),
]


def test_width_case_and_composition_do_not_matter(store: Client) -> None:
    """A term is found in whichever of its forms either side was written."""
    texts = [searchable(text) for text, _ in FORMS]
    _insert(store, [*texts, "nothing of the kind"], [""] * (len(texts) + 1))
    for n, (_, needle) in enumerate(FORMS):
        found = _found(store, needle)
        assert n in found, needle
        assert len(FORMS) not in found, needle


def test_a_wildcard_in_a_term_is_a_letter(store: Client) -> None:
    """Per cent, underscore and backslash stand for themselves."""
    _insert(store, ["100 percent", "axb", "C:/temp", "100% a_b C:\\temp"], ["", "", "", ""])
    assert _found(store, "100%") == _found(store, "a_b") == _found(store, "C:\\t") == {3}


def test_a_rare_term_reads_only_where_it_can_be(store: Client) -> None:
    """The index leaves out the granules that cannot hold a term of two letters or more."""
    texts = [f"{'収集日はいつ' if n == 9000 else 'when is it'} {n}" for n in range(12_000)]
    _insert(store, texts, [""] * len(texts))
    assert _found(store, "収集") == {9000}
    plan = store.query(
        """EXPLAIN indexes = 1 SELECT trace_id FROM spans
        WHERE project = 'default' AND lowerUTF8(input_text) LIKE lowerUTF8({like:String})""",
        parameters={"like": "%収集%"},
    ).result_rows
    text = "\n".join(row[0] for row in plan)
    assert "ix_input" in text
    assert "Granules: 1/" in text.partition("ix_input")[2], text


def test_text_that_has_just_come_is_found_before_a_merge_makes_its_index(store: Client) -> None:
    """The writer leaves the indexes of texts to the merges; what has none yet is read."""

    def indexed() -> int:
        return int(
            store.query(
                """SELECT sum(data_uncompressed_bytes) FROM system.data_skipping_indices
                WHERE database = currentDatabase() AND table = 'spans'
                    AND name IN ('ix_input', 'ix_output')"""
            ).first_row[0]
        )

    start = int(DAY.start.timestamp()) * 10**9
    span = Span(trace_id=f"{1:032x}", span_id="a", start=start, input_text="収集日はいつ")
    Writer(store).spans([span], "once")
    assert (_found(store, "収集"), _found(store, "回収"), indexed()) == ({1}, set(), 0)
    store.command("OPTIMIZE TABLE spans FINAL")
    assert (_found(store, "収集"), _found(store, "回収")) == ({1}, set())
    assert indexed() > 0
