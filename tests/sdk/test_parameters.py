"""Request parameters of any vendor: what becomes an attribute, and what never does."""

from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel

from kansoku.calls.parameters import add_parameter


class Mode(Enum):
    """A setting."""

    ANY = "any"


class Thinking(BaseModel):
    """A vendor's own model of a setting."""

    budget: int = 0
    level: str | None = None


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("min_p", 0.1, 0.1),
        ("echo", False, False),
        ("tool_choice", "auto", "auto"),
        ("mode", Mode.ANY, "any"),
        ("bias", {"a": 1, "api_key": "s3cret"}, '{"a":1,"api_key":"<not captured>"}'),
        ("thinking_config", Thinking(budget=5), '{"budget":5}'),
        ("stops", ("a", "b"), '["a","b"]'),
    ],
)
def test_a_parameter_becomes_an_attribute(name: str, value: Any, told: Any) -> None:
    """Numbers and words as they are, the rest as JSON of what was set, without secrets."""
    found: dict[str, Any] = {}
    add_parameter(found, name, value, capture=True)
    assert found == {f"gen_ai.request.{name}": told}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("messages", [1]),
        ("extra_headers", {"a": "b"}),
        ("api_key", "s3cret"),
        ("password", 7),
        ("none", None),
        ("reference", "data:audio/wav;base64,AAAA"),
        ("a name with spaces", 1),
        ("x" * 65, 1),
        ("text_format", Thinking),
        ("schema", Thinking),
    ],
)
def test_what_is_no_parameter_is_left_out(name: str, value: Any) -> None:
    """Content, headers, secrets, files, and names that no API has."""
    found: dict[str, Any] = {}
    add_parameter(found, name, value, capture=True)
    assert found == {}


def test_without_content_free_text_is_left_out() -> None:
    """Only settings keep their words; numbers are never content."""
    found: dict[str, Any] = {}
    for name, value in {"note": "Sato", "shape": {"a": "Sato"}, "beams": 4, "verbosity": "low"}.items():
        add_parameter(found, name, value, capture=False)
    assert found == {"gen_ai.request.beams": 4, "gen_ai.request.verbosity": "low"}


def test_without_content_a_setting_tells_no_words_of_what_is_in_it() -> None:
    """A schema describes in words what is asked for, as a prompt does; its kind is a setting."""
    schema = {"name": "answer", "schema": {"description": "What Sato wants"}}
    found: dict[str, Any] = {}
    add_parameter(found, "response_format", {"type": "json_schema", "json_schema": schema}, capture=False)
    assert found == {"gen_ai.request.response_format": '{"type":"json_schema"}'}


def test_a_long_parameter_is_cut() -> None:
    """A schema may be as long as a book."""
    found: dict[str, Any] = {}
    add_parameter(found, "schema", {"a": "x" * 100_000}, capture=True)
    assert len(found["gen_ai.request.schema"]) < 5000
