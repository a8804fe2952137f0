"""Tell what a batch of Gemini's used whose answers are in a file: when a program downloads it, and once.

Such a file may have a hundred thousand answers. Nothing but their counts is read, and the batch is one span,
with the sum of them at the price of a batch.
"""

import functools
import json
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from io import BytesIO
from types import ModuleType
from typing import Any, NamedTuple

from kansoku import semconv
from kansoku.calls.call import begin
from kansoku.calls.reader import Answer, Request
from kansoku.guard import guard
from kansoku.instruments import patch
from kansoku.instruments.fetched import Known
from kansoku.instruments.google_content import model_name
from kansoku.instruments.google_shape import get
from kansoku.instruments.google_usage import cached_kinds, read_usage, video_kinds

_MODULE = "google.genai.files"
_CLASSES = ("Files", "AsyncFiles")
_FILES = "files/"
_MOST = 4096
# Names of fields: inside of a text the quotes around them would be escaped.
_USAGE = re.compile(rb'"usageMetadata"\s*:\s*(?=\{)')
_MODEL = re.compile(rb'"modelVersion"\s*:\s*"([^"\\]+)"')
_told = Known()  # files that are on a span of this process


class _Job(NamedTuple):
    """The batch that a file is of."""

    name: str
    model: str


_jobs: OrderedDict[str, _Job] = OrderedDict()  # by file


class _FileReader:
    """Reads the answers in a file as one."""

    operation = "chat"

    def __init__(self, origin: Any) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:  # noqa: ARG002 - it has no content
        """Read the model's name: what was asked is in another file."""
        return Request(model_name(arguments))

    def response(self, response: Any, capture: bool) -> Answer:  # noqa: ARG002
        """Read the file, and the batch that it is of."""
        data, job = response
        told, counted = _sum(data)
        usage = read_usage(told) if counted else None
        model = _MODEL.search(data)
        answer = Answer(model=model[1].decode() if model else "", id=job, usage=usage)
        answer.attributes = {**video_kinds((told,)), **cached_kinds((told,))}
        answer.attributes |= {semconv.RESPONSE_TIER: "batch", semconv.BATCH_ID: job}
        if counted:
            answer.attributes[semconv.BATCH_REQUESTS] = counted
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the only response there is."""
        return self.response(chunks[-1], capture)


def _sum(data: bytes) -> tuple[dict[str, Any], int]:
    """Return the counts of all answers in one, and of how many; a request that failed has none."""
    total: dict[str, Any] = {}
    kinds: dict[str, dict[str, int]] = {}
    counted = 0
    for line in BytesIO(data):
        found = _USAGE.search(line)
        usage = _object(line[found.end() :]) if found else None
        if not usage:
            continue
        counted += 1
        for name, value in usage.items():
            if type(value) is int:
                total[name] = total.get(name, 0) + value
            elif type(value) is list:
                _add(kinds.setdefault(name, {}), value)
    for name, numbers in kinds.items():
        total[name] = [{"modality": kind, "tokenCount": number} for kind, number in numbers.items()]
    return total, counted


def _object(text: bytes) -> dict[str, Any] | None:
    """Return the object that a text begins with."""
    try:
        found = json.JSONDecoder().raw_decode(text.decode())[0]
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _add(numbers: dict[str, int], details: list[Any]) -> None:
    """Add the tokens of each modality."""
    for each in details:
        kind, number = (get(each, name) for name in ("modality", "token_count"))
        if isinstance(kind, str) and isinstance(number, int):
            numbers[kind] = numbers.get(kind, 0) + number


def remember(job: Any) -> None:
    """Know the file of a batch's answers, if they are in one."""
    file = get(get(job, "dest"), "file_name")
    if isinstance(file, str) and file:
        _jobs[file.removeprefix(_FILES)] = _Job(str(get(job, "name") or ""), str(get(job, "model") or ""))
        if len(_jobs) > _MOST:
            _jobs.popitem(last=False)


def start(origin: Any) -> None:
    """Trace the files that are downloaded from now on."""
    patch.when_imported(_MODULE, functools.partial(_patch, _FileReader(origin)))


def stop() -> None:
    """Put the client's own methods back."""
    patch.forget(_MODULE)
    for owner in patch.classes(sys.modules.get(_MODULE), _CLASSES):
        patch.restore(owner, "download")


def _patch(reader: _FileReader, module: ModuleType) -> None:
    for owner in patch.classes(module, _CLASSES):
        wrap = _wrap_async if owner.__name__.startswith("Async") else _wrap
        patch.replace(owner, "download", functools.partial(wrap, reader=reader))


def _wrap(original: Callable[..., Any], reader: _FileReader) -> Callable[..., Any]:
    @functools.wraps(original)
    def download(self: Any, *args: Any, **kwargs: Any) -> Any:
        data = original(self, *args, **kwargs)
        _tell(reader, self, kwargs.get("file"), data)
        return data

    return download


def _wrap_async(original: Callable[..., Any], reader: _FileReader) -> Callable[..., Any]:
    @functools.wraps(original)
    async def download(self: Any, *args: Any, **kwargs: Any) -> Any:
        data = await original(self, *args, **kwargs)
        _tell(reader, self, kwargs.get("file"), data)
        return data

    return download


@guard
def _tell(reader: _FileReader, resource: Any, file: Any, data: Any) -> None:
    """Tell a file of answers, unless it was told; any other is the program's own."""
    name = str(file if isinstance(file, str) else get(file, "name") or "").removeprefix(_FILES)
    job = _jobs.get(name)
    if job is None or name in _told or not isinstance(data, bytes):
        return
    call = begin(reader, resource, {"model": job.model})
    if call is not None:
        _told.add(name)
        call.note({semconv.FETCHED: True})  # by this, a collector tells it from a second download
        call.answer((data, job.name))
