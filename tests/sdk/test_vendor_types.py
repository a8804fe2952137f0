"""Whatever the types of a vendor's client allow in an answer: read without a fault, kept back, masked."""

import json
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from anthropic.types.beta import BetaMessage
from openai.types.chat import ChatCompletion
from openai.types.responses import Response
from support.variants import Variants

from kansoku.privacy.filter import Filter
from kansoku.privacy.mask import Mask
from kansoku.privacy.recognisers import choose

TIMES = 60
ASK: Any = [{"role": "user", "content": "?"}]
# Names of things, which are no words of anybody's.
NAMES = {
    *("ChatCompletion.id", "ChatCompletion.model", "ChatCompletion.system_fingerprint"),
    *("Response.id", "Conversation.id"),
    *("BetaMessage.id", "BetaMessage.stop_sequence", "BetaContainer.id", "BetaUsage.inference_geo"),
}
Ask = Callable[[], Any]


@pytest.fixture
def answered() -> Any:
    """Give a function that makes each of the three calls be answered with a body."""
    body: list[Any] = [None]
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, json=body[0])))
    claude = anthropic.Anthropic(api_key="k", http_client=http, max_retries=0)
    gpt = openai.OpenAI(api_key="k", base_url="https://api.openai.com/v1", http_client=http, max_retries=0)
    calls: dict[Any, Ask] = {
        BetaMessage: lambda: claude.beta.messages.create(model="claude-opus-5", max_tokens=9, messages=ASK),
        ChatCompletion: lambda: gpt.chat.completions.create(model="gpt-5", messages=ASK),
        Response: lambda: gpt.responses.create(model="gpt-5", input="?"),
    }

    def answer(kind: Any, made: Any) -> Any:
        body[0] = made
        return calls[kind]()

    yield answer
    http.close()


def told(span: Any) -> str:
    """Return everything that a span says, as one text."""
    events = [[event.name, dict(event.attributes or {})] for event in span.events]
    said = [span.name, dict(span.attributes), events, span.status.description]
    return json.dumps(said, ensure_ascii=False, default=list)


@pytest.mark.parametrize("kind", [BetaMessage, ChatCompletion, Response])
def test_every_kind_of_answer_reaches_the_program_and_a_span(kind: Any, start: Any, answered: Any) -> None:
    """The program gets what it gets untraced; the span ends with the model, and no reader fails."""
    variants = Variants("word{}word")
    bodies = [variants.make(kind) for _ in range(TIMES)]
    untraced = [answered(kind, body).to_dict(mode="json") for body in bodies]
    spans = start()
    traced = [answered(kind, body).to_dict(mode="json") for body in bodies]
    assert traced == untraced
    models = [span.attributes.get("gen_ai.response.model") for span in spans.all()]
    assert models == [body["model"] for body in bodies]


@pytest.mark.parametrize("kind", [BetaMessage, ChatCompletion, Response])
def test_with_content_off_no_text_of_any_kind_of_answer_is_told(kind: Any, start: Any, answered: Any) -> None:
    """Only what a thing is called, so that one finds it at the vendor's."""
    spans = start(capture_content="off")
    variants = Variants("word{}word")
    for _ in range(TIMES):
        answered(kind, variants.make(kind))
    everything = "\n".join(map(told, spans.all()))
    assert {place for text, place in variants.texts.items() if text in everything} <= NAMES


@pytest.mark.parametrize("kind", [BetaMessage, ChatCompletion, Response])
def test_an_address_in_any_text_of_an_answer_is_masked(kind: Any, start: Any, answered: Any) -> None:
    """Wherever the vendor's types have room for one."""
    spans = start()
    variants = Variants("user{}@example.com")
    for _ in range(TIMES):
        answered(kind, variants.make(kind))
    mask = Filter(Mask(choose(("all",))))
    everything = "\n".join(told(mask.span(span)) for span in spans.all())
    assert {place for text, place in variants.texts.items() if text in everything} <= NAMES
    assert not mask.failed
