"""What any vendor's client says about a call besides its answer: headers of an error, certainty, speed."""

from collections.abc import Iterable, Mapping
from typing import Any

from kansoku import semconv
from kansoku.content import cut, plain, to_json

_HEADERS = frozenset(
    {
        "retry-after",
        "retry-after-ms",
        "x-ms-retry-after-ms",
        "x-should-retry",
        "x-request-id",
        "request-id",
        "apim-request-id",
        "x-amzn-requestid",
        "x-amzn-errortype",
    }
)
_LIMITS = ("x-ratelimit-", "anthropic-ratelimit-", "ratelimit-", "x-rate-limit-")
# Where clients keep the vendor's word: OpenAI's, Anthropic's (and OpenAI's without a code), Google's.
_CODES = ("code", "type", "status")
_MOST_HEADERS = 40
_UNLIKELY = -9999  # stands for a token that was not among the likely ones, not for a probability
_SHORTEST = 1_000_000  # nanoseconds: chunks that come in one go say nothing about a model's speed


def error_facts(error: BaseException) -> dict[str, Any]:
    """Return the attributes for what an exception of a client knows: limits, when to try again, its code."""
    found: dict[str, Any] = {}
    for name, value in _headers(error).items():
        key = str(name).lower()
        if (key in _HEADERS or key.startswith(_LIMITS)) and len(found) < _MOST_HEADERS:
            found[semconv.RESPONSE_HEADER + key] = (cut(str(value), 256),)
    body = getattr(error, "body", None)
    inner = body.get("error") if isinstance(body, Mapping) else None
    told = inner if isinstance(inner, Mapping) else {}  # all that the clients of some vendors keep, or kept
    words = (*(getattr(error, name, None) for name in _CODES), *(told.get(name) for name in _CODES))
    if code := next((word for word in words if isinstance(word, str) and word), None):
        found[semconv.ERROR_CODE] = cut(code, 256)
    verdict = _verdict(body)
    if verdict is not None:
        found[semconv.CONTENT_FILTER] = to_json({"prompt": plain(verdict, 4)}, 4096)
    return found


def _verdict(body: Any) -> Any:
    """Return what the content filter of Azure said of a question that it did not let pass."""
    inner = body.get("innererror") if isinstance(body, Mapping) else None
    return inner.get("content_filter_result") if isinstance(inner, Mapping) else None


def _headers(error: BaseException) -> Mapping[Any, Any]:
    """Return the response headers that an exception carries, whatever HTTP library its client uses."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):  # botocore
        response = response.get("ResponseMetadata") or {}
        headers = response.get("HTTPHeaders") if isinstance(response, Mapping) else None
    else:
        headers = getattr(response, "headers", None)
    if headers is None:
        headers = getattr(error, "headers", None)
    if headers is None:
        headers = getattr(getattr(error, "raw_response", None), "headers", None)  # mistralai 1.5
    return headers if isinstance(headers, Mapping) else {}


def mean_logprob(values: Iterable[Any]) -> float | None:
    """Return the mean of the log probabilities of an answer's tokens, None without any."""
    total, count = 0.0, 0
    for value in values:
        if isinstance(value, int | float) and _UNLIKELY < value <= 0:
            total += value
            count += 1
    return total / count if count else None


def tokens_per_second(tokens: int, nanoseconds: int, chunks: int) -> float | None:
    """Return how fast an answer came once it began; None for one that came at once."""
    if tokens <= 0 or chunks < 2 or nanoseconds < _SHORTEST:
        return None
    return tokens * 1e9 / nanoseconds
