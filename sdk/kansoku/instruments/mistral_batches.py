"""Tell what the requests of a batch of Mistral's used: when its job is fetched with their answers, and once.

Only the answers have tokens, at half the price. They come with the job where a program asks for that
(`inline=True`), and otherwise in a file. A request that failed has none and is not told.
"""

import functools
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from kansoku import semconv
from kansoku.calls.call import begin
from kansoku.calls.reader import Reader
from kansoku.guard import guard
from kansoku.instruments import mistral_batch_files, patch
from kansoku.instruments.fetched import Known, wrap_result, wrap_result_async
from kansoku.instruments.openai_shape import get, listed, text_of

# Of today and of old; the jobs of other kinds, which some versions have there, have no answers.
_CLASSES = ("Jobs", "MistralJobs", "BatchJobs")
_told = Known()  # answers that are on a span of this process


def module_names(roots: tuple[str, ...]) -> list[str]:
    """Return where the class of jobs is, in clients of today and of old."""
    return [f"{root}.{name}" for root in roots for name in ("jobs", "mistral_jobs", "batch_jobs")]


def start(modules: list[str], readers: Mapping[str, Reader]) -> None:
    """Trace the jobs that are fetched from now on; there is a reader for each endpoint that is told."""
    batched = {endpoint: mistral_batch_files.Batched(reader) for endpoint, reader in readers.items()}
    for module in modules:
        patch.when_imported(module, functools.partial(_patch, batched))


def stop(modules: list[str]) -> None:
    """Put the client's own methods back."""
    for module in modules:
        patch.forget(module)
        for owner in patch.classes(sys.modules.get(module), _CLASSES):
            patch.restore(owner, "get")
            patch.restore(owner, "get_async")


def _patch(readers: Mapping[str, Reader], module: ModuleType) -> None:
    tell = functools.partial(_tell, readers)
    for owner in patch.classes(module, _CLASSES):
        patch.replace(owner, "get", functools.partial(wrap_result, tell=tell))
        patch.replace(owner, "get_async", functools.partial(wrap_result_async, tell=tell))


@guard
def _tell(readers: Mapping[str, Reader], resource: Any, job: Any) -> None:
    """Tell the answers of a job that were not told yet."""
    mistral_batch_files.remember(readers, job)
    reader = readers.get(text_of(job, "endpoint"))
    batch = text_of(job, "id")
    for line in listed(job, "outputs") if reader is not None else ():
        body, asked = get(get(line, "response"), "body"), text_of(line, "custom_id")
        name = f"{batch}/{asked}"
        if reader is None or get(body, "usage") is None or name in _told:
            continue
        call = begin(reader, resource, {"model": text_of(job, "model") or text_of(body, "model")})
        if call is None:
            return
        _told.add(name)
        given = {semconv.BATCH_ID: batch, semconv.BATCH_REQUEST_ID: asked}
        # By the first, a collector tells it from a second call where another process fetches it, too.
        call.note({semconv.FETCHED: True, **given})
        call.answer(body)
