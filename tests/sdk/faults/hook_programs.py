"""Programs whose masking function, disk or memory fails."""

import os
from typing import Any

from cases import case, everyday
from model import ask, client, text_of


@case("mask: a function that raises", needs="can_mask")
def mask_raises(sdk: Any) -> Any:
    """The user's masking function fails on every text."""

    def mask(text: str) -> str:
        raise RuntimeError("no")

    sdk.start(mask=mask)
    seen = [text_of(ask(client())) for _ in range(5)]
    sdk.flush()
    return seen


@case("mask: a function that returns rubbish", needs="can_mask")
def mask_rubbish(sdk: Any) -> Any:
    """The user's masking function returns everything but text, and calls a model itself."""
    given = iter([None, 5, b"bytes", object(), "x" * 5_000_000] * 20)
    model = client()

    def mask(text: str) -> Any:
        text_of(ask(model))
        return next(given, None)

    sdk.start(mask=mask)
    seen = [text_of(ask(client())) for _ in range(5)]
    sdk.flush()
    return seen


@case("disk: full", needs="can_spool", collector="down")
def full_disk(sdk: Any) -> Any:
    """Not a byte can be written to the spool."""
    import resource
    import signal
    import tempfile

    os.environ["KANSOKU_SPOOL_DIR"] = tempfile.mkdtemp()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    seen = everyday(sdk, 5)
    sdk.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return seen


@case("disk: read-only", needs="can_spool", collector="down")
def read_only_disk(sdk: Any) -> Any:
    """The spool's folder cannot be made."""
    os.environ["KANSOKU_SPOOL_DIR"] = "/proc/kansoku-spool"
    seen = everyday(sdk, 5)
    sdk.flush()
    return seen


@case("disk: rubbish in the spool", needs="can_spool")
def rubbish_in_spool(sdk: Any) -> Any:
    """Somebody left files, folders and half-written things in the spool."""
    import tempfile
    from pathlib import Path

    folder = Path(tempfile.mkdtemp())
    os.environ["KANSOKU_SPOOL_DIR"] = str(folder)
    (folder / "0001.otlp").write_bytes(b"\xff" * 100)
    (folder / "empty").write_bytes(b"")
    (folder / "folder.otlp").mkdir()
    (folder / "dangling").symlink_to("/nonexistent")
    seen = everyday(sdk, 5)
    sdk.flush()
    return seen


@case("memory: 300 large calls while the collector is down", collector="down", megabytes=80, seconds=90)
def memory_down(sdk: Any) -> Any:
    """Drop what cannot be sent instead of keeping it for ever."""
    return many_calls(sdk)


@case("memory: 300 large calls while the collector hangs", collector="hanging", megabytes=80, seconds=90)
def memory_hanging(sdk: Any) -> Any:
    """What waits for an answer is not kept for ever."""
    return many_calls(sdk)


def many_calls(sdk: Any) -> Any:
    """Make 300 calls whose prompts, 250 kB each and all different, are five times what may wait."""
    os.environ |= {"KANSOKU_QUEUE_SIZE": "64", "KANSOKU_BATCH_SIZE": "16"}
    os.environ |= {"OTEL_BSP_MAX_QUEUE_SIZE": "64", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "16"}
    sdk.start()
    model = client()
    return {
        text_of(ask(model, [{"role": "user", "content": f"{number} {'moon ' * 50_000}"}]))
        for number in range(300)
    }
