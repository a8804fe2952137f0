"""Send what one collector has acknowledged to another one as well: each span may be stored once.

    python benches/elsewhere.py --requests 100 --after 0.5 1 2 5

Two collectors store into one ClickHouse. Every request goes to one of them, by turns, and some seconds later
to the other, byte for byte, as by a sender that lost the answer and whose load balancer sent it elsewhere.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from kill import CHECKS, ENVIRONMENT, SPANS_PER_REQUEST, Target, new_spans, request_body
from outage import HEADERS, Store

_WARM_UP = 45.0  # seconds after which live spans ended after both had begun, however clocks differ
_PAUSE = 0.08  # between two requests


def run(requests: int, delays: list[float], directory: Path) -> dict[str, Any]:
    """Return what was sent and stored, and how many spans were stored twice after each delay."""
    store = Store(directory / "clickhouse")
    ENVIRONMENT["KANSOKU_CLICKHOUSE_URL"] = f"http://admin:ksk_admin@127.0.0.1:{store.port}/kansoku"
    both = [Target(directory / "one"), Target(directory / "other")]
    for target in both:
        target.start()
    time.sleep(_WARM_UP)
    doubled: dict[str, int] = {}
    for delay in delays:
        _send(requests, delay, both)
        _wait(both)
        extra = int(store.ask(CHECKS["spans"])) - int(store.ask(CHECKS["distinct spans"]))
        doubled[f"{delay} s"] = extra - sum(doubled.values())
    found: dict[str, Any] = {
        "spans of one delay": requests * SPANS_PER_REQUEST,
        "stored twice, by delay": doubled,
        **{name: int(store.ask(sql)) for name, sql in CHECKS.items()},
        "exit codes": [target.stop() for target in both],
    }
    store.close()
    return found


def _send(requests: int, delay: float, both: list[Target]) -> None:
    threads = []
    for number in range(requests):
        order = both if number % 2 else both[::-1]
        threads.append(threading.Thread(target=_twice, args=(request_body(new_spans()), delay, order)))
        threads[-1].start()
        time.sleep(_PAUSE)
    for thread in threads:
        thread.join()


def _twice(body: bytes, delay: float, order: list[Target]) -> None:
    for number, target in enumerate(order):
        time.sleep(delay if number else 0.0)
        connection = HTTPConnection("127.0.0.1", target.port, timeout=30)
        connection.request("POST", "/v1/traces", body, HEADERS)
        if (status := connection.getresponse().status) != 200:
            raise SystemExit(f"a collector answered {status}")
        connection.close()


def _wait(both: list[Target]) -> None:
    time.sleep(3.0)  # the open segments
    while any(list(target.data.glob("journal/*.seg")) for target in both):
        time.sleep(0.2)


def main() -> int:
    """Run from the command line; exit 1 when a span was sent elsewhere after two seconds and stored twice."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=100, help="for each delay (default 100)")
    parser.add_argument("--after", type=float, nargs="+", default=[0.5, 1.0, 2.0, 5.0], help="seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kansoku-elsewhere-") as directory:
        found = run(options.requests, options.after, Path(directory))
    print(json.dumps(found, indent=2))
    late = [found["stored twice, by delay"][f"{delay} s"] for delay in options.after if delay >= 2]
    return 1 if any(late) else 0


if __name__ == "__main__":
    sys.exit(main())
