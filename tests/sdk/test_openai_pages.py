"""The documentation's pages of the openai client work as they stand."""

from typing import Any

import pytest
from support.pages import run_page
from support.vendor import Vendor, sse

CHOICE = {"index": 0, "message": {"role": "assistant", "content": "On Tuesday."}, "finish_reason": "stop"}
ANSWER = {"id": "c", "object": "chat.completion", "model": "gpt-4o-mini", "choices": [CHOICE]}


def test_the_page_of_the_client_runs(vendor: Vendor, spans: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAI and Azure, each a span."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"{vendor.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", vendor.url)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    monkeypatch.setattr("kansoku.init", lambda **_: None)  # the spans go to this test
    vendor.answer(ANSWER)
    left = run_page("sdk/openai.md", print=lambda *_: None)
    left["client"].close()
    left["azure"].close()
    assert [asked.path.partition("?")[0] for asked in vendor.asked] == [
        "/v1/chat/completions",
        "/openai/deployments/guide-prod/chat/completions",
    ]
    assert [span.attributes["gen_ai.response.model"] for span in spans.all()] == ["gpt-4o-mini"] * 2


def test_the_page_of_compatible_servers_runs(
    vendor: Vendor, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A local server's stream is a span of the provider `local`."""
    monkeypatch.setattr("kansoku.init", lambda **_: None)  # the spans go to this test
    chunk = {"id": "c", "object": "chat.completion.chunk", "model": "qwen3"}
    vendor.answer(sse({**chunk, "choices": [{"index": 0, "delta": {"content": "On Tuesday."}}]}))
    said: list[str] = []
    left = run_page(
        "sdk/openai-compatible.md", BASE_URL=f"{vendor.url}/v1", print=lambda text, **_: said.append(text)
    )
    left["local"].close()
    assert said == ["On Tuesday."]
    assert spans.attributes()["gen_ai.provider.name"] == "local"
