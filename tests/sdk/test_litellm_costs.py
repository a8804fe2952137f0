"""LiteLLM: what vendors bill besides ordinary tokens, what its cache answers, and newer functions of its."""

import asyncio
import gc
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from support.litellm_clients import drop_connections
from support.vendor import Vendor, sse

import kansoku

litellm: Any = None  # set by `_imported`

pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine 'Logging.async_success_handler' was never awaited"),
    pytest.mark.filterwarnings("ignore:There is no current event loop"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_(computed_)?fields' attribute"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <coroutine object LoggingWorker"),
]
ASK: Any = [{"role": "user", "content": "大雨の日も集めますか？"}]
HEAD = {"id": "c-1", "created": 1}


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Import the library where its tests run: it takes seconds."""
    global litellm  # noqa: PLW0603
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it asks the network for prices
    litellm = pytest.importorskip("litellm")
    gc.freeze()


@pytest.fixture(autouse=True)
def _tidy(_imported: None) -> Iterator[None]:
    """Close what LiteLLM keeps open."""
    yield
    drop_connections(litellm)


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Switch LiteLLM's cache on."""
    made = litellm.Cache()
    monkeypatch.setattr(litellm, "cache", made)
    return made


@pytest.fixture
def where(vendor: Vendor) -> dict[str, str]:
    """Give the arguments that lead LiteLLM to the vendor on loopback."""
    return {"api_base": vendor.url, "api_key": "k"}


def ask(model: str, usage: dict[str, Any], stream: bool, vendor: Vendor) -> None:
    """Ask a model that counts so; read a stream to its end."""
    said = {"role": "assistant", "content": "集めます。"}
    whole = {**HEAD, "object": "chat.completion", "model": model.partition("/")[2]}
    piece = {**whole, "object": "chat.completion.chunk"}
    if stream:
        first = {**piece, "choices": [{"index": 0, "delta": said, "finish_reason": None}]}
        last = {**piece, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        vendor.answer(sse(first, last, {**piece, "choices": [], "usage": usage}))
    else:
        choices = [{"index": 0, "message": said, "finish_reason": "stop"}]
        vendor.answer({**whole, "choices": choices, "usage": usage})
    options = {"stream_options": {"include_usage": True}} if stream else {}
    asked = {"model": model, "messages": ASK, "api_base": vendor.url, "api_key": "k", "num_retries": 0}
    found = litellm.completion(**asked, stream=stream, **options)
    if stream:
        list(found)


@pytest.mark.parametrize("stream", [False, True])
def test_thoughts_beside_the_answer_are_billed(stream: bool, vendor: Vendor, spans: Any) -> None:
    """XAI counts them so; in LiteLLM's sum of a stream they are missing."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 40, "total_tokens": 1060}
    details = {"reasoning_tokens": 20, "audio_tokens": 0}
    ask("xai/grok-4", {**usage, "completion_tokens_details": details}, stream, vendor)
    told = spans.attributes()
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (1000, 60)
    assert told["gen_ai.usage.reasoning.output_tokens"] == 20


@pytest.mark.parametrize("stream", [False, True])
def test_what_deep_research_reads_and_thinks_is_billed(stream: bool, vendor: Vendor, spans: Any) -> None:
    """Perplexity's thoughts, citations and searches, which make up nearly all that it costs."""
    usage = {"prompt_tokens": 14, "completion_tokens": 60, "total_tokens": 74, "reasoning_tokens": 2000}
    usage |= {"citation_tokens": 100, "num_search_queries": 3}
    ask("perplexity/sonar-deep-research", usage, stream, vendor)
    told = spans.attributes()
    assert told["gen_ai.usage.output_tokens"] == 2060
    assert told["gen_ai.usage.reasoning.output_tokens"] == 2000
    assert told["kansoku.usage.citation_tokens"] == 100
    assert told["kansoku.usage.web_search.requests"] == 3
    assert told["kansoku.cost.usd"] == pytest.approx((14 * 2 + 60 * 8 + 2000 * 3 + 100 * 2) / 1e6 + 3 * 0.005)


@pytest.mark.parametrize("stream", [False, True])
def test_a_vendors_own_cost_is_told(stream: bool, vendor: Vendor, spans: Any) -> None:
    """It is what a model costs of which nobody lists a price; LiteLLM leaves it out of a stream's sum."""
    usage = {"prompt_tokens": 10, "completion_tokens": 6, "total_tokens": 16, "cost": 0.0123}
    ask("openrouter/new/model-9", usage, stream, vendor)
    assert spans.attributes()["gen_ai.usage.cost"] == 0.0123


def cached(spans: Any) -> dict[str, Any]:
    """Return what is told of the second of two calls, which LiteLLM's cache answered."""
    first, second = (dict(span.attributes) for span in spans.all())
    assert [name for name in first if name.startswith(("gen_ai.usage", "kansoku.usage"))]
    assert second["kansoku.cache_hit"] is True
    return second


def test_what_an_answer_in_the_cache_once_used_is_not_billed_again(
    cache: Any, vendor: Vendor, where: Any, spans: Any
) -> None:
    """Neither searches nor the vendor's own cost."""
    usage = {"prompt_tokens": 10, "completion_tokens": 6, "total_tokens": 16, "cost": 0.0123}
    usage["server_tool_use"] = {"web_search_requests": 2}
    choices = [{"index": 0, "message": {"role": "assistant", "content": "はい。"}, "finish_reason": "stop"}]
    vendor.answer({**HEAD, "object": "chat.completion", "model": "m", "choices": choices, "usage": usage})
    for _ in range(2):
        litellm.completion("openrouter/new/model-9", ASK, caching=True, **where)
    assert len(vendor.asked) == 1
    assert not [name for name in cached(spans) if "usage" in name or "cost" in name]


def test_a_ranking_in_the_cache_is_not_billed_again(
    cache: Any, vendor: Vendor, where: Any, spans: Any
) -> None:
    """It is paid by the search."""
    meta = {"billed_units": {"search_units": 1}}
    vendor.answer({"id": "r", "results": [{"index": 0, "relevance_score": 0.5}], "meta": meta})
    for _ in range(2):
        litellm.rerank(model="cohere/rerank-v3.5", query="ごみ", documents=["a"], caching=True, **where)
    assert len(vendor.asked) == 1
    assert "kansoku.usage.search_units" not in cached(spans)


def test_no_tokens_are_guessed_of_a_stream_from_the_cache(
    cache: Any, vendor: Vendor, where: Any, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guess has a price as well."""
    message = {"role": "assistant", "content": "はい。"}
    given = {"model": "gpt-4o", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    kept = litellm.ModelResponse(**given)
    monkeypatch.setattr(cache, "get_cache", lambda *_, **__: kept.model_dump())
    stream = litellm.completion("openai/gpt-4o", ASK, stream=True, caching=True, **where)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "はい。"
    assert not vendor.asked
    told = spans.attributes()
    assert told["kansoku.cache_hit"] is True
    assert not [name for name in told if "usage" in name or "cost" in name]


@pytest.mark.parametrize("later", [False, True])
def test_pages_that_are_read_are_a_call(later: bool, vendor: Vendor, where: Any, spans: Any) -> None:
    """Mistral is paid by the page."""
    page = {"index": 0, "markdown": "# 収集日", "images": [], "dimensions": None}
    counted = {"pages_processed": 3, "doc_size_bytes": 10}
    vendor.answer({"pages": [page], "model": "mistral-ocr-2505", "usage_info": counted})
    document = {"type": "document_url", "document_url": "https://example.com/a.pdf"}
    asked = {"model": "mistral/mistral-ocr-latest", "document": document, **where}
    if later:
        asyncio.run(litellm.aocr(**asked))
    else:
        litellm.ocr(**asked)
    told = spans.attributes()
    assert told["gen_ai.provider.name"] == "mistral_ai"
    assert told["gen_ai.request.model"] == "mistral-ocr-latest"
    assert told["gen_ai.response.model"] == "mistral-ocr-2505"
    assert told["kansoku.usage.pages"] == 3
    assert "https://example.com/a.pdf" in told["gen_ai.input.messages"]
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "# 収集日"}]


def test_a_routers_group_is_told_of_every_api(vendor: Vendor, where: Any, spans: Any) -> None:
    """Of the Responses API it is among LiteLLM's own notes: the usual ones are the program's."""
    text = {"type": "output_text", "text": "集めます。", "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    usage = {"input_tokens": 21, "output_tokens": 8, "total_tokens": 29}
    settings = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "created_at": 1}
    head = {"id": "resp_1", "object": "response", "model": "gpt-5-mini", "status": "completed"}
    vendor.answer({**head, **settings, "output": [item], "usage": usage})
    deployment = {"model_name": "city", "litellm_params": {"model": "openai/gpt-5-mini", **where}}
    asyncio.run(litellm.Router(model_list=[deployment]).aresponses(model="city", input="?"))
    told = spans.attributes()
    assert (told["kansoku.router.model"], told["gen_ai.request.model"]) == ("city", "gpt-5-mini")


def test_messages_of_a_newer_litellm_are_a_call(spans: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 1.106 on the function is in a module of its own, which may ask the vendor without Python."""
    usage = {"input_tokens": 30, "output_tokens": 9}
    answer = {"id": "msg_1", "model": "claude-haiku-4-5", "content": [{"type": "text", "text": "はい。"}]}

    async def anthropic_messages(*_: Any, **__: Any) -> Any:
        return {**answer, "stop_reason": "end_turn", "usage": usage}

    dispatch: Any = ModuleType("litellm.messages.dispatch")
    package: Any = ModuleType("litellm.messages")
    anthropic_messages.__module__ = dispatch.__name__
    dispatch.anthropic_messages = package.anthropic_messages = anthropic_messages
    for module in (package, dispatch):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(litellm, "anthropic_messages", anthropic_messages)
    kansoku.uninstrument("litellm")
    kansoku.instrument("litellm")
    assert package.anthropic_messages is dispatch.anthropic_messages is not anthropic_messages
    asyncio.run(litellm.anthropic_messages(model="anthropic/claude-haiku-4-5", messages=ASK, max_tokens=9))
    told = spans.attributes()
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (30, 9)
    assert told["gen_ai.provider.name"] == "anthropic"
    kansoku.uninstrument("litellm")
    assert litellm.anthropic_messages is anthropic_messages
