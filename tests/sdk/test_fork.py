"""Forks, threads and other providers: each process sends its own, and nobody else's telemetry suffers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.collector import Collector, receipt, span_names

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Run a collector."""
    server = Collector()
    yield server
    server.close()


def own(collector: Collector) -> dict[str, str]:
    """Return the settings of a program; a busy machine may need long for what is sent at its end."""
    return {"KANSOKU_ENDPOINT": collector.url, "KANSOKU_API_KEY": "k", "KANSOKU_EXIT_TIMEOUT": "60"}


def run(collector: Collector, code: str, **environment: str) -> None:
    """Run a program to its natural end, which must come, without a word on standard error."""
    env = {**os.environ, **own(collector), **environment}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")


START = """
import os, sys, threading, time, kansoku
def span(name):
    with kansoku.span(name): pass
def init(): kansoku.init(instrument=False)
"""


def test_parent_and_child_send_their_own_spans_once(collector: Collector) -> None:
    """What was queued before the fork is the parent's; each has an id and a balance of its own."""
    code = """
init(); span("before")
child = os.fork()
if not child:
    span("child"); sys.exit()
os.waitpid(child, 0)
span("parent")
"""
    run(collector, START + code)
    assert collector.spans() == {"before": 1, "child": 1, "parent": 1}
    balances = {found["id"]: found for found in map(receipt, collector.bodies)}
    assert sorted(found["started"] for found in balances.values()) == [1, 2]
    assert all(found["started"] == found["exported"] for found in balances.values())


def test_a_fork_before_init_is_two_programs(collector: Collector) -> None:
    """A server that loads the app in its workers: each starts the SDK itself."""
    code = """
children = []
for number in range(2):
    child = os.fork()
    if not child:
        init(); span(f"worker {number}"); sys.exit()
    children.append(child)
for child in children: os.waitpid(child, 0)
"""
    run(collector, START + code)
    assert collector.spans() == {"worker 0": 1, "worker 1": 1}


def test_workers_forked_right_after_init_trace(collector: Collector) -> None:
    """A preloading server forks while the background thread still loads: nothing is left half imported."""
    code = """
kansoku.init()
children = []
for number in range(3):
    child = os.fork()
    if not child:
        import http.client, genai_prices
        span(f"worker {number}"); assert kansoku.flush(60); sys.exit()
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
"""
    run(collector, START + code)
    assert collector.spans() == {f"worker {n}": 1 for n in range(3)}


def test_a_fork_while_other_threads_hold_our_locks(collector: Collector) -> None:
    """Threads start, end, flush, count and start the SDK anew while the main thread forks: no child hangs."""
    code = """
os.environ["KANSOKU_QUEUE_SIZE"] = "3"
init()
end = threading.Event()
def work():
    while not end.is_set():
        span("thread"); kansoku.stats()
def again():
    while not end.is_set():
        kansoku.flush(0.01); init()
threads = [threading.Thread(target=t) for t in (work, work, again)]
for t in threads: t.start()
for number in range(15):
    child = os.fork()
    if not child:
        init(); span(f"child {number}"); assert kansoku.flush(60); kansoku.shutdown(); os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
end.set()
for t in threads: t.join()
"""
    run(collector, START + code)
    spans = collector.spans()
    assert [spans[f"child {n}"] for n in range(15)] == [1] * 15


def test_a_fork_in_a_thread(collector: Collector) -> None:
    """A child forked from a thread that is not the main one sends at its end, too."""
    code = """
init()
def work():
    child = os.fork()
    if not child:
        span("child"); kansoku.shutdown(); os._exit(0)
    os.waitpid(child, 0)
t = threading.Thread(target=work); t.start(); t.join()
span("parent")
"""
    run(collector, START + code)
    assert collector.spans() == {"child": 1, "parent": 1}


def test_a_fork_after_shutdown_starts_nothing(collector: Collector) -> None:
    """A child of a program that has shut the SDK down has no thread of ours."""
    code = """
init(); span("x"); kansoku.shutdown()
child = os.fork()
if not child:
    os._exit(len(threading.enumerate()))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
"""
    run(collector, START + code)


def test_children_of_multiprocessing_send_at_their_end(collector: Collector) -> None:
    """They leave by os._exit, which calls nothing registered for the exit; their spans arrive."""
    code = """
import multiprocessing
init()
context = multiprocessing.get_context("fork")
children = [context.Process(target=span, args=(f"child {n}",)) for n in range(2)]
for child in children: child.start()
for child in children: child.join()
with context.Pool(1) as pool:
    pool.map(span, ["pooled"]); pool.close(); pool.join()
"""
    run(collector, START + code)
    assert collector.spans() == {"child 0": 1, "child 1": 1, "pooled": 1}


CHILDREN = (
    START
    + """
import multiprocessing, concurrent.futures
{where}
def work(name):
    {within}
    span(name)
if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    children = [context.Process(target=work, args=(f"child {{n}}",)) for n in range(2)]
    for child in children: child.start()
    for child in children: child.join()
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        list(pool.map(work, ["pooled"]))
"""
)


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
@pytest.mark.parametrize("place", ["where", "within"])
def test_children_that_a_server_forks_send_at_their_end(
    collector: Collector, tmp_path: Path, method: str, place: str
) -> None:
    """A fork server has not loaded the SDK, and its children leave by os._exit: init() sees to it."""
    code = CHILDREN.format(**{"where": "", "within": "pass", "method": method, place: "init()"})
    (tmp_path / "program.py").write_text(code)
    env = {**os.environ, **own(collector)}
    command = [sys.executable, str(tmp_path / "program.py")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert collector.spans() == {"child 0": 1, "child 1": 1, "pooled": 1}


def test_a_child_that_is_not_traced_has_no_thread_of_ours(collector: Collector) -> None:
    """Many only run another program; one that is traced later on sends all the same, at its end or before."""
    code = """
def ours(): return [thread.name for thread in threading.enumerate() if "kansoku" in thread.name]
init(); assert ours()
child = os.fork()
if not child:
    assert not ours() and kansoku.flush(5) and not ours(), ours()
    grandchild = os.fork()
    if not grandchild: sys.exit()
    assert os.waitpid(grandchild, 0)[1] == 0
    span("child"); assert ours() == ["kansoku-spans"], ours()
    assert kansoku.flush(20)
    kansoku.feedback("a" * 32, like=True)
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
"""
    run(collector, START + code)
    given = [body for body in collector.bodies if body.startswith(b"[")]
    assert len(given) == 1
    assert [name for body in collector.bodies if body not in given for name in span_names(body)] == ["child"]


def test_the_first_spans_of_many_threads_of_a_child_arrive(collector: Collector) -> None:
    """They come at once, and one of them starts the thread that sends."""
    code = """
init()
for _ in range(10):
    child = os.fork()
    if not child:
        together = threading.Barrier(8)
        def work(): together.wait(); span("child")
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        sys.exit()
    os.waitpid(child, 0)
"""
    run(collector, START + code)
    assert collector.spans() == {"child": 80}


GREENLETS = """
import gevent
def work(number):
    with kansoku.chain(f"work {number}"):
        gevent.sleep(0.01)
        span("within")
    before = len(beats)
    assert kansoku.flush(20)
    meanwhile.append(len(beats) - before)
beats, meanwhile = [], []
def beat():
    while True: beats.append(1); gevent.sleep(0)
def serve():
    heart = gevent.spawn(beat)
    gevent.joinall([gevent.spawn(work, number) for number in range(8)], raise_error=True)
    heart.kill()
    assert any(meanwhile)  # nobody's waiting stops the others
"""


def test_greenlets_are_traced_and_none_waits_for_another(collector: Collector) -> None:
    """The background thread of a program that gevent has patched is a greenlet."""
    code = "from gevent import monkey; monkey.patch_all()\n" + START + GREENLETS + "init(); serve()"
    run(collector, code)
    assert collector.spans() == {"within": 8} | {f"work {number}": 1 for number in range(8)}


def test_a_worker_that_gevent_patches_after_the_fork_is_traced(collector: Collector) -> None:
    """gunicorn's, with `--preload`: the application is loaded, then it forks, then the worker is patched."""
    code = """
init(); span("loaded")
child = os.fork()
if not child:
    from gevent import monkey; monkey.patch_all()
    import subprocess; subprocess.run(["true"], check=True)  # forks in Python, with all its hooks
    serve()
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
"""
    run(collector, START + GREENLETS + code)
    assert collector.spans() == {"loaded": 1, "within": 8} | {f"work {number}": 1 for number in range(8)}


def test_exec_and_an_abrupt_end_hang_nothing(collector: Collector) -> None:
    """os._exit and exec leave at once; what was flushed before is there."""
    code = """
init(); span("flushed"); assert kansoku.flush(60); span("lost")
if os.fork() == 0:
    span("lost in the child"); os._exit(0)
os.wait()
os.execv(sys.executable, [sys.executable, "-c", "pass"])
"""
    run(collector, START + code)
    assert collector.spans() == {"flushed": 1}


PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
memory = InMemorySpanExporter()
theirs = TracerProvider()
theirs.add_span_processor(SimpleSpanProcessor(memory))
def names(): return sorted(span.name for span in memory.get_finished_spans())
"""


@pytest.mark.parametrize("first", ["theirs", "ours"])
def test_a_second_provider_keeps_working(collector: Collector, first: str) -> None:
    """Whoever comes first: both see our spans and theirs, each once, and theirs is the one that is set."""
    setting = "trace.set_tracer_provider(theirs)\n"
    code = START + PROVIDER + (setting + "init()\n" if first == "theirs" else "init()\n" + setting)
    code += """
assert trace.get_tracer_provider() is theirs
with trace.get_tracer("app").start_as_current_span("app"):
    span("kansoku")
assert names() == ["app", "kansoku"], names()
"""
    run(collector, code)
    assert collector.spans() == {"app": 1, "kansoku": 1}


def test_a_tracer_made_before_a_second_provider_reaches_both(collector: Collector) -> None:
    """A library that took its tracer between our start and theirs is seen by both as well."""
    code = """
init()
early = trace.get_tracer("library")
trace.set_tracer_provider(theirs)
with early.start_as_current_span("early"):
    span("kansoku")
assert names() == ["early", "kansoku"], names()
trace.set_tracer_provider(TracerProvider())  # a third one is refused, as without us
assert trace.get_tracer_provider() is theirs
init(); span("again")
assert names() == ["again", "early", "kansoku"], names()
"""
    code = START + PROVIDER + "import logging; logging.getLogger('opentelemetry').setLevel('CRITICAL')" + code
    run(collector, code)
    assert collector.spans() == {"early": 1, "kansoku": 1, "again": 1}
