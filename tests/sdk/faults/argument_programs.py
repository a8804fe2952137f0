"""Programs that hand over what nobody expects."""

from collections.abc import Callable
from typing import Any

from cases import case, outcome
from model import MESSAGES, ask, client, text_of


@case("arguments: 10 MB prompts", megabytes=400)
def large_prompts(sdk: Any) -> Any:
    """Prompts, arguments and results of 10 MB pass unharmed."""
    sdk.start()
    text = "火星の衛星。" * 600_000
    work = sdk.observe(lambda given: given[::-1])
    answers = [text_of(ask(client(), [{"role": "user", "content": text}])) for _ in range(3)]
    return [answers, len(work(text))]


@case("arguments: objects that cannot be written down")
def hostile_objects(sdk: Any) -> Any:
    """Objects that raise when they are looked at are handed over and back untouched."""
    sdk.start()

    class Hostile:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("do not look at me")

        def _refuse(self, *_: Any) -> Any:
            raise RuntimeError("do not look at me")

        __repr__ = __str__ = __len__ = __bool__ = __iter__ = __eq__ = _refuse  # type: ignore[assignment]
        __hash__ = object.__hash__

    thing = Hostile()
    circle: dict[str, Any] = {}
    circle["self"] = circle
    deep: list[Any] = []
    for _ in range(50_000):
        deep = [deep]
    work = sdk.observe(lambda *args, **kwargs: args[0] if args else kwargs["thing"])
    seen = [work(thing) is thing, work(thing=thing) is thing, work(circle) is circle, work(deep) is deep]
    seen.append(work({"a": {1, 2}, b"b": lambda: 1, None: float("nan"), (1,): "\ud800 lone"})[b"b"]())
    return seen


@case("arguments: lazy values stay lazy")
def lazy_values(sdk: Any) -> Any:
    """Iterators and generators given or returned are not consumed; properties are not computed."""
    sdk.start()
    looked: list[str] = []

    class Lazy:
        @property
        def costly(self) -> int:
            looked.append("costly")
            return 1

    numbers = iter(range(5))
    work = sdk.observe(lambda value, other: value)
    given = work(numbers, Lazy())
    rest = list(given)
    mapped = sdk.observe(lambda: map(str, range(3)))()
    return [rest, list(mapped), looked]


@case("arguments: messages from a generator")
def generated_messages(sdk: Any) -> Any:
    """The client takes any iterable of messages; nobody else may read it first."""
    sdk.start()
    sent: list[int] = []

    def messages() -> Any:
        for message in MESSAGES:
            sent.append(1)
            yield message

    return [outcome(lambda: text_of(ask(client(), messages()))), sent]


@case("arguments: texts that are no Unicode")
def odd_texts(sdk: Any) -> Any:
    """Lone surrogates, NUL, ANSI and right-to-left marks: the same answer or the same error."""
    sdk.start()
    texts = ["\ud800", "a\x00b", "\x1b[31mred", "\u202egnirts", "\ufeff", ""]
    work = sdk.observe(lambda text: text)
    seen = [
        outcome(lambda t=text: text_of(ask(client(), [{"role": "user", "content": t}]))) for text in texts
    ]
    return [seen, [work(text) for text in texts] == texts]


@case("arguments: none, wrong and too many")
def wrong_arguments(sdk: Any) -> Any:
    """A call that is wrong fails with the client's own words."""
    sdk.start()
    create = client().chat.completions.create
    wrong: list[Callable[[], Any]] = [
        create,
        lambda: create(model=5, messages="text"),
        lambda: create("positional"),
        lambda: create(model="m", messages=MESSAGES, unknown=1),
        lambda: create(model="m", messages=None, temperature="hot", stop=object(), tools=7),
    ]
    return [outcome(lambda action=action: type(action()).__name__) for action in wrong]
