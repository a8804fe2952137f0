"""Values as JSON text: bounded in every direction, readable, and no secrets."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from kansoku.content import cut, is_secret, plain, to_json


class Colour(Enum):
    """An enumeration."""

    RED = "red"


@dataclass
class Point:
    """A dataclass."""

    x: int
    token: str


class Answer(BaseModel):
    """A pydantic model."""

    text: str


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Colour.RED, "red"),
        (Point(1, "abc"), {"x": 1, "token": "<not captured>"}),
        (Answer(text="はい"), {"text": "はい"}),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (Decimal("1.50"), "1.50"),
        (PurePosixPath("/a"), "/a"),
        (b"12345", "<5 bytes>"),
        (float("nan"), "nan"),
        ({1: (2, 3)}, {"1": [2, 3]}),
        (ValueError("no"), "ValueError: no"),
        (object(), "<object>"),
        ({"headers": {"Authorization": "Bearer x"}}, {"headers": {"Authorization": "<not captured>"}}),
    ],
)
def test_values_become_what_json_can_hold(value: Any, expected: Any) -> None:
    """Common types are readable; what has no text of its own is named by its type."""
    assert plain(value) == expected


def test_depth_and_width_are_bounded() -> None:
    """A structure that contains itself, or has a million items, ends."""
    loop: list[Any] = []
    loop.append(loop)
    assert json.dumps(plain(loop)).count("[") == 6
    wide = plain(list(range(1_000_000)))
    assert (len(wide), wide[-1]) == (201, "<999800 more>")
    assert len(plain({str(n): n for n in range(1000)})) == 201


@pytest.mark.parametrize(
    "name", ["api_key", "apiKey", "openai_api_key", "password", "Authorization", "auth_token"]
)
def test_names_of_secrets_are_known(name: str) -> None:
    """Names that look like credentials are recognised, whatever their case."""
    assert is_secret(name)


@pytest.mark.parametrize("name", ["max_tokens", "tokens", "author", "keyword", "question", "token_count"])
def test_ordinary_names_are_not_taken_for_secrets(name: str) -> None:
    """Words that merely resemble credentials are recorded."""
    assert not is_secret(name)


@given(st.text(st.characters(codec="utf-8"), max_size=300), st.integers(10, 400))
def test_cutting_keeps_the_start_and_tells_the_size(text: str, limit: int) -> None:
    """A text that fits is unchanged; another one starts alike and says how many bytes it had."""
    size = len(text.encode())
    short = cut(text, limit)
    if size <= limit:
        assert short == text
    else:
        head, _, note = short.rpartition("… [cut: ")
        assert text.startswith(head)
        assert note == f"{size} bytes]"
        assert limit - 4 < len(head.encode()) <= limit


messages = st.lists(
    st.fixed_dictionaries({"role": st.just("user"), "parts": st.lists(st.text(max_size=2000), max_size=5)}),
    max_size=60,
)


@given(messages, st.integers(512, 4000))
def test_json_is_always_whole_and_within_the_limit(value: Any, limit: int) -> None:
    """However large the messages are, the text is JSON and not longer than the limit."""
    text = to_json(value, limit)
    found = json.loads(text)
    assert len(text.encode("utf-8", "surrogatepass")) <= limit
    if len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")) < limit:
        assert found == value


def test_of_too_many_messages_the_last_are_kept() -> None:
    """A conversation of thousands of messages keeps its end, and says what was left out."""
    said = [{"role": "user", "parts": [{"type": "text", "content": f"message {n}"}]} for n in range(1000)]
    found = json.loads(to_json(said, 2000))
    assert found[-1] == said[-1]
    assert "of 1000 items left out" in found[0]["parts"][0]["content"]


def test_what_the_quick_encoder_refuses_is_written_all_the_same() -> None:
    """A lone surrogate, bytes that are no text, and a tree too deep for it: JSON, no exception."""
    deep: Any = "end"
    for _ in range(300):
        deep = [deep]
    assert to_json({"a": "\ud800"}, 1000) == '{"a":"\ud800"}'
    assert to_json([b"\xff"], 1000) == '["<bytes>"]'
    assert json.loads(to_json(deep, 1000)) == deep
    assert to_json([float("nan"), 1e16, object()], 1000) == '["NaN",1e+16,"<object>"]'
