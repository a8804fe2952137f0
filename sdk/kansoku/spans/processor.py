"""What the tracer provider calls at the beginning and the end of every span."""

from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from kansoku.delivery.outbox import Outbox
from kansoku.spans.sampling import TailSampler, weigh
from kansoku.stamps import stamps


class Processor(SpanProcessor):
    """Stamps what `kansoku.context()` holds on every span that starts, and queues every span that ends."""

    reads_later = True  # nothing but times and ids is looked at before the span is encoded

    def __init__(self) -> None:
        self.outbox: Outbox | None = None
        self.exit_timeout = 0.0
        self.sampler: TailSampler | None = None

    def on_start(self, span: Span, parent_context: otel_context.Context | None = None) -> None:
        """Add session, user, tags and the like to the span."""
        if found := stamps(parent_context):
            span.set_attributes(found)
        if self.sampler is not None:
            self.sampler.started(span)

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span, or let the sampler hold it; a full queue drops and counts it."""
        if self.outbox is None or span.context is None:
            return
        if self.sampler is not None:
            self.sampler.ended(span)
        elif span.context.trace_flags.sampled:
            self.outbox.put(weigh(span) if span.context.trace_state else span)

    def shutdown(self) -> None:
        """Send what is queued, in bounded time."""
        if self.outbox is not None:
            self.release()
            self.outbox.close(self.exit_timeout)

    def release(self) -> None:
        """Decide about the traces that the sampler holds; those under way are not waited for."""
        if self.sampler is not None:
            self.sampler.release()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what is queued; False when the time was too short."""
        return self.outbox is None or self.outbox.flush(timeout_millis / 1000)
