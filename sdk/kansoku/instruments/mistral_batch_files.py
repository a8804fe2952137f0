"""Tell what a batch of Mistral's used whose answers are in a file: when a program has read it all, and once.

The client gives the response that the file comes in, to be read at once or bit by bit. Nothing but the counts
of the answers is read along, and the batch is one span, with the sum of them at the price of a batch.
"""

import functools
import json
import re
import sys
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import aclosing, closing
from types import ModuleType
from typing import Any, NamedTuple

from kansoku import semconv
from kansoku.calls.call import begin
from kansoku.calls.reader import Answer, Reader, Request
from kansoku.guard import guard
from kansoku.instruments import patch
from kansoku.instruments.fetched import Known, wrap_result, wrap_result_async
from kansoku.instruments.openai_shape import listed, text_of

_OWNER = "Files"
_MOST = 4096
_URL = re.compile(r"/files/([^/?]+)/content")
_USAGE = re.compile(rb'"usage"\s*:\s*(?=\{)')  # inside of a text the quotes would be escaped
_told = Known()  # files that are on a span of this process


class Batched:
    """Reads the answers of an endpoint as those of a batch, at the price of one."""

    def __init__(self, inner: Reader) -> None:
        self._inner = inner
        self.operation = inner.operation
        self.origin = inner.origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments."""
        return self._inner.request(arguments, capture)

    def response(self, response: Any, capture: bool) -> Answer:
        """Read an answer, which does not name its tier."""
        answer = self._inner.response(response, capture)
        answer.attributes[semconv.RESPONSE_TIER] = "batch"
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the only answer there is."""
        return self.response(chunks[-1], capture)


class _Job(NamedTuple):
    """The batch that a file is of."""

    name: str
    model: str
    reader: Reader


_jobs: OrderedDict[str, _Job] = OrderedDict()  # by file


def remember(readers: Mapping[str, Reader], job: Any) -> None:
    """Know the file of a batch's answers, if they are in one."""
    file, reader = text_of(job, "output_file"), readers.get(text_of(job, "endpoint"))
    if listed(job, "outputs"):  # which are told one by one
        _jobs.pop(file, None)
    elif file and reader is not None:
        _jobs[file] = _Job(text_of(job, "id"), text_of(job, "model"), reader)
        if len(_jobs) > _MOST:
            _jobs.popitem(last=False)


def start(roots: tuple[str, ...]) -> None:
    """Trace the files that are downloaded from now on."""
    for root in roots:
        patch.when_imported(f"{root}.files", _patch)


def stop(roots: tuple[str, ...]) -> None:
    """Put the client's own methods back."""
    for root in roots:
        patch.forget(f"{root}.files")
        for owner in patch.classes(sys.modules.get(f"{root}.files"), (_OWNER,)):
            patch.restore(owner, "download")
            patch.restore(owner, "download_async")


def _patch(module: ModuleType) -> None:
    for owner in patch.classes(module, (_OWNER,)):
        patch.replace(owner, "download", functools.partial(wrap_result, tell=_follow))
        patch.replace(owner, "download_async", functools.partial(wrap_result_async, tell=_follow))


@guard
def _follow(resource: Any, response: Any) -> None:
    """Read along in a file of answers; any other is the program's own."""
    found = _URL.search(str(response.request.url))
    if found is None or found[1] not in _jobs or found[1] in _told:
        return
    answers = _Answers(resource, found[1])
    # All other ways to read a response go through these two.
    response.iter_bytes = _pass_on(response.iter_bytes, answers)
    response.aiter_bytes = _pass_on_later(response.aiter_bytes, answers)


def _pass_on(read: Callable[..., Generator[bytes]], answers: "_Answers") -> Callable[..., Iterator[bytes]]:
    @functools.wraps(read)
    def iterate(*args: Any, **kwargs: Any) -> Iterator[bytes]:
        with closing(read(*args, **kwargs)) as source:
            for piece in source:
                answers.add(piece)
                yield piece
        answers.tell()

    return iterate


def _pass_on_later(
    read: Callable[..., AsyncGenerator[bytes]], answers: "_Answers"
) -> Callable[..., AsyncIterator[bytes]]:
    @functools.wraps(read)
    async def iterate(*args: Any, **kwargs: Any) -> AsyncIterator[bytes]:
        async with aclosing(read(*args, **kwargs)) as source:
            async for piece in source:
                answers.add(piece)
                yield piece
        answers.tell()

    return iterate


class _Answers:
    """The counts of the answers in a file, as far as it was read."""

    def __init__(self, resource: Any, file: str) -> None:
        self._resource = resource
        self._file = file
        self._left = b""
        self._total: dict[str, Any] = {}
        self._counted = 0

    @guard
    def add(self, piece: bytes) -> None:
        """Add the answers that end in a piece of the file."""
        *lines, self._left = (self._left + piece).split(b"\n")
        for line in lines:
            self._count(line)

    @guard
    def tell(self) -> None:
        """Tell the batch, unless it was told meanwhile."""
        last, self._left = self._left, b""
        self._count(last)
        job = _jobs.get(self._file)
        if job is None or not self._counted or self._file in _told:
            return
        call = begin(job.reader, self._resource, {"model": job.model})
        if call is None:
            return
        _told.add(self._file)
        given = {semconv.BATCH_ID: job.name, semconv.BATCH_REQUESTS: self._counted}
        # By the first, a collector tells it from a second download where another process reads it, too.
        call.note({semconv.FETCHED: True, **given})
        call.answer({"id": job.name, "model": job.model, "usage": self._total})

    def _count(self, line: bytes) -> None:
        found = _USAGE.search(line)
        if found is None:  # it failed
            return
        try:
            usage = json.JSONDecoder().raw_decode(line[found.end() :].decode())[0]
        except ValueError:
            return
        _merge(self._total, usage)
        self._counted += 1


def _merge(total: dict[str, Any], counts: dict[str, Any]) -> None:
    """Add the numbers of an object to those of another."""
    for name, value in counts.items():
        if type(value) is int:
            total[name] = (total.get(name) or 0) + value
        elif isinstance(value, dict):
            _merge(total.setdefault(name, {}), value)
