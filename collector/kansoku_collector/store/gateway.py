"""Serve the embedded engine over the ClickHouse HTTP protocol on loopback: one client for every process.

app = build("/data/clickhouse", keys)     # run with uvicorn, in the process that owns the engine
clickhouse_connect.get_client(host="127.0.0.1", username="reader", password=key, database="kansoku")
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from kansoku_collector.store.connect import DATABASE
from kansoku_collector.store.gateway_door import LoopbackOnly
from kansoku_collector.store.gateway_engine import STREAM_SAFE, Engine, Session, Totals
from kansoku_collector.store.gateway_errors import QueryError
from kansoku_collector.store.gateway_feed import Feed, pump
from kansoku_collector.store.gateway_guard import (
    Statement,
    check_everyone,
    check_reader,
    check_word,
    reader_settings,
)
from kansoku_collector.store.gateway_keys import Keys, authenticate
from kansoku_collector.store.gateway_reply import Reply, choose_encoding, compress
from kansoku_collector.store.gateway_request import Body, Call, ClientGoneError, read_call, read_form
from kansoku_collector.store.gateway_text import InsertHead, first_word, insert_head

Message = MutableMapping[str, Any]
Receive = Callable[[], Any]
Send = Callable[[Message], Any]
T = TypeVar("T")

CEILINGS = {"max_execution_time": 300, "max_memory_usage": 2 << 30}  # seconds and bytes of one reader's query
_HEAD = 64 << 10  # bytes of a body in which an INSERT's head must fit
_FIRST = 64 << 10  # bytes of an answer that are gathered before its headers: small answers get their totals
_QUEUE = 8  # chunks of insert data between the socket and the engine
# Clients ask this first, to learn which settings they may send; under readonly=1 the answer would be: none.
_PROBE = "SELECT name, value, readonly FROM system.settings LIMIT 10000"


def build(path: str, keys: Keys, *, limit: int = 32) -> Starlette:
    """Return the ASGI application that serves the engine on `path`; at most `limit` queries run at a time."""
    gateway = Gateway(Engine(path), keys, limit)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        gateway.close()

    async def ping(_: object) -> PlainTextResponse:
        return PlainTextResponse("Ok.\n")

    routes = [Route("/ping", ping), Route("/", gateway)]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.add_middleware(LoopbackOnly)
    return app


class Gateway:
    """The endpoint `/`: authenticate, run on a session of its own, answer."""

    def __init__(self, engine: Engine, keys: Keys, limit: int) -> None:
        self._engine = engine
        self._keys = keys
        self._limit = limit
        self._running = 0
        self._work = ThreadPoolExecutor(limit, "gateway")
        self._control = ThreadPoolExecutor(4, "gateway-control")  # never waits behind queries: it kills them

    def close(self) -> None:
        """Stop the threads and leave the engine."""
        self._work.shutdown()
        self._control.shutdown()
        self._engine.close()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        reply = Reply(send, "")
        try:
            call = read_call(scope)
            reply = Reply(send, call.query_id or str(uuid.uuid4()))
            if call.get and not call.query:
                await reply.start("", "", Totals(), None)
                await reply.write(b"Ok.\n")
                await reply.end()
                return
            await self._in_control(authenticate, self._keys, call.user, call.key)
            with self._admitted():
                await self._serve(call, Body(receive, call.encoding), reply)
        except QueryError as error:
            await reply.fail(error)
        except ClientGoneError:
            pass

    @contextlib.contextmanager
    def _admitted(self) -> Iterator[None]:
        if self._running >= self._limit:
            message = f"Too many simultaneous queries. Maximum: {self._limit}"
            raise QueryError(202, message, "TOO_MANY_SIMULTANEOUS_QUERIES")
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    async def _serve(self, call: Call, body: Body, reply: Reply) -> None:
        if call.form:
            call = call.with_form(await self._in_control(read_form, call.form, await body.text()))
            await self._query(call, call.query, body.receive, reply)
            return
        prefix = f"{call.query}\n".encode() if call.query else b""
        head = prefix + await body.head(_HEAD)
        insert = _insert_of(head, whole=body.ended)
        if insert is not None and (call.user != "admin" or call.get):
            await body.drain()
            raise QueryError(164, f"{call.user}: Cannot execute query in readonly mode", "READONLY")
        if insert is not None:
            await self._insert(call, insert, body, len(prefix), reply)
        else:
            text = prefix + await body.text()
            await self._query(call, text.decode("utf-8", "replace"), body.receive, reply)

    async def _insert(self, call: Call, head: InsertHead, body: Body, prefix: int, reply: Reply) -> None:
        """Stream the data after an INSERT into the engine."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUE)
        loop = asyncio.get_running_loop()
        feed = Feed(queue, loop)
        session = self._session(call, "")
        try:
            await self._in_work(session.open)
            work = loop.run_in_executor(self._work, session.insert, head.query, head.format, feed)
            work.add_done_callback(lambda done: done.exception())  # also when nobody is left to ask for it
            await pump(body, head.data - prefix, queue, work)
            await work
        finally:
            feed.stop()
            await self._in_control(session.close)
        await reply.start("", "", session.totals, 0)
        await reply.end()

    async def _query(self, call: Call, text: str, receive: Receive, reply: Reply) -> None:
        statement = await self._in_work(self._statement, call, text.strip())
        session = self._session(call, _readonly(call, statement))
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            reply.timezone = call.settings.get("session_timezone") or "UTC"
            await self._answer(call, statement, session, gone, reply)
        finally:
            gone.cancel()

    def _statement(self, call: Call, text: str) -> Statement:
        if not text:
            raise QueryError(62, "Empty query", "SYNTAX_ERROR")
        if call.user == "reader":
            check_word(first_word(text))
        try:
            statement = self._engine.read(text)
        except QueryError:
            if call.user == "reader" or first_word(text) in ("SELECT", "WITH"):
                raise
            # The engine runs some statements that its formatter cannot write.
            statement = Statement(text, text)
        check_everyone(statement)
        if call.user == "reader":
            check_reader(statement, call.params, self._engine.table_functions)
            if call.database == "default":
                raise QueryError(497, "reader: Not enough privileges on database default", "ACCESS_DENIED")
        return statement

    def _session(self, call: Call, readonly: str) -> Session:
        settings = dict(call.settings)
        options = {"database": call.database or DATABASE, "use_skip_indexes_on_data_read": "0"}
        if call.user == "reader":
            settings = reader_settings(settings, CEILINGS)
            options |= {name: str(value) for name, value in CEILINGS.items() if name not in settings}
        return Session(self._engine, uuid.uuid4().hex, options, settings, readonly)

    async def _answer(
        self, call: Call, statement: Statement, session: Session, gone: "asyncio.Future[None]", reply: Reply
    ) -> None:
        """Send the result; totals and length are in the headers when all of it fits the first part."""
        output = statement.parts[1] or call.output
        encoding = choose_encoding(call.accepts)
        chunks = compress(_chunks(statement, session, output, call), encoding, reply)
        try:
            # A small answer in one piece of work: each change of threads takes a good part of a millisecond.
            data, more = await self._step(session, gone, _begin, session, chunks)
            shown = output if statement.has_result or data else ""
            await reply.start(shown, encoding, session.totals, None if more else len(data))
            await reply.write(data)
            while more and (chunk := await self._step(session, gone, next, chunks, None)) is not None:
                await reply.write(chunk)
            await reply.end()
        finally:
            await self._in_control(_close, session, chunks)

    async def _step(
        self, session: Session, gone: "asyncio.Future[None]", function: Callable[..., T], *args: Any
    ) -> T:
        """Do a piece of a query's work; when the client leaves meanwhile, cancel the query."""
        work = asyncio.get_running_loop().run_in_executor(self._work, function, *args)
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Again and again: a query that has not begun yet cannot be found to be killed.
            while not work.done():
                await self._in_control(session.kill)
                await asyncio.wait({work}, timeout=0.1)
        if gone.done():
            work.exception()
            raise ClientGoneError
        return work.result()

    async def _in_work(self, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._work, function, *args)

    async def _in_control(self, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._control, function, *args)


def _readonly(call: Call, statement: Statement) -> str:
    """Choose the read-only level: readers 1, or 2 for the probe; GET never writes, as in ClickHouse."""
    if call.user != "reader":
        return "2" if call.get else ""
    return "2" if statement.parts[0] == _PROBE else "1"


def _insert_of(head: bytes, *, whole: bool) -> InsertHead | None:
    """Find the INSERT at the head of a body whose data must be streamed; short VALUES may hold parameters."""
    text = head.decode("latin-1")  # one character a byte, so that places in the text are places in the body
    if first_word(text) != "INSERT":
        return None
    found = insert_head(text)
    if found is None or (found.format == "Values" and whole):
        return None
    return found._replace(query=found.query.encode("latin-1").decode("utf-8", "replace"))


def _begin(session: Session, chunks: Iterator[bytes]) -> tuple[bytes, bool]:
    """Open the session; return the first part of its answer, and whether there may be more."""
    session.open()
    first = bytearray()
    while len(first) < _FIRST:
        chunk = next(chunks, None)
        if chunk is None:
            return bytes(first), False
        first += chunk
    return bytes(first), True


def _close(session: Session, chunks: Generator[bytes, None, None]) -> None:
    with contextlib.closing(session):
        chunks.close()


def _chunks(statement: Statement, session: Session, output: str, call: Call) -> Generator[bytes, None, None]:
    if not statement.streams:
        yield session.run(statement.text, output, call.params)
    elif output in STREAM_SAFE:
        yield from session.stream(statement.text, output, call.params)
    else:
        yield from session.spool(statement, output, call.params)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
