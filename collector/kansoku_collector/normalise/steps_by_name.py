"""Which steps of a reader find anything in a span, by the names of its attributes.

The conventions have dozens of names and a span has a few of them; spans of one place in a program have the
same ones, so a reader can decide once what it need not look for.
"""

from collections.abc import Callable, Iterable

from kansoku_collector.model import Attributes, Span

Step = Callable[[Attributes, Span], None]
Steps = dict[Step, tuple[str, ...]]  # the names that a step reads; `a.` stands for all that begin with it
ALWAYS = ("",)  # instead of names: the step sets something even where it finds nothing


def needed(steps: Steps, names: Iterable[str]) -> tuple[Step, ...]:
    """Return the steps that find something among `names`, in their order."""
    return tuple(step for step, wanted in steps.items() if concerns(wanted, names))


def concerns(wanted: tuple[str, ...], names: Iterable[str]) -> bool:
    """Tell whether any of `names` is wanted."""
    prefixes = tuple(name for name in wanted if name.endswith("."))
    return wanted is ALWAYS or any(name in wanted or name.startswith(prefixes) for name in names)
