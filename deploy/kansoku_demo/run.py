"""`kansoku demo`: fill in the history, then keep live traffic going."""

import argparse
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from kansoku.settings import read_settings
from kansoku_collector.settings import Settings
from kansoku_demo.collector import Collector, UnavailableError
from kansoku_demo.history import back_fill, start_tracing
from kansoku_demo.live import run_live
from kansoku_demo.progress import Progress
from kansoku_demo.scenario import Scenario
from kansoku_demo.state import State

_STORE_SECONDS = 120.0


def main(argv: list[str]) -> int:
    """Run the sample application against a collector until SIGINT or SIGTERM; return the exit code."""
    args = _parser().parse_args(argv)
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    try:
        return _run(args, stop)
    except UnavailableError as error:
        print(f"kansoku demo: {error}", file=sys.stderr)
        return 1


def _run(args: argparse.Namespace, stop: threading.Event) -> int:
    settings = Settings()
    collector = Collector(args.endpoint, args.api_key or _local_key())
    collector.check()
    data: Path = args.data or settings.data
    state = State.open(data, Scenario(time.time(), args.days, args.seed))
    if args.days > 0:
        _fill_in(state, collector, stop)
    if args.no_live or stop.is_set():
        return 0
    start_tracing(collector.endpoint, collector.api_key)
    print(f"Demo: live traffic, about {args.rate:g} requests a minute.", file=sys.stderr, flush=True)
    run_live(state.scenario, args.rate, stop, state)
    return 0


def _fill_in(state: State, collector: Collector, stop: threading.Event) -> None:
    """Back-fill the hours without traffic and make sure that all of it was stored."""
    now = time.time()
    hours = state.missing(now)
    if not hours:
        return
    before = collector.stored() or 0
    progress = Progress(f"Demo: filling in {len(hours) / 24:.1f} days", len(hours))
    requests = spans = 0
    for filled in back_fill(state.scenario, hours, now, collector.endpoint, collector.api_key, stop):
        if not filled.flushed:
            raise UnavailableError(
                f"the collector at {collector.endpoint} does not take the spans fast enough"
            )
        requests += filled.requests
        spans += filled.spans
        state.add(filled.hours)
        progress.advance(len(filled.hours), f"{requests:,} requests")
    stored = collector.wait_stored(before + spans, _STORE_SECONDS)
    if stored is None or stored - before < spans:
        found = "an unknown number" if stored is None else f"{stored - before:,}"
        print(
            f"Demo: {spans:,} spans were sent, the collector stored {found}; see its messages.",
            file=sys.stderr,
        )
    else:
        print(f"Demo: {requests:,} requests in {spans:,} spans, all stored.", file=sys.stderr, flush=True)


def _local_key() -> str:
    return read_settings({}).api_key.get_secret_value()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kansoku demo",
        description="Run a sample application, the garbage guide of an invented city, against a collector.",
    )
    parser.add_argument("--endpoint", default="http://127.0.0.1:4318", help="base URL of the collector")
    parser.add_argument("--api-key", help="API key with the scope ingest (default: KANSOKU_API_KEY)")
    parser.add_argument(
        "--days", type=float, default=14.0, help="days of history to fill in (14; 0 for none)"
    )
    parser.add_argument("--rate", type=_positive, default=2.0, help="live requests a minute (2)")
    parser.add_argument(
        "--seed", type=int, default=7, help="everything that looks random derives from it (7)"
    )
    parser.add_argument("--no-live", action="store_true", help="end when the history is filled in")
    parser.add_argument("--data", type=Path, help="directory of demo.json, which remembers what is filled in")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
