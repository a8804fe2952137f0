"""One call of a model: the request in, an answer or an error out, and the span between them."""

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace

from kansoku import runtime, semconv
from kansoku.calls import estimation
from kansoku.calls.call_watch import note_call
from kansoku.calls.described import SPAN
from kansoku.calls.description import NOTHING_SAID, Description
from kansoku.calls.facts import error_facts, tokens_per_second
from kansoku.calls.raw_response import RAW_RESPONSE_HEADER, follow_raw
from kansoku.calls.reader import Answer, Reader, Request, answer_attributes, request_attributes
from kansoku.calls.recording import Recording
from kansoku.calls.sent import Sent
from kansoku.calls.stream import follow
from kansoku.content import cut
from kansoku.guard import guard, swallow
from kansoku.spans import clock
from kansoku.spans.failure import record_error
from kansoku.spans.tracer import start_call

_SUPPRESSED = "suppress_instrumentation"
_INSIDE = otel_context.create_key("kansoku-call")
_MANY, _SEVERAL = 1024, 64  # spans that wait where a collector is away, or slow
_ESTIMATED = frozenset({"chat", "text_completion", "generate_content"})  # operations whose answer is text

Tell = Callable[["Call"], Description]


class Call:
    """A call under way; it ends once, whoever says so first.

    What its reader can copy at a glance (`Reader.brief`) is read when somebody looks at the span: in the
    background, many calls in a row, reading costs less than in between the program's own work.
    """

    __slots__ = (
        *("_arguments", "_ended", "_model", "_notes", "_origin", "_reader", "_request", "_running"),
        *("_seen", "_span", "_started", "_told", "context"),
    )

    def __init__(
        self,
        reader: Reader,
        running: runtime.Runtime,
        resource: Any,
        arguments: Mapping[str, Any],
        outside: otel_context.Context,
    ) -> None:
        self._reader = reader
        self._running = running
        self._ended = False
        brief = getattr(reader, "brief", None)
        copied = brief.copy_request(arguments) if brief is not None else None
        request = reader.request(arguments, running.capture) if copied is None else None
        self._arguments = arguments if copied is None else copied
        self._model = self._arguments["model"] if request is None else request.model
        self._origin = reader.origin(resource, running.local_provider)
        self._started = clock.now()
        note_call(outside, reader.operation)
        self._span = start_call(
            running.tracer,
            f"{reader.operation} {self._model}" if self._model else reader.operation,
            outside,
            {
                semconv.OPERATION: reader.operation,
                semconv.PROVIDER: self._origin[0],
                semconv.REQUEST_MODEL: self._model,
            },
            self._started,
        )
        # What is learnt on the way, written on the span at its end, in one go.
        self._notes: dict[str, Any] = {}
        # Each value that the API sets makes a context of its own.
        self.context = otel_context.Context({**outside, SPAN: self._span, _INSIDE: self._notes})
        self._request: dict[str, Any] | None = None
        if request is not None:
            # Content becomes text now, before the caller changes it.
            self._request = self._sent(request)

    def take(self, result: Any, arguments: Mapping[str, Any], streams: bool = False) -> Any:
        """Return what the caller gets: the response, or a stream that ends this call at its own end.

        `streams` says that the method always returns a stream, whatever its arguments.
        """
        try:
            growth = getattr(self._reader, "growth", None)
            if arguments.get("extra_headers") and RAW_RESPONSE_HEADER in arguments["extra_headers"]:
                return follow_raw(result, self, growth)
            if streams or arguments.get("stream"):
                followed = follow(result, Recording(self, growth))
                if followed is not None:
                    return followed
            self.answer(result)
        except Exception as error:  # noqa: BLE001 - the border: the caller gets its response
            swallow("call.take", error)
            self.end()
        return result

    def answer(self, response: Any) -> None:
        """End the call with a whole response."""
        if self._ended:
            return
        reader, capture = self._reader, self._running.capture
        brief = getattr(reader, "brief", None)
        copied = brief.copy_response(response) if brief is not None else None
        if copied is not None:
            self._seen = copied
            self._end(Call._tell_response)
        else:
            self.end(reader.response(response, capture) if self._span.is_recording() else None)

    @guard
    def stream_ended(
        self, chunks: list[Any] | Sent, count: int, first: int, error: BaseException | None, early: bool
    ) -> None:
        """End the call with what was kept of its stream; `first` is when the first chunk came, 0 for none."""
        if self._ended:
            return
        ended = clock.now()
        self._notes[semconv.STREAM] = True
        if first:
            self._notes[semconv.TIME_TO_FIRST_CHUNK] = max(0, first - self._started) / 1e9
        if early:
            self._notes[semconv.STREAM_CLOSED_EARLY] = True
        if error is not None:
            self._write_error(error)
            chunks = self._with_last_words(chunks, error)
        if not (count or chunks) or not self._span.is_recording():
            self.end(None, ended)
            return

        self._seen = chunks, count, ended - first
        # What was sent cannot change, but takes more memory: where many spans wait it is read at once.
        if isinstance(chunks, Sent) and self._may_wait(chunks):
            if self._request is not None:  # else the arguments are a copy
                self._arguments = {name: _own(value) for name, value in self._arguments.items()}
            self._end(Call._tell_stream, ended)
        elif isinstance(chunks, list) and self._request is None:
            self._end(Call._tell_stream, ended)
        else:  # the arguments are the caller's own, and may be needed to guess what the stream used
            described = self._try(Call._tell_stream)
            self._end(lambda _: described, ended)

    def _may_wait(self, sent: Sent) -> bool:
        return self._running.spans.queued() < (_SEVERAL if sent.is_large else _MANY)

    def _with_last_words(self, chunks: list[Any] | Sent, error: BaseException) -> list[Any] | Sent:
        """Return the chunks, and the one that a client made an exception of, where its reader finds it."""
        find = getattr(self._reader, "last_words", None)
        try:
            said = find(error) if find is not None else None
        except Exception as fault:  # noqa: BLE001 - the border: the call ends all the same
            swallow("call.last_words", fault)
            said = None
        return [*_read(chunks), said] if said else chunks

    # What is left for later is held by the call itself: a function with all that it needs would be many
    # more objects, which wait in the queue and which every garbage collection goes over.

    def _tell_response(self) -> Description:
        return self._described(self._reader.response(self._seen, self._running.capture))

    def _tell_stream(self) -> Description:
        kept, count, nanoseconds = self._seen
        chunks = _read(kept)
        answer = self._reader.fold(chunks, self._running.capture)
        self._measure(answer, chunks, count, nanoseconds)
        return self._described(answer)

    def _measure(self, answer: Answer, chunks: list[Any], count: int, nanoseconds: int) -> None:
        """Write how fast a stream was; guess the tokens of one that does not count them, and say so."""
        if answer.usage is not None:
            rate = tokens_per_second(answer.usage.output_tokens, nanoseconds, count)
            if rate is not None:
                self._notes[semconv.TOKENS_PER_SECOND] = rate
        elif semconv.CACHE_HIT in answer.attributes:
            return  # nobody counts what nobody bills
        elif self._running.settings.estimate_usage and self._reader.operation in _ESTIMATED:
            asked = self._reader.request(self._arguments, True)
            told = answer if self._running.capture else self._reader.fold(chunks, True)
            guess = estimation.estimate(
                asked.messages or (), "".join(asked.system_texts()), asked.tools or [], told.messages
            )
            self._notes.update(guess)

    def _write_error(self, error: BaseException) -> None:
        record_error(self._span, error, self._running.capture)
        self._notes.update(error_facts(error))

    @guard
    def note(self, attributes: Mapping[str, Any]) -> None:
        """Add attributes, to be written at the end over what is there."""
        self._notes.update(attributes)

    @guard
    def fail(self, error: BaseException, streams: bool = False) -> None:
        """End the call with an exception; one that was refused asked for a stream all the same."""
        if not self._ended:
            if streams or self._arguments.get("stream"):
                self._notes[semconv.STREAM] = True
            self._write_error(error)
            self.end()

    @guard
    def end(self, answer: Answer | None = None, ended: int = 0) -> None:
        """End the span, now or as of `ended`, with what the answer says."""
        if not self._ended:
            # Read now: the answer may share parts with the response, which the caller is about to get.
            described = NOTHING_SAID if answer is None else self._try(lambda call: call._described(answer))
            self._end(lambda _: described, ended)

    def _end(self, told: Tell, ended: int = 0) -> None:
        """End the span; `told` gives what the answer says, and is asked when somebody looks at the span."""
        self._ended = True
        self._told = told
        ended = ended or clock.now()
        span: Any = self._span
        end_described = getattr(span, "end_described", None)
        if end_described is not None:
            end_described(ended, self._describe)
            return
        try:
            if span.is_recording():
                said = self._describe()
                span.set_attributes(said.attributes)
                if said.failed:
                    span.set_status(trace.StatusCode.ERROR, said.words)
        finally:
            span.end(ended)

    def _describe(self) -> Description:
        attributes = self._request
        if attributes is None:
            attributes = self._try(Call._asked).attributes
        answer = self._try(self._told)
        said = {**attributes, **self._notes, **answer.attributes}
        return Description(said, answer.failed, answer.words)

    def _try(self, told: Tell) -> Description:
        """Return what is told; a span is worth having without it."""
        try:
            return told(self)
        except Exception as error:  # noqa: BLE001 - the border
            swallow("call.describe", error)
            return NOTHING_SAID

    def _asked(self) -> Description:
        request = self._reader.request(self._arguments, self._running.capture)
        return Description(self._sent(request))

    def _sent(self, request: Request) -> dict[str, Any]:
        return request_attributes(request, self._running, self._origin, self.context)

    def _described(self, answer: Answer) -> Description:
        found = answer_attributes(answer, self._running, self._origin, self._model, self._started)
        if not answer.failure:
            return Description(found)
        return Description(found, True, cut(answer.failure_message, 2048) if self._running.capture else None)


def _own(value: Any) -> Any:
    """Return a list that does not grow with the caller's, others as they are."""
    return value.copy() if type(value) is list else value


def _read(kept: list[Any] | Sent) -> list[Any]:
    return kept.read() if isinstance(kept, Sent) else kept


def under_way() -> dict[str, Any] | None:
    """Return the attributes of the call under way here, for what only the inside of a client knows."""
    found = otel_context.get_value(_INSIDE)
    return found if isinstance(found, dict) else None


def begin(reader: Reader, resource: Any, arguments: Mapping[str, Any]) -> Call | None:
    """Return the call that starts now, or None when it is not to be traced."""
    running = runtime.current()
    if running is None:
        return None
    here = otel_context.get_current()  # once: each reading of the current context costs a microsecond
    if here.get(_SUPPRESSED) or _INSIDE in here:
        return None
    try:
        return Call(reader, running, resource, arguments, here)
    except Exception as error:  # noqa: BLE001 - the border: the call is made, untraced
        swallow("call.begin", error)
        return None
