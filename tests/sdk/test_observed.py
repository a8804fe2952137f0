"""`observe` around what is no plain function: the program sees what it saw without it."""

import asyncio
import functools
import inspect
import logging
import pickle

import pytest

import kansoku
from kansoku import guard


class Task:
    """A task as of a queue: called, or delayed; not bound to the object it is read from."""

    name = "task"

    def __init__(self):
        self.sent = []

    def __call__(self, number):
        """Run it."""
        return number + 1

    def delay(self, number):
        """Have it run later."""
        self.sent.append(number)
        return "queued"


class Bound(Task):
    """A callable object that becomes a method."""

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, owner, number):
        """Tell who called."""
        return (owner, number)


def names(spans):
    """Return the names of the spans that have ended."""
    return [span.name for span in spans.all()]


def test_a_property_stays_one_whichever_decorator_is_above(start):
    """`observe` above `property` traces the reading; setter, deleter and documentation stay."""
    spans = start()

    class Page:
        def __init__(self):
            self.value = 1

        @kansoku.observe
        @property
        def size(self):
            """How long it is."""
            return self.value

        @size.setter
        def size(self, value):
            self.value = value

        @kansoku.observe
        @functools.cached_property
        def words(self):
            return ["a"]

    page = Page()
    page.size = 2
    assert (page.size, page.words is page.words, Page.size.__doc__) == (2, True, "How long it is.")
    assert len(names(spans)) == 2


def test_a_task_keeps_its_methods_its_state_and_its_class(start):
    """What is called is traced; `delay` is the task's own, what is set is set on it, and it is no method."""
    spans = start()
    task = Task()
    observed = kansoku.observe(task)
    observed.limit = 5

    class Owner:
        run = observed

    assert (observed(1), Owner().run(2), observed.delay(3), task.sent) == (2, 3, "queued", [3])
    assert (task.limit, observed.name, isinstance(observed, Task), observed == task) == (
        5,
        "task",
        True,
        True,
    )
    assert hash(observed) == hash(task)
    assert dir(observed) == dir(task)
    assert repr(observed) == repr(task)
    assert (observed.__doc__, observed.__module__) == (Task.__doc__, __name__)
    assert inspect.signature(observed) == inspect.signature(task)
    assert pickle.loads(pickle.dumps(observed)).sent == [3]
    assert names(spans) == ["Task", "Task"]
    del observed.limit
    with pytest.raises(AttributeError, match="limit"):
        _ = observed.limit


def test_an_object_that_becomes_a_method_still_does(start):
    """The instance is handed over as before."""
    spans = start()

    class Owner:
        run = kansoku.observe(Bound())

    owner = Owner()
    assert owner.run(1) == (owner, 1)
    assert names(spans) == ["Bound"]


def test_a_cache_keeps_its_counts(start):
    """`cache_info` and `cache_clear` of a cached function are there."""
    spans = start()

    @kansoku.observe
    @functools.lru_cache
    def twice(number):
        return number * 2

    assert (twice(2), twice(2), twice.cache_info().hits) == (4, 4, 1)
    twice.cache_clear()
    assert (twice.cache_info().hits, twice.cache_parameters()["maxsize"], len(names(spans))) == (0, 128, 2)


def test_what_cannot_be_called_is_left_alone_with_a_warning(start, caplog):
    """A partial method or a chain of a framework stays what it is; the log says so."""
    start()
    guard._warned.clear()

    class Owner:
        def run(self, number):
            return number

        once = kansoku.observe(functools.partialmethod(run, 1))

    with caplog.at_level(logging.WARNING):
        assert kansoku.observe("text") == "text"
    assert Owner().once() == 1
    assert "a str cannot be called and stays untraced" in caplog.text


def test_the_span_of_an_object_that_is_awaited_lasts_until_it_is_done(start):
    """An object whose `__call__` is a coroutine function is traced as one: with its result."""
    spans = start()

    class Search:
        async def __call__(self, text):
            await asyncio.sleep(0)
            return text.upper()

    class Words:
        def __call__(self, text):
            yield from text.split()

    assert asyncio.run(kansoku.observe(Search())("a")) == "A"
    assert list(kansoku.observe(Words())("a b")) == ["a", "b"]
    told = [span.attributes["kansoku.output.value"] for span in spans.all()]
    assert told == ['"A"', '"ab"']
