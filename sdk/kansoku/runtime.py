"""What a running SDK consists of; there is at most one in a process."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from kansoku.delivery.outbox import Outbox
    from kansoku.pricing.prices import Prices
    from kansoku.settings import Settings


class Runtime(NamedTuple):
    """The parts that `init()` put together."""

    settings: "Settings"
    tracer: "Tracer"
    prices: "Prices"
    spans: "Outbox"
    feedback: "Outbox"
    capture: bool
    max_bytes: int
    local_provider: str


_current: Runtime | None = None


def current() -> Runtime | None:
    """Return the running SDK, or None before `init()`, after `shutdown()` and when disabled."""
    return _current


def use(runtime: Runtime | None) -> None:
    """Make `runtime` the running SDK."""
    global _current  # noqa: PLW0603 - one SDK per process is the point
    _current = runtime
