"""What older versions of LangChain do otherwise, played to the newest: each call is billed once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks.manager import AsyncCallbackManager
from langchain_core.language_models import chat_models
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from support.chains import CHAIN, make_chain, make_chat
from support.trees import STREAM, tree
from support.vendor import Vendor, sse

USAGE = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
RUN = "0190b2f6-8b8d-7c4e-9d2a-6f1f5c0e7a11"


def test_an_asynchronous_stream_is_one_call_where_handlers_are_told_in_tasks(
    vendor: Vendor, start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """langchain-core 0.1 and 0.2 tell handlers of a model in a task of its own, whose context is lost."""
    told = AsyncCallbackManager.on_chat_model_start

    async def tell_in_a_task(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await asyncio.create_task(told(self, *args, **kwargs))

    monkeypatch.setattr(AsyncCallbackManager, "on_chat_model_start", tell_in_a_task)
    spans = start()
    vendor.answer(sse(*STREAM))

    async def ask() -> list[Any]:
        chain = make_chain(make_chat(vendor, stream_usage=True))
        return [piece async for piece in chain.astream({"q": "いつ？"})]

    assert "".join(asyncio.run(ask())) == "火曜日!"
    assert tree(spans) == CHAIN


@pytest.mark.parametrize("known", ["run-{}-0", "run--{}-0", "lc_run--{}-0"])
def test_a_cached_answer_that_is_not_told_to_be_free_is_not_billed(
    known: str, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """langchain-core before 0.3 gives a cached message as it was, with its usage and its run's name."""
    monkeypatch.setattr(
        chat_models.BaseChatModel, "_convert_cached_generations", lambda _, found: list(found)
    )
    model = GenericFakeChatModel(
        messages=iter([AIMessage("火曜日", usage_metadata=USAGE)]), cache=InMemoryCache()
    )
    answer = model.invoke("いつ？")
    answer.id = known.format(RUN)  # the cache holds this very message
    assert model.invoke("いつ？").usage_metadata["input_tokens"] == 10
    assert tree(spans) == ["GenericFakeChatModel $10", "GenericFakeChatModel"]
    assert spans.all()[1].attributes["kansoku.cache_hit"] is True
