"""Programs whose vendor, client library or answers are not what they should be."""

import copy
from typing import Any

from cases import case, outcome
from model import MESSAGES, ask, chunks, client, completion, http_library, text_of


@case("vendor: wrong types in the answer")
def wrong_types(sdk: Any) -> Any:
    """Numbers are words, lists are numbers, and required fields are null."""
    sdk.start()
    odd: list[dict[str, Any]] = [
        completion("a", usage="many"),
        completion("a", usage={"prompt_tokens": "7", "completion_tokens": -3, "prompt_tokens_details": 5}),
        completion("a", usage=[1, 2]),
        completion("a", id=17, model=None),
        completion("a", choices=None),
        completion("a", choices=[]),
        completion("a", choices=[{"index": "x", "message": None, "finish_reason": 5}]),
        completion("a", choices=[{"message": {"content": {"x": 1}, "tool_calls": [{"function": None}]}}]),
        {},
        {"error": "this is an error in a 200"},
    ]
    return [outcome(lambda body=body: ask(client(body)).to_dict()) for body in odd]


@case("vendor: wrong types in a stream")
def wrong_stream(sdk: Any) -> Any:
    """A stream holds null choices, numbers for text, usage of another shape, and rubbish at its end."""
    sdk.start()
    streams = [
        b'data: {"id": 1, "choices": null}\n\ndata: [DONE]\n\n',
        b'data: {"choices": [{"delta": null}]}\n\n',
        b'data: {"choices": [{"delta": {"content": 5}}], "usage": 3}\n\n',
        b'data: {"choices": [{"index": 2, "delta": {"tool_calls": [{"index": null}]}}]}\n\ndata: {broken\n\n',
        b"",
        b"data: [DONE]\n\n",
        b'data: {"error": {"message": "overloaded"}}\n\n',
    ]
    read = lambda body: [c.to_dict() for c in ask(client(body), stream=True)]  # noqa: E731
    return [outcome(lambda body=body: read(body)) for body in streams]


@case("vendor: attributes missing in a newer version")
def missing_attributes(sdk: Any) -> Any:
    """The client's classes and answers lost what an instrument may look for."""
    import openai.resources.chat.completions as module

    for name in ("parse", "stream", "with_raw_response"):
        if name in vars(module.Completions):
            delattr(module.Completions, name)
    sdk.start()
    model = client()
    response = ask(model)
    for name in ("usage", "model", "id", "choices"):
        response.__dict__.pop(name, None)
    del model._client
    return [sorted(response.__dict__), outcome(lambda: text_of(ask(client())))]


@case("vendor: errors and their retries")
def vendor_errors(sdk: Any) -> Any:
    """Refusals, timeouts and broken connections are raised as they are, with their attributes."""
    sdk.start()
    http = http_library()
    seen: list[Any] = []
    for status in (400, 401, 404, 409, 422, 429, 500, 503):
        try:
            ask(client({"error": {"message": f"status {status}", "code": "c"}}, status=status))
        except Exception as error:  # noqa: BLE001
            seen.append((type(error).__name__, str(error), error.status_code, error.code))  # type: ignore[attr-defined]
    for failure in (http.ReadTimeout("slow"), http.ConnectError("refused"), ValueError("a bug")):
        model = client(failure, max_retries=1)
        try:
            ask(model)
        except Exception as error:  # noqa: BLE001
            seen.append((type(error).__name__, str(error), repr(error.__cause__)))
    return seen


@case("vendor: the answer's type and copies")
def answer_objects(sdk: Any) -> Any:
    """The program gets the client's own classes, which compare, dump and copy as before."""
    import openai

    sdk.start()
    response = ask(client())
    stream = ask(client(), stream=True)
    raw = client().chat.completions.with_raw_response.create(model="m", messages=MESSAGES)
    with client().chat.completions.with_streaming_response.create(model="m", messages=MESSAGES) as opened:
        lines = list(opened.iter_lines())
    return [
        type(response).__qualname__,
        response == copy.deepcopy(response),
        response.to_json(),
        isinstance(stream, openai.Stream),
        stream.response.status_code,
        sum(1 for _ in stream),
        raw.status_code,
        raw.parse().id,
        lines,
    ]


@case("vendor: 4,000 chunks in one stream")
def long_stream(sdk: Any) -> Any:
    """A long stream is read whole, and left in the middle."""
    sdk.start()
    body = chunks([f"word {n} " for n in range(4_000)])
    whole = text_of(ask(client(body), stream=True))
    half = ask(client(body), stream=True)
    first = [next(half).choices[0].delta.content for _ in range(2_000)]
    half.close()
    return [len(whole), first[-1]]
