"""A stream that the server refuses: whichever client asked, the span says that a stream was asked for."""

import json
from collections.abc import Callable
from typing import Any

import anthropic
import cohere
import groq
import ollama
import openai
import pytest
from google import genai
from huggingface_hub import InferenceClient
from mistralai.client import Mistral
from support import aws
from support.vendor import Reply, Vendor

ASK: Any = [{"role": "user", "content": "いつ"}]
BLOCKS = [{"role": "user", "content": [{"text": "いつ"}]}]
Ask = Callable[[str, bool], Any]


def ask_openai(url: str, stream: bool) -> None:
    """Ask with the client of OpenAI."""
    with openai.OpenAI(api_key="k", base_url=url, max_retries=0) as client:
        client.chat.completions.create(model="m", messages=ASK, stream=stream)


def ask_groq(url: str, stream: bool) -> None:
    """Ask with the client of Groq."""
    with groq.Groq(api_key="k", base_url=url, max_retries=0) as client:
        client.chat.completions.create(model="m", messages=ASK, stream=stream)


def ask_anthropic(url: str, stream: bool) -> None:
    """Ask with the client of Anthropic."""
    with anthropic.Anthropic(api_key="k", base_url=url, max_retries=0) as client:
        client.messages.create(model="m", max_tokens=9, messages=ASK, stream=stream)


def ask_the_helper(url: str, stream: bool) -> None:
    """Ask with Anthropic's helper for streams, or without."""
    with anthropic.Anthropic(api_key="k", base_url=url, max_retries=0) as client:
        if not stream:
            client.messages.create(model="m", max_tokens=9, messages=ASK)
        with client.messages.stream(model="m", max_tokens=9, messages=ASK) as told:
            list(told)


def ask_bedrock(url: str, stream: bool) -> None:
    """Ask with botocore."""
    client = aws.connect(url)
    (client.converse_stream if stream else client.converse)(modelId="m", messages=BLOCKS)


def ask_google(url: str, stream: bool) -> None:
    """Ask with the client of Google."""
    with genai.Client(api_key="k", vertexai=False, http_options={"base_url": url}) as client:
        if not stream:
            client.models.generate_content(model="m", contents="いつ")
        list(client.models.generate_content_stream(model="m", contents="いつ"))


def ask_mistral(url: str, stream: bool) -> None:
    """Ask with the client of Mistral."""
    with Mistral(api_key="k", server_url=url) as client:
        (client.chat.stream if stream else client.chat.complete)(model="m", messages=ASK)


def ask_cohere(url: str, stream: bool) -> None:
    """Ask with the client of Cohere, whose stream makes its request when it is looped over."""
    with cohere.ClientV2("k", base_url=url) as client:
        list((client.chat_stream if stream else client.chat)(model="m", messages=ASK))


def ask_ollama(url: str, stream: bool) -> None:
    """Ask with the client of Ollama, whose stream makes its request when it is looped over."""
    list(ollama.Client(host=url).chat(model="m", messages=ASK, stream=stream))


def ask_hugging_face(url: str, stream: bool) -> None:
    """Ask with the client of Hugging Face."""
    list(InferenceClient(base_url=url, api_key="hf_k").chat_completion(messages=ASK, stream=stream))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "ask",
    [
        ask_openai, ask_groq, ask_anthropic, ask_the_helper, ask_bedrock, ask_google, ask_mistral, ask_cohere,
        ask_ollama, ask_hugging_face,
    ],
)  # fmt: skip
def test_a_refused_stream_is_a_failed_call_that_asked_for_a_stream(
    ask: Ask, stream: bool, vendor: Vendor, spans: Any
) -> None:
    """Status and kind of the error are there, and the request is told as it was."""
    body = json.dumps({"error": {"message": "no"}, "message": "no"}).encode()
    vendor.answer(Reply(body, 400))
    with pytest.raises(Exception):  # noqa: B017, PT011 - each client has its own
        ask(vendor.url, stream)
    aws.close()
    found = spans.attributes()
    assert found["http.response.status_code"] == 400
    assert found["error.type"]
    assert found.get("gen_ai.request.stream", False) is stream
