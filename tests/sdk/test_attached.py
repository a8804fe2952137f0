"""A context that is changed in the middle of a change."""

import sys

import pytest
from opentelemetry import context as otel_context

from kansoku.spans import attached

_KEY = otel_context.create_key("test")
needs_help = pytest.mark.skipif(sys.version_info >= (3, 12), reason="no collection begins inside of it")


def test_a_context_is_the_current_one_until_it_is_taken_back() -> None:
    """One inside of another, each taken back."""
    outer = attached.attach(otel_context.set_value(_KEY, "outer"))
    inner = attached.attach(otel_context.set_value(_KEY, "inner"))
    assert otel_context.get_value(_KEY) == "inner"
    attached.detach(inner)
    assert otel_context.get_value(_KEY) == "outer"
    attached.detach(outer)
    assert otel_context.get_value(_KEY) is None


@needs_help
@pytest.mark.parametrize("change", ["attach", "detach"])
def test_what_a_finaliser_attaches_in_the_middle_is_left_out(
    monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """It sets no variable, and the change around it is made; afterwards all is as ever."""
    original = getattr(otel_context, change)
    seen: list[object] = []

    def collects(given: object) -> object:
        token = attached.attach(otel_context.set_value(_KEY, "finaliser"))
        seen.append((token, otel_context.get_value(_KEY)))
        attached.detach(token)
        return original(given)

    before = attached.attach(otel_context.set_value(_KEY, "before")) if change == "detach" else None
    with monkeypatch.context() as patch:
        patch.setattr(otel_context, change, collects)
        if before is None:
            before = attached.attach(otel_context.set_value(_KEY, "program"))
            assert otel_context.get_value(_KEY) == "program"
        else:
            attached.detach(before)
            before = None
    assert seen == [(None, None if change == "attach" else "before")]
    attached.detach(before)
    assert otel_context.get_value(_KEY) is None
    test_a_context_is_the_current_one_until_it_is_taken_back()
