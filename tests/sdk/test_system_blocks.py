"""A system prompt in several blocks: each is a part of its own, and nothing is put between them."""

import json
from collections.abc import Callable
from typing import Any

import anthropic
import pytest
from google import genai
from support import aws
from support.vendor import Vendor

ASK: Any = [{"role": "user", "content": "いつ"}]
SAID = ["短く。", "丁寧に。"]


def ask_anthropic(url: str) -> None:
    """Ask with two blocks, of which one ends what may be kept in a cache."""
    system: Any = [{"type": "text", "text": SAID[0], "cache_control": {"type": "ephemeral"}}]
    system.append({"type": "text", "text": SAID[1]})
    with anthropic.Anthropic(api_key="k", base_url=url, max_retries=0) as client:
        client.messages.create(model="m", max_tokens=9, system=system, messages=ASK)


def ask_google(url: str) -> None:
    """Ask with a content of two parts."""
    system: Any = {"parts": [{"text": text} for text in SAID]}
    with genai.Client(api_key="k", vertexai=False, http_options={"base_url": url}) as client:
        client.models.generate_content(model="m", contents="いつ", config={"system_instruction": system})


def ask_bedrock(url: str) -> None:
    """Ask with two blocks and a mark for the cache between them."""
    client = aws.connect(url)
    system = [{"text": SAID[0]}, {"cachePoint": {"type": "default"}}, {"text": SAID[1]}]
    messages = [{"role": "user", "content": [{"text": "いつ"}]}]
    client.converse(modelId="amazon.nova-lite-v1:0", system=system, messages=messages)
    aws.close()


def invoke(url: str) -> None:
    """Ask Claude on Bedrock in its own format."""
    system = [{"type": "text", "text": text} for text in SAID]
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "system": system, "messages": ASK}
    client = aws.connect(url)
    client.invoke_model(modelId="anthropic.claude-3-haiku-20240307-v1:0", body=json.dumps(body))[
        "body"
    ].read()
    aws.close()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ask", [ask_anthropic, ask_google, ask_bedrock, invoke])
def test_each_block_of_a_system_prompt_is_a_part(
    ask: Callable[[str], None], vendor: Vendor, spans: Any
) -> None:
    """Whoever joins them decides how; the model was told no line break."""
    vendor.answer({"id": "x", "type": "message", "role": "assistant", "content": [], "model": "m"})
    ask(vendor.url)
    told = json.loads(spans.attributes()["gen_ai.system_instructions"])
    assert told == [{"type": "text", "content": text} for text in SAID]
