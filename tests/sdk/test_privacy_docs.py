"""The pages on privacy and sampling: their blocks run, and what they promise arrives."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support.pages import run_page

import kansoku


def sent(recorder: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return names and attributes of the spans that arrived."""
    found = []
    for body in recorder.bodies("/v1/traces"):
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                values = {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}
                found.append((span.name, values))
    return found


def test_the_page_on_privacy_says_what_happens(
    start: Callable[..., Any], recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Masked by recognisers, by a function, and left out by a context, as the page says."""
    monkeypatch.setenv("KANSOKU_ENDPOINT", recorder.url)
    monkeypatch.setenv("KANSOKU_API_KEY", "ksk_test")
    start(endpoint=recorder.url)
    run_page("sdk/privacy.md")
    assert kansoku.flush(60)
    found = dict(sent(recorder))
    assert json.loads(found["ask"]["kansoku.input.value"]) == "カードは[credit_card]、連絡先は [email]"
    assert json.loads(found["look up"]["kansoku.input.value"]) == {"customer": "[customer]"}
    assert found["diagnosis"] == {"kansoku.kind": "function", "kansoku.capture_content": "off"}


def test_the_page_on_sampling_says_what_happens(
    start: Callable[..., Any],
    recorder: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of twenty traces those that are not counted as sampled out arrive, with a weight of ten."""
    monkeypatch.setenv("KANSOKU_ENDPOINT", recorder.url)
    monkeypatch.setenv("KANSOKU_API_KEY", "ksk_test")
    monkeypatch.setenv("KANSOKU_SAMPLE_RATE", "1")
    start(endpoint=recorder.url)
    before = kansoku.stats()["dropped"].get("sampled_out", 0)
    run_page("sdk/sampling.md")
    dropped = kansoku.stats()["dropped"].get("sampled_out", 0) - before
    found = sent(recorder)
    assert len(found) + dropped == 20
    assert all(attributes["kansoku.sample.weight"] == pytest.approx(10) for _, attributes in found)
    assert "sampled_out" in capsys.readouterr().out
