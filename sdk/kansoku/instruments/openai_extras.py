"""What servers of the API say about an answer besides the answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from kansoku import semconv
from kansoku.calls.facts import mean_logprob
from kansoku.calls.reader import Answer
from kansoku.content import plain, to_json
from kansoku.instruments.openai_shape import get, listed, text_of

_LONGEST = 4096
_MOST_SOURCES = 100
_MAX_SOURCES_BYTES = 16_384
_PAGES_BY_WORTH = ("search_results", "citations", "web_search")
_FAILING = frozenset({"error", "x_groq", "base_resp"})
_PAGES = frozenset(_PAGES_BY_WORTH)
_SEARCH = "-search-"  # in the names of OpenAI's models for chats that rest on the web
_SEARCHING = ("-search-preview", "-search-api")
_EXTRAS = (
    ("system_fingerprint", semconv.SYSTEM_FINGERPRINT),
    ("service_tier", semconv.SERVICE_TIER),
    ("provider", semconv.UPSTREAM_PROVIDER),
)


def last_text(chunks: Sequence[Any], name: str) -> str:
    """Return the last text in a field: some servers leave it empty in their first or their last chunk."""
    for chunk in reversed(chunks):
        if found := text_of(chunk, name):
            return found
    return ""


def add_extras(answer: Answer, responses: Sequence[Any]) -> None:
    """Add fingerprint, service tier and upstream provider; the later responses of a stream win."""
    for name, key in _EXTRAS:
        for response in reversed(responses):
            found = response.get(name) if type(response) is dict else get(response, name)
            if found and isinstance(found, str):
                answer.attributes[key] = found
                break


def add_request_id(answer: Answer, response: Any) -> None:
    """Add the identifier under which the vendor's support finds the request."""
    if found := text_of(response, "_request_id"):
        answer.attributes[semconv.RESPONSE_HEADER + "x-request-id"] = (found,)


def add_search(answer: Answer) -> None:
    """Count the search of a model that makes one for every answer: it is paid, and its usage says nothing."""
    if _SEARCH in answer.model and answer.usage is not None and any(n in answer.model for n in _SEARCHING):
        answer.attributes.setdefault(semconv.WEB_SEARCHES, 1)


def add_logprob(answer: Answer, logprobs: Sequence[Any]) -> None:
    """Add how certain the model was of its words."""
    mean = mean_logprob(logprobs) if logprobs else None
    if mean is not None:
        answer.attributes[semconv.LOGPROB_MEAN] = mean


def add_sources(answer: Answer, responses: Sequence[Any], first: Any) -> None:
    """Add the pages that an answer rests on, where a server names them beside its words.

    Perplexity and Z.ai tell title and address, xAI the address alone. What Azure found in one's own data
    comes with the message, in a stream with the `first` piece of it.
    """
    found: list[Any] = []
    for response in responses:  # the last that names any: a stream may name more of them as it goes on
        fields = response if type(response) is dict else getattr(response, "__pydantic_extra__", None)
        if fields and not _PAGES.isdisjoint(fields):
            found = next((pages for name in _PAGES_BY_WORTH if (pages := listed(fields, name))), found)
    for choice in listed(first, "choices") if not found else ():
        context = get(get(choice, "message") or get(choice, "delta"), "context")
        found = found or listed(context, "citations")
    if found:
        sources = [_source(page) for page in found[:_MOST_SOURCES]]
        answer.attributes[semconv.SEARCH_SOURCES] = to_json(sources, _MAX_SOURCES_BYTES)


def _source(page: Any) -> dict[str, str]:
    if isinstance(page, str):
        return {"uri": page, "title": ""}
    address = text_of(page, "url") or text_of(page, "link") or text_of(page, "filepath")
    return {"uri": address, "title": text_of(page, "title")}


def add_failure(answer: Answer, error: Any) -> None:
    """Add an error that came inside an answer whose status was well."""
    if error:
        answer.failure = str(get(error, "code") or get(error, "type") or "error")
        answer.failure_message = error if isinstance(error, str) else str(get(error, "message") or "")


def failure_in(response: Any, choices: Sequence[Any]) -> Any:
    """Return the error in an answer or a chunk: of all of it, of a choice, or in a place of the vendor's."""
    found = get(response, "error")
    for choice in choices:
        found = found or get(choice, "error")
    if found or (type(response) is dict and _FAILING.isdisjoint(response)):
        return found
    if problem := get(get(response, "x_groq"), "error"):
        return {"code": "stream_error", "message": problem}
    base = get(response, "base_resp")  # MiniMax
    code = get(base, "status_code") if base is not None else None
    return {"code": code, "message": get(base, "status_msg")} if code else None


def add_verdicts(answer: Answer, chunks: Sequence[Any]) -> None:
    """Add what the content filter of Azure said of the question and of the answers."""
    found: dict[str, Any] = {}
    for chunk in chunks:
        for asked in listed(chunk, "prompt_filter_results") or listed(chunk, "prompt_annotations"):
            _judge(found, "prompt", get(asked, "content_filter_results"))
        for choice in listed(chunk, "choices"):
            _judge(found, "answer", get(choice, "content_filter_results"))
        for verdict in listed(chunk, "content_filters"):  # of a response
            part = "prompt" if get(verdict, "source_type") == "prompt" else "answer"
            _judge(found, part, get(verdict, "content_filter_results"))
    if found:
        answer.attributes[semconv.CONTENT_FILTER] = to_json(found, _LONGEST)


def _judge(found: dict[str, Any], part: str, verdict: Any) -> None:
    if isinstance(verdict, dict) and verdict:
        found[part] = plain(verdict, 4)


def add_moderation(answer: Answer, moderation: Any) -> None:
    """Add what OpenAI's moderation, where it was asked for, said of the question and of the answer."""
    found: dict[str, Any] = {}
    for name, part in (("input", "prompt"), ("output", "answer")):
        told = get(moderation, name)
        results = listed(told, "results") or ([told] if get(told, "categories") is not None else [])
        if results:
            flagged = [word for result in results for word in flagged_categories(get(result, "categories"))]
            found[part] = {"flagged": bool(flagged), "categories": list(dict.fromkeys(flagged))}
    if found:
        answer.attributes[semconv.CONTENT_FILTER] = to_json(found, _LONGEST)


def flagged_categories(categories: Any) -> list[str]:
    """Return the names of the categories that something falls into."""
    fields = categories if isinstance(categories, Mapping) else getattr(categories, "__dict__", {})
    return [str(name) for name, said in fields.items() if said is True]
