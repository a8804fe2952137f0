"""Tell what the requests of a batch of Gemini's used: when its job is fetched with their answers, and once.

Only the answers have tokens, at half the price. They come with the job if its requests did; those in a bucket
are the program's to read. A request that failed has none, is not billed and not told.
"""

import functools
import sys
from types import ModuleType
from typing import Any

from kansoku import semconv
from kansoku.calls.call import begin
from kansoku.calls.reader import Answer
from kansoku.guard import guard
from kansoku.instruments import google_batch_files, patch
from kansoku.instruments.fetched import Known, wrap_result, wrap_result_async
from kansoku.instruments.google_content import ContentReader
from kansoku.instruments.google_shape import get

_MODULE = "google.genai.batches"
_CLASSES = ("Batches", "AsyncBatches")
_told = Known()  # answers that are on a span of this process


class _BatchReader(ContentReader):
    """Reads one answer of a batch."""

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a GenerateContentResponse, which does not name the tier of batches."""
        answer = super().response(response, capture)
        answer.attributes[semconv.RESPONSE_TIER] = "batch"
        return answer


def start(origin: Any) -> None:
    """Trace the jobs that are fetched from now on."""
    patch.when_imported(_MODULE, functools.partial(_patch, _BatchReader(origin)))
    google_batch_files.start(origin)


def stop() -> None:
    """Put the client's own methods back."""
    patch.forget(_MODULE)
    google_batch_files.stop()
    for owner in patch.classes(sys.modules.get(_MODULE), _CLASSES):
        patch.restore(owner, "get")


def _patch(reader: _BatchReader, module: ModuleType) -> None:
    for owner in patch.classes(module, _CLASSES):
        wrap = wrap_result_async if owner.__name__.startswith("Async") else wrap_result
        patch.replace(owner, "get", functools.partial(wrap, tell=functools.partial(_tell, reader)))


@guard
def _tell(reader: _BatchReader, resource: Any, job: Any) -> None:
    """Tell the answers of a job that were not told yet."""
    google_batch_files.remember(job)
    for each in get(get(job, "dest"), "inlined_responses") or ():
        response = get(each, "response")
        name = get(response, "response_id")
        if response is None or not isinstance(name, str) or name in _told:
            continue
        call = begin(reader, resource, {"model": get(job, "model")})
        if call is None:
            return
        _told.add(name)
        given = {
            semconv.BATCH_ID: get(job, "name"),
            semconv.BATCH_REQUEST_ID: (get(each, "metadata") or {}).get("key"),
        }
        # By the first, a collector tells it from a second call where another process fetches it, too.
        call.note({semconv.FETCHED: True, **{key: value for key, value in given.items() if value}})
        call.answer(response)
