"""The documentation's pages of the openai client work as they stand."""

from typing import Any

import httpx2
import pytest
from openai.resources.realtime.realtime import RealtimeConnectionManager
from support.pages import run_page
from support.sockets import Socket, SocketVendor
from support.vendor import Vendor, sse

CHOICE = {"index": 0, "message": {"role": "assistant", "content": "On Tuesday."}, "finish_reason": "stop"}
ANSWER = {"id": "c", "object": "chat.completion", "model": "gpt-4o-mini", "choices": [CHOICE]}


def talk(socket: Socket) -> None:
    """Answer the question of a realtime connection."""
    socket.say(
        {"type": "session.created", "event_id": "e", "session": {"type": "realtime", "model": "gpt-realtime"}}
    )
    while socket.hear()["type"] != "response.create":
        pass
    content = [{"type": "output_text", "text": "On Friday."}]
    item = {"id": "i", "type": "message", "role": "assistant", "status": "completed", "content": content}
    for kind, status, output in (("created", "in_progress", []), ("done", "completed", [item])):
        response = {"id": "resp", "status": status, "output": output}
        socket.say({"type": f"response.{kind}", "event_id": "e", "response": response})
    socket.wait()


def test_the_page_of_the_client_runs(
    vendor: Vendor, sockets: SocketVendor, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenAI, Azure and a voice, each a span."""
    address = httpx2.URL(f"{sockets.play(talk).url}/v1/realtime")
    monkeypatch.setattr(RealtimeConnectionManager, "_prepare_url", lambda _: address)
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
    models = [span.attributes["gen_ai.response.model"] for span in spans.all()]
    assert models == ["gpt-4o-mini", "gpt-4o-mini", "gpt-realtime"]
    assert "On Friday." in spans.all()[-1].attributes["gen_ai.output.messages"]


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
