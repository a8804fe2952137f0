"""How fast the dashboard is over months of spans: reruns, bytes on the wire, painted charts, DOM nodes.

    python benches/dashboard.py --spans 10000000 --days 90

Makes the data inside the engine (`query_data.py`) unless `--data` names a store that has it, starts a
collector and a dashboard on it, and opens the screens in Chromium. A rerun of the Overview is the time from
a reader's question to the end of the run, with no browser beside it, and every question of it asked of the
store anew: each has a slice of its own. Whatever is painted is measured with the browser on the same cores.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from dashboard_browser import DRAWINGS, KEPT, MARK, PATIENCE, chromium, launch, visit
from dashboard_goals import table
from dashboard_session import run
from kill import Target
from playwright.sync_api import Browser, sync_playwright
from query_data import SERVICES

from kansoku_collector.model import SPAN_COLUMNS, Span

RANGES = ("24h", "7d", "30d", "90d")
SLICES = ["", *(f"&service={name}" for name in SERVICES), "&env=production", "&env=staging", "&env=dev"]
SCREENS = {
    "/": 4, "/traces": 0, "/sessions": 0, "/cost": 2, "/latency": 5, "/quality": 3, "/drift": 2, "/alerts": 0,
    "/health": 0, "/start": 0,
}  # fmt: skip
LONG_TRACE, LONG = "f" * 32, 10_000
LIVE_SECONDS = 60
_TICK = os.sysconf("SC_CLK_TCK")


def measure(host: str, pid: int, port: int, options: argparse.Namespace) -> dict[str, Any]:
    """Open everything that is asked for and return the figures."""
    path = chromium()
    if path is None:
        raise SystemExit("no Chromium on this machine: run tests/end_to_end/install_browser.sh")
    parts: dict[str, Callable[[Browser], dict[str, Any]]] = {
        "loads": lambda browser: loads(browser, host),
        "reruns": lambda _: reruns(host, pid, options.repeats),
        "screens": lambda browser: screens(browser, host),
        "range_change": lambda browser: change(browser, host),
        "long_trace": lambda browser: long_trace(browser, host),
        "live": lambda browser: live(browser, host, port, options.live),
    }
    found = {}
    with sync_playwright() as playwright:
        browser = launch(playwright, path)
        for name, part in parts.items():
            if not options.only or name in options.only.split(","):
                found[name] = part(browser)
                print(name, json.dumps(found[name]), file=sys.stderr, flush=True)
        browser.close()
    return found


def loads(browser: Browser, host: str) -> dict[str, Any]:
    """Return the first load of a browser that knows nothing, and the second."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    first = visit(context, host)
    painted = first.open("/?range=24h", SCREENS["/"])
    result: dict[str, Any] = {"first_mb": first.counts.bytes / 1e6, "first_painted_ms": painted}
    again = visit(context, host)
    painted = again.open("/?range=24h", SCREENS["/"])
    result |= {
        "cached_http_kb": again.counts.http / 1e3,
        "cached_socket_kb": again.counts.socket / 1e3,
        "cached_painted_ms": painted,
        "left_the_host": first.counts.left + again.counts.left,
    }
    context.close()
    return result


def reruns(host: str, pid: int, repeats: int) -> dict[str, Any]:
    """Return the reruns of the Overview by range, each over a slice that no cache knows yet."""
    found = {}
    for name in RANGES:
        times, before = [], cpu_seconds(pid)
        for number in range(repeats):
            times.append(run(host, f"/?range={name}{SLICES[number % len(SLICES)]}").ms)
            if (number + 1) % len(SLICES) == 0:
                time.sleep(31)  # until the kept answers are too old
        slowest = quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
        found[name] = {
            "p50_ms": median(times),
            "p95_ms": min(slowest, max(times)),
            "max_ms": max(times),
            "cpu_s": (cpu_seconds(pid) - before) / repeats,
        }
    return found


def screens(browser: Browser, host: str) -> dict[str, Any]:
    """Return what each screen takes over a week that it is asked about for the first time."""
    found = {}
    for path, charts in SCREENS.items():
        seen = visit(browser.new_context(), host)
        painted = seen.open(f"{path}?range=7d&lang=ja", charts)
        found[path] = {
            "rerun_ms": seen.counts.rerun_ms(),
            "painted_ms": painted,
            "socket_kb": seen.counts.socket / 1e3,
            "nodes": seen.nodes(),
        }
        seen.page.context.close()
    return found


def change(browser: Browser, host: str) -> dict[str, Any]:
    """Return a change of range by a click."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    visit(context, host).open("/?range=24h", SCREENS["/"])  # what is loaded once is no part of a change
    seen = visit(context, host)
    seen.open("/?range=24h&env=production", SCREENS["/"])
    seen.counts.start()
    began = time.monotonic()
    seen.page.get_by_role("radio", name="7d").or_(seen.page.get_by_role("button", name="7d")).first.click()
    seen.quiet()
    wall = time.monotonic() - began - 0.3
    result = {"rerun_ms": seen.counts.rerun_ms(), "click_to_end_ms": 1000 * wall,
              "kb": seen.counts.bytes / 1e3}  # fmt: skip
    context.close()
    return result


def long_trace(browser: Browser, host: str) -> dict[str, Any]:
    """Return how a trace of ten thousand spans opens in a browser that knows the site, and a choice in it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    visit(context, host).open("/start")
    seen = visit(context, host)
    seen.counts.start()
    seen.page.goto(f"{host}/trace?trace={LONG_TRACE}", wait_until="commit")
    grid = seen.page.get_by_role("treegrid")
    grid.get_by_role("row").nth(5).wait_for(timeout=PATIENCE)
    rows = float(seen.page.evaluate("performance.now()"))
    seen.quiet()
    opened, nodes = seen.counts.rerun_ms(), int(grid.locator("*").count())
    kilobytes = seen.counts.socket / 1e3
    seen.counts.start()
    grid.get_by_role("row").nth(4).click()
    seen.quiet()
    context.close()
    return {"rows_ms": rows, "rerun_ms": opened, "tree_nodes": nodes, "socket_kb": kilobytes,
            "selection_ms": seen.counts.rerun_ms()}  # fmt: skip


def live(browser: Browser, host: str, port: int, seconds: int) -> dict[str, Any]:
    """Return how many charts a minute of refreshing replaced while spans come, and how far the page moved."""
    seen = visit(browser.new_context(viewport={"width": 1440, "height": 900}), host)
    seen.open("/?range=1h&live=true", SCREENS["/"])
    seen.page.evaluate(MARK)
    seen.page.evaluate(DRAWINGS)
    seen.page.evaluate("document.querySelector('.stMain').scrollTo(0, 200)")
    at = seen.page.evaluate("document.querySelector('.stMain').scrollTop")
    seen.counts.start()
    for number in range(seconds):
        send(port, number + 1)
        seen.page.wait_for_timeout(1000)
    kept, all_of_them = seen.page.evaluate(KEPT)
    moved = seen.page.evaluate("document.querySelector('.stMain').scrollTop") - at
    result = {
        "seconds": seconds,
        "runs": len(seen.counts.ended),
        "charts": all_of_them,
        "replaced": all_of_them - kept,
        "drawings": seen.page.evaluate("window.drawings"),  # none, and the figures never changed
        "scrolled_px": moved,
        "kb": seen.counts.bytes / 1e3,
    }
    seen.page.context.close()
    return result


def first_span(folder: Path) -> dict[str, Any]:
    """Return how the screens of an empty store render, and how soon a span that is sent is on one."""
    target = Target(folder)
    target.start()
    with served(target) as (host, _), sync_playwright() as playwright:
        browser = launch(playwright, str(chromium()))
        rendered = {}
        for screen in ("/traces", *SCREENS):  # the first run of all imports what the others need
            rendered[screen] = run(host, screen).ms
        home = visit(browser.new_context(), host)
        home.open("/")
        began = time.monotonic()
        send(target.port, 0)
        home.page.wait_for_selector("[data-testid=stMetric]", timeout=PATIENCE)
        shown = time.monotonic() - began
        browser.close()
    target.stop()
    return {"empty_rerun_ms": rendered, "span_to_screen_s": shown}


def send(port: int, number: int) -> None:
    """Send a span of this moment to the collector."""
    now = time.time_ns()
    span = {
        "traceId": f"{number + 1:032x}",
        "spanId": "cd" * 8,
        "name": "chat",
        "startTimeUnixNano": str(now - 10**9 - number * 10**7),
        "endTimeUnixNano": str(now),
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    address = f"http://127.0.0.1:{port}/v1/traces"
    request = urllib.request.Request(address, body, {"content-type": "application/json"})
    urllib.request.urlopen(request).close()  # noqa: S310 - our own


def insert_long_trace(client: Client) -> None:
    """Store a trace of ten thousand spans, unless it is there."""
    if client.query(
        "SELECT 1 FROM traces WHERE trace_id = {id:String} LIMIT 1", parameters={"id": LONG_TRACE}
    ).result_rows:
        return
    start = time.time_ns() - 3600 * 10**9
    rows = []
    for number in range(LONG):
        span = Span(trace_id=LONG_TRACE, span_id=f"{number + 1:016x}", start=start + number * 10**7)
        span.parent_span_id = "" if number == 0 else f"{(number - 1) // 8 + 1:016x}"
        span.name, span.operation = f"step {number}", "chat" if number % 3 else "execute_tool"
        span.duration_ns = 10**7 * (LONG - number if number < 9 else 3)
        rows.append([getattr(span, name) for name in SPAN_COLUMNS])
    client.insert("spans", rows, column_names=SPAN_COLUMNS)


@contextmanager
def served(target: Target) -> Iterator[tuple[str, int]]:
    """Serve a dashboard on a collector's store; yield its address and the id of its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    keys = json.loads((target.data / "secrets.json").read_text())
    environment = {
        "KANSOKU_CLICKHOUSE_READ_URL": read_url(keys["read"], target.gateway_port),
        "KANSOKU_DASHBOARD_PORT": str(port),
        "KANSOKU_COLLECTOR_URL": f"http://127.0.0.1:{target.port}",
        "KANSOKU_ADMIN_KEY": keys["admin"],
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "kansoku_dashboard"], env=os.environ | environment, stderr=subprocess.DEVNULL
    )
    host = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(host, timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield host, process.pid
    finally:
        process.terminate()
        process.wait(30)


def read_url(key: str, port: int) -> str:
    """Return where the dashboard reads."""
    return f"http://reader:{key}@127.0.0.1:{port}/kansoku"


def cpu_seconds(pid: int) -> float:
    """Return the CPU that a process has used so far."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / _TICK


def main() -> int:
    """Run the bench; print what it found as JSON, and the goals among it as a table."""
    parser = argparse.ArgumentParser(description="The dashboard over months of spans.")
    parser.add_argument("--spans", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--repeats", type=int, default=20, help="reruns of the Overview for each range")
    parser.add_argument("--live", type=int, default=LIVE_SECONDS, help="seconds of live mode")
    parser.add_argument("--data", help="a data directory that is kept, and used again when it is filled")
    parser.add_argument("--only", default="", help="parts by commas: loads, reruns, screens, range_change, …")
    parser.add_argument("--results", type=Path, help="where the JSON is written as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kansoku-dashboard-") as temporary:
        data = Path(options.data or temporary) / ("" if options.data else "store")
        data.mkdir(parents=True, exist_ok=True)
        if not (data / "made.json").exists() or not json.loads((data / "made.json").read_text())["finished"]:
            command = [sys.executable, str(Path(__file__).with_name("query.py")), "--generate", str(data)]
            subprocess.run([*command, "--spans", str(options.spans), "--days", str(options.days)], check=True)
        found: dict[str, Any] = {"at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", "cores": os.cpu_count()}
        found["load_average"] = os.getloadavg()[0]  # of the minute before: what else the machine did
        if not options.only:
            found |= first_span(Path(temporary) / "empty")
        found |= _on(data, options)
    text = json.dumps(found, indent=1)
    print(text, table(found), sep="\n\n")
    if options.results:
        options.results.parent.mkdir(parents=True, exist_ok=True)
        options.results.write_text(text + "\n")
    return 0


def _on(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    os.environ.setdefault("KANSOKU_DETECTOR", "0")  # it would read the hours of months meanwhile
    target = Target(data)
    target.start()
    try:
        key = json.loads((data / "secrets.json").read_text())["admin"]
        client = clickhouse_connect.get_client(
            host="127.0.0.1", port=target.gateway_port, username="admin", password=key, database="kansoku"
        )
        insert_long_trace(client)
        spans = int(str(client.command("SELECT count() FROM spans")))
        client.close()
        with served(target) as (host, pid):
            return {"spans": spans} | measure(host, pid, target.port, options)
    finally:
        target.stop()


if __name__ == "__main__":
    sys.exit(main())
