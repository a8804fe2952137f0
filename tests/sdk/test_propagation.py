"""Traces that go on: over HTTP, into threads and executors, and through an ASGI app."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, get_type_hints

import pytest

import kansoku
from kansoku.stamps import stamps


def parents(spans: Any) -> dict[str, Any]:
    """Return the name of each span's parent, None for a root."""
    names = {span.context.span_id: span.name for span in spans.all()}
    return {s.name: names.get(s.parent.span_id) if s.parent else None for s in spans.all()}


def test_a_trace_goes_on_in_the_called_service(spans: Any) -> None:
    """What `inject` writes, `continue_trace` reads: one trace, and the caller's span is the parent."""
    with kansoku.span("caller"):
        headers = kansoku.inject({"Accept": "*/*"})
    with kansoku.continue_trace({k.upper(): v for k, v in headers.items()}), kansoku.span("called"):
        pass
    assert headers["Accept"] == "*/*"
    assert parents(spans) == {"caller": None, "called": "caller"}


def test_who_asked_travels_only_on_request(spans: Any) -> None:
    """Session and user are no header of a call to a stranger; with `who` they arrive whole."""
    with kansoku.context(user_id="山田, 太郎;", session_id="s-1", tags=["web"]), kansoku.span("caller"):
        assert "baggage" not in kansoku.inject({})
        headers = kansoku.inject({"baggage": "other=1"}, who=True)
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    with kansoku.continue_trace(pairs):
        assert stamps() == {"session.id": "s-1", "user.id": "山田, 太郎;"}
    assert stamps() == {}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": "rubbish"},
        {"baggage": "=;=,,user.id"},
        {"traceparent": "00-0-0-00"},
        [("a", b"\xff")],
    ],
)
def test_odd_headers_start_a_new_trace(headers: Any, spans: Any) -> None:
    """A request with headers of any kind is served, as a root."""
    with kansoku.continue_trace(headers), kansoku.span("called"):
        pass
    assert parents(spans) == {"called": None}


def test_a_thread_carries_the_trace_when_asked_to(spans: Any) -> None:
    """`carry` binds a function to the trace in which it was made, and only while it runs."""
    seen = []

    def work(number: int) -> None:
        with kansoku.span(f"work {number}"):
            seen.append(kansoku.current_trace_id())

    with kansoku.span("request"):
        thread = threading.Thread(target=kansoku.carry(work), args=(1,))
        bare = threading.Thread(target=work, args=(2,))
    for each in (thread, bare):
        each.start()
        each.join()
    assert parents(spans) == {"request": None, "work 1": "request", "work 2": None}
    assert kansoku.current_trace_id() == ""


def test_an_executor_carries_each_task_to_its_submitter(spans: Any) -> None:
    """Tasks of two requests share a thread and stay in their own traces; map and run_in_executor as well."""

    def work(name: str) -> str:
        with kansoku.span(name):
            return kansoku.current_trace_id()

    async def ask() -> str:
        return await asyncio.get_running_loop().run_in_executor(pool, work, "loop")

    with ThreadPoolExecutor(1) as pool:
        with kansoku.span("one"):
            first = pool.submit(work, "task one").result()
        with kansoku.span("two"):
            [second] = pool.map(work, ["task two"])
            third = asyncio.run(ask())
        outside = pool.submit(kansoku.current_trace_id).result()
    assert parents(spans) == {
        "one": None,
        "task one": "one",
        "two": None,
        "task two": "two",
        "loop": "two",
    }
    assert first != second == third
    assert outside == ""


def test_an_executor_passes_results_errors_and_arguments_on(spans: Any) -> None:
    """Positional and named arguments, keyword names like `fn` or `here`, and exceptions are as before."""

    def work(*args: Any, **kwargs: Any) -> Any:
        if not args:
            raise LookupError("nothing")
        return args, kwargs

    with kansoku.span("request"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(work, 1, here=2, fn=3, function=4).result() == (
            (1,),
            {"here": 2, "fn": 3, "function": 4},
        )
        with pytest.raises(LookupError, match="nothing"):
            pool.submit(work).result()
    kansoku.uninstrument("executors")
    assert not hasattr(ThreadPoolExecutor.submit, "__kansoku_original__")


async def call(app: Any, scope: dict[str, Any]) -> list[Any]:
    """Call an ASGI app and return what it sends."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "method": "POST", "headers": [], **scope}, receive, send)
    return sent


def test_a_request_of_an_app_is_one_span_with_its_route(spans: Any) -> None:
    """The caller's trace goes on, the route names the span, and what the app does is inside."""

    class Route:
        path = "/chat/{id}"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["route"] = Route
        with kansoku.span("answer"):
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    with kansoku.span("caller"):
        headers = [(k.encode(), v.encode()) for k, v in kansoku.inject({}).items()]
    sent = asyncio.run(call(kansoku.Middleware(app), {"path": "/chat/17", "headers": headers}))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert parents(spans) == {"caller": None, "POST /chat/{id}": "caller", "answer": "POST /chat/{id}"}
    [found] = [dict(s.attributes) for s in spans.all() if s.name.startswith("POST")]
    assert found == {
        "kansoku.kind": "chain",
        "gen_ai.operation.name": "invoke_workflow",
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/chat/{id}",
    }


def test_a_request_that_the_server_traces_itself_is_one_trace(spans: Any) -> None:
    """FastAPI has a span of its own around the middleware: beside it each request would be two, one empty."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with kansoku.span("answer"):
            await send({"type": "http.response.start", "status": 200, "headers": []})

    async def server(scope: Any, receive: Any, send: Any) -> None:
        with kansoku.continue_trace(scope["headers"]), kansoku.span("server"):
            await kansoku.Middleware(app)(scope, receive, send)

    with kansoku.span("caller"):
        headers = [(k.encode(), v.encode()) for k, v in kansoku.inject({}).items()]
    for given in ([], headers):
        asyncio.run(call(server, {"path": "/chat", "headers": given}))
    found = {s.context.span_id: s for s in spans.all()}
    above = [found[s.parent.span_id].name if s.parent else "" for s in found.values() if s.name == "POST"]
    assert above == ["server", "server"]
    assert len({s.context.trace_id for s in found.values() if s.name != "caller"}) == 2


def test_an_app_that_fails_fails_as_before(spans: Any) -> None:
    """The app's exception passes, and the span says that the request failed; health checks leave no span."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError("no such thing")

    traced = kansoku.Middleware(app, skip=["/healthz"])
    with pytest.raises(LookupError):
        asyncio.run(call(traced, {"path": "/chat"}))
    with pytest.raises(LookupError):
        asyncio.run(call(traced, {"path": "/healthz"}))
    assert spans.attributes()["error.type"] == "LookupError"


def test_headers_keep_their_type() -> None:
    """What `inject` returns is what it was given, for a type checker too: a dict fits any HTTP client."""
    hints = get_type_hints(kansoku.inject)
    assert isinstance(hints["headers"], TypeVar)
    assert hints["return"] is hints["headers"]
