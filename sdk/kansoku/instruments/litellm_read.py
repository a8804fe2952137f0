"""Read what LiteLLM adds to OpenAI's shapes: who answered in truth, at what cost, from a cache or not."""

import sys
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from kansoku import runtime, semconv
from kansoku.calls.reader import Answer, Reader, Request
from kansoku.guard import guard
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_hosts import find_provider
from kansoku.instruments.openai_other import EmbeddingReader
from kansoku.instruments.openai_shape import get
from kansoku.pricing.price_terms import PIECES
from kansoku.usage import Usage

# LiteLLM's name of a provider -> OpenTelemetry's; others are called as LiteLLM calls them.
_PROVIDERS = {
    "azure": "azure.ai.openai",
    "azure_text": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "sagemaker": "aws.sagemaker",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    **dict.fromkeys(("codestral", "text-completion-codestral"), "mistral_ai"),
    "cohere_chat": "cohere",
    "xai": "x_ai",
    "moonshot": "moonshot_ai",
    "watsonx": "ibm.watsonx.ai",
    "watsonx_text": "ibm.watsonx.ai",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "ollama_chat": "ollama",
    "voyage": "voyageai",
    "github_copilot": "github-copilot",
}
# Names that only say which API is spoken; the host tells who speaks it.
_SPEAKS_OPENAI = frozenset(
    {"openai", "text-completion-openai", "custom_openai", "openai_like", "litellm_proxy"}
)
_OWN_SERVERS = frozenset(
    {"vllm", "hosted_vllm", "lm_studio", "llamafile", "xinference", "infinity", "triton"}
)
# What is a parameter of the model; the rest is LiteLLM's own business, keys and addresses among it.
# fmt: off
_PARAMETERS = frozenset({
    "model", "messages", "functions", "function_call", "tools", "tool_choice", "parallel_tool_calls",
    "temperature", "top_p", "top_k", "min_p", "n", "stream", "stream_options", "stop", "max_tokens",
    "max_completion_tokens", "modalities", "audio", "prediction", "presence_penalty",
    "frequency_penalty", "repetition_penalty", "logit_bias", "user", "response_format", "seed",
    "logprobs", "top_logprobs", "thinking", "reasoning_effort", "verbosity", "safety_identifier",
    "service_tier", "web_search_options", "input", "prompt", "suffix", "echo", "best_of",
    "encoding_format", "dimensions", "instructions", "max_output_tokens", "reasoning", "text",
    "text_format", "truncation", "include", "store", "background", "previous_response_id", "query",
    "documents", "top_n", "rank_fields", "return_documents", "size", "quality", "style",
    "image", "file", "language", "timestamp_granularities", "voice", "speed",
})
# fmt: on
# Whose own names of models begin with theirs; in front of others' LiteLLM puts the seller, in many an answer.
_NAMESAKES = frozenset({"openai", "groq", "openrouter", "deepinfra"})
# What LiteLLM takes between the seller and the model for the way to ask it.
_WAYS = frozenset({"responses", "converse", "converse_like", "invoke", "o_series", "gpt5_series"})
ROUTER = "litellm"  # while it is not known whom it asks

# The streams under way by the id of their call: only they know whether the provider counted the tokens.
_streams: "WeakValueDictionary[str, Any]" = WeakValueDictionary()


# Where the call that answered last in this context was sent: 1.55 says OpenAI's address for any server.
_sent_to: ContextVar[str] = ContextVar("kansoku-litellm-base", default="")
_OPENAIS = "https://api.openai.com"
_VENDORS_COST = "upstream_usage_cost"


@guard
def keep_address(arguments: Mapping[str, Any]) -> None:
    """Remember the address that a call of OpenAI's API was given, until the next one of this context."""
    base = arguments.get("api_base") or arguments.get("base_url")
    name = arguments.get("custom_llm_provider") or _split(shape.model_name(arguments))[0]
    _sent_to.set(base if isinstance(base, str) and name in _SPEAKS_OPENAI else "")


def keep_stream(result: Any) -> Any:
    """Remember a stream, for as long as somebody holds it; return whatever was given."""
    if hasattr(result, "completion_stream"):
        _keep(result)
    return result


@guard
def _keep(stream: Any) -> None:
    _streams[hidden_of(stream).get("litellm_call_id") or str(id(stream))] = stream


def stream_of(chunk: Any, hidden: Mapping[str, Any]) -> Any:
    """Return the stream of a chunk; in 1.55 only the id of the response tells which one."""
    if known := _streams.get(hidden.get("litellm_call_id") or ""):
        return known
    said = shape.text_of(chunk, "id")
    # Not `values()`: another thread may begin a stream meanwhile.
    newest = (ref() for ref in reversed(_streams.valuerefs()))
    return next((one for one in newest if said and getattr(one, "response_id", None) == said), None)


def origin(resource: Any, local_provider: str) -> tuple[str, str, int]:
    """Return provider, host and port, as far as the arguments of a call say them: they are the resource."""
    base = resource.get("api_base") or resource.get("base_url")
    name = resource.get("custom_llm_provider") or _split(shape.model_name(resource))[0]
    return _find(str(name or ""), base if isinstance(base, str) else "", local_provider)


@lru_cache(maxsize=256)
def _find(name: str, base: str, local_provider: str) -> tuple[str, str, int]:
    url = urlsplit(base)
    host = url.hostname or ""
    port = (url.port or (80 if url.scheme == "http" else 443)) if host else 0
    if name in _SPEAKS_OPENAI:
        provider = find_provider(host, local_provider) if host else "openai"
    elif name in _OWN_SERVERS:
        provider = local_provider
    else:
        provider = _PROVIDERS.get(name, name) or ROUTER
    return provider, host, port


@lru_cache(maxsize=1024)
def _split(model: str) -> tuple[str, str]:
    """Return LiteLLM's name of the provider, "" when unknown, and the model's own name."""
    library: Any = sys.modules.get("litellm")
    head, slash, rest = model.partition("/")
    if slash and head in getattr(library, "provider_list", ()):
        way, slash, name = rest.partition("/")
        return head, name if slash and way in _WAYS else rest
    known = getattr(library, "model_cost", {}).get(model)
    seller = str((known or {}).get("litellm_provider") or "")
    # Behind a dash is what kind of models it sells, as in vertex_ai-language-models.
    return seller if seller.startswith("text-completion-") else seller.partition("-")[0], model


class RoutedReader:
    """Reads one of LiteLLM's functions with the reader of the same endpoint of OpenAI's API."""

    def __init__(self, inner: Reader) -> None:
        self._inner = inner
        self.operation = inner.operation
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments; the provider in front of the model's name is the router's, not the model's."""
        request = self._inner.request(self.given(arguments), capture)
        notes = (arguments.get("metadata"), arguments.get("litellm_metadata"))  # the second: of others' APIs
        groups = [note.get("model_group") for note in notes if isinstance(note, Mapping)]
        asked = str(next(filter(None, groups), request.model))
        request.model = _split(request.model)[1]
        if asked != request.model:
            request.attributes[semconv.ROUTER_MODEL] = asked
        return request

    def given(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that are the model's."""
        return {name: value for name, value in arguments.items() if name in _PARAMETERS and value is not None}

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a whole response."""
        answer = self._inner.response(self.said(response), capture)
        hidden = hidden_of(response)
        if hidden.get("api_base") == _OPENAIS and hidden.get("custom_llm_provider") in _SPEAKS_OPENAI:
            hidden = {**hidden, "api_base": _sent_to.get() or _OPENAIS}
        add_hidden(answer, hidden)
        cost = hidden.get("response_cost")
        if isinstance(cost, int | float) and answer.usage is not None:
            answer.attributes[semconv.COST_REPORTED_USD] = float(cost)
        return answer

    def said(self, response: Any) -> Any:
        """Return a response as the reader of the endpoint knows it."""
        return response

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the chunks of a stream together."""
        answer = self._inner.fold(chunks, capture)
        if answer.usage is not None and not (answer.usage.input_tokens or answer.usage.output_tokens):
            answer.usage = None  # of a completion whose provider was not asked for it
        last = chunks[-1]
        _take_bill(answer, hidden_of(get(last, "response")) or hidden_of(last))
        add_hidden(answer, hidden_of(last))
        return answer


class RoutedEmbeddingReader(RoutedReader):
    """Reads embeddings; LiteLLM counts the tokens of Gemini's itself."""

    def __init__(self) -> None:
        super().__init__(EmbeddingReader(origin))

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a whole response."""
        answer = super().response(response, capture)
        if answer.usage is not None and hidden_of(response).get("custom_llm_provider") == "gemini":
            mark_guess(answer, answer.usage)
            answer.usage = None
        return answer


def mark_guess(answer: Answer, counted: Usage) -> None:
    """Say what LiteLLM counted itself, and that nobody else did."""
    answer.attributes[semconv.ESTIMATED_INPUT_TOKENS] = counted.input_tokens
    answer.attributes[semconv.ESTIMATED_OUTPUT_TOKENS] = counted.output_tokens
    answer.attributes[semconv.USAGE_ESTIMATED] = True


def hidden_of(response: Any) -> Mapping[str, Any]:
    """Return what LiteLLM notes on a response beside its fields."""
    hidden = getattr(response, "_hidden_params", None)
    if isinstance(hidden, Mapping):
        return hidden
    found = getattr(hidden, "__dict__", None)
    return found if isinstance(found, Mapping) else {}


def add_hidden(answer: Answer, hidden: Mapping[str, Any]) -> None:
    """Add who answered in truth: a fallback may have, or a cache, which bills nobody."""
    running = runtime.current()
    name, base = hidden.get("custom_llm_provider"), hidden.get("api_base")
    if name and running is not None:
        provider, host, port = _find(str(name), base if isinstance(base, str) else "", running.local_provider)
        answer.attributes[semconv.PROVIDER] = provider
        if name not in _NAMESAKES:
            answer.model = answer.model.removeprefix(f"{name}/")
        if host:
            answer.attributes[semconv.SERVER_ADDRESS] = host
            answer.attributes[semconv.SERVER_PORT] = port
    if hidden.get("cache_hit") is True:
        answer.usage = None
        for name in answer.attributes.keys() & {*PIECES, semconv.VENDOR_COST}:
            del answer.attributes[name]
        answer.attributes[semconv.CACHE_HIT] = True


def _take_bill(answer: Answer, hidden: Mapping[str, Any]) -> None:
    """Tell LiteLLM's bill from the vendor's cost, in whose place newer versions write it."""
    if _VENDORS_COST not in hidden:
        return
    bill, told = answer.attributes.pop(semconv.VENDOR_COST, None), hidden[_VENDORS_COST]
    if isinstance(told, int | float):
        answer.attributes[semconv.VENDOR_COST] = float(told)
    if bill is not None and answer.usage is not None:
        answer.attributes[semconv.COST_REPORTED_USD] = bill
