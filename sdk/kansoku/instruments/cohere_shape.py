"""What Cohere's endpoints have in common: parameters, token counts, finish reasons, tools."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from kansoku import semconv
from kansoku.calls.parameters import add_parameter
from kansoku.content import plain
from kansoku.instruments.openai_shape import get
from kansoku.usage import Usage

Origin = Callable[[Any, str], tuple[str, str, int]]
# Clients for the models in somebody's cloud, by the beginning of their names.
_CLOUDS = {"Bedrock": "aws.bedrock", "Sagemaker": "aws.sagemaker", "Oci": "oci.genai"}
_FINISH = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "ERROR_LIMIT": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
}
_READ_BELOW = frozenset({"conversation_id", "response_format", "tool_results"})
_NUMBERS = {
    "temperature": semconv.TEMPERATURE,
    "p": semconv.TOP_P,
    "k": semconv.TOP_K,
    "max_tokens": semconv.MAX_TOKENS,
    "seed": semconv.SEED,
    "frequency_penalty": semconv.FREQUENCY_PENALTY,
    "presence_penalty": semconv.PRESENCE_PENALTY,
}


def read_origin(resource: Any, local_provider: str) -> tuple[str, str, int]:  # noqa: ARG001 - Cohere's own client
    """Return provider, host and port of a client."""
    wrapper = getattr(resource, "_client_wrapper", None) or resource._raw_client._client_wrapper
    name = type(resource).__name__
    provider = next((vendor for start, vendor in _CLOUDS.items() if name.startswith(start)), "cohere")
    return _split(provider, str(wrapper.get_base_url()))


@lru_cache(maxsize=64)
def _split(provider: str, url: str) -> tuple[str, str, int]:
    found = urlsplit(url)
    return provider, found.hostname or "", found.port or (80 if found.scheme == "http" else 443)


def read_parameters(arguments: Mapping[str, Any], capture: bool) -> dict[str, Any]:
    """Return the attributes of a chat's parameters; what was not given is left out."""
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        key = _NUMBERS.get(name)
        if key is None:
            if name not in _READ_BELOW:
                add_parameter(found, name, value, capture)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[key] = value
    stop = arguments.get("stop_sequences")
    if isinstance(stop, list | tuple):
        found[semconv.STOP_SEQUENCES] = tuple(map(str, stop))
    kind = get(arguments.get("response_format"), "type")
    if isinstance(kind, str):
        found[semconv.OUTPUT_TYPE] = "json" if kind == "json_object" else kind
    return found


def model_name(arguments: Mapping[str, Any]) -> str:
    """Return the model asked for."""
    model = arguments.get("model")
    return model if isinstance(model, str) else ""


def finish_reason(word: Any) -> str:
    """Return the canonical word for a finish reason."""
    return _FINISH.get(word, word.lower()) if isinstance(word, str) else ""


def read_usage(meta: Any) -> Usage | None:
    """Return the billed tokens: Cohere's own prompt around a request is read by the model, but not billed.

    Those of images are counted beside the input's, which is 0 where there was nothing else.
    """
    billed = get(meta, "billed_units")
    asked, seen, answered = (get(billed, f"{name}_tokens") for name in ("input", "image", "output"))
    asked = get(billed, "text_tokens") if asked is None else asked
    if asked is None and seen is None and answered is None:
        billed = get(meta, "tokens")
        asked, answered = get(billed, "input_tokens"), get(billed, "output_tokens")
        if asked is None and answered is None:
            return None
    return Usage(input_fresh=int(asked or 0), image=int(seen or 0), output_visible=int(answered or 0))


def read_logprobs(items: Any) -> list[Any]:
    """Return the log probabilities of the tokens of some pieces of an answer."""
    return [number for item in items or () for number in get(item, "logprobs") or ()]


def read_meta(meta: Any) -> dict[str, Any]:
    """Return the other counts of a response.

    Cached tokens are part of what the model read, not of what is billed: they stay out of the usage's sum.
    """
    counted = {
        semconv.CACHE_READ_TOKENS: get(meta, "cached_tokens"),
        semconv.MODEL_INPUT_TOKENS: get(get(meta, "tokens"), "input_tokens"),
        semconv.MODEL_OUTPUT_TOKENS: get(get(meta, "tokens"), "output_tokens"),
        semconv.SEARCH_UNITS: get(get(meta, "billed_units"), "search_units"),
        semconv.PAGES: get(get(meta, "billed_units"), "pages"),
        semconv.CLASSIFICATIONS: get(get(meta, "billed_units"), "classifications"),
    }
    return {name: int(value) for name, value in counted.items() if value is not None}


def read_documents(documents: Any) -> list[dict[str, Any]]:
    """Return the documents that a request brings along."""
    found = []
    for number, document in enumerate(documents if isinstance(documents, list | tuple) else ()):
        if isinstance(document, str):
            found.append({"id": str(number), "content": document})
        else:
            content = get(document, "data") or get(document, "text") or document
            named = str(get(document, "id") or number)
            found.append({"id": named, "content": content if isinstance(content, str) else plain(content, 4)})
    return found


def dumped(value: Any) -> Any:
    """Return plain data for a list of the client's objects."""
    return plain([v.model_dump(exclude_none=True) if hasattr(v, "model_dump") else v for v in value or ()], 6)
