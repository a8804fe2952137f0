"""How the fault suite drives an SDK: to add another one, write a class of a few lines here.

Runs in the traced process, in the interpreter of whichever environment the SDK is installed in, so this file
needs nothing but the standard library and the SDK.
"""

import os
from typing import Any


class Adapter:
    """No SDK at all: what every other one is compared with."""

    distribution = "openai"
    can_mask = False  # start(mask=...) is understood
    can_spool = False  # KANSOKU_SPOOL_DIR or the like keeps what cannot be sent

    def start(self, **options: Any) -> None:
        """Start tracing; the collector is at FAULTS_ENDPOINT. May be called again."""

    def observe(self, function: Any) -> Any:
        """Return a traced function."""
        return function

    def flush(self) -> None:
        """Send what is queued."""


class Kansoku(Adapter):
    """This project."""

    distribution = "kansoku"
    can_mask = True
    can_spool = True

    def start(self, **options: Any) -> None:
        """Start tracing."""
        import kansoku

        kansoku.init(
            endpoint=os.environ["FAULTS_ENDPOINT"], api_key="ksk_faults", service_name="faults", **options
        )

    def observe(self, function: Any) -> Any:
        """Return a traced function."""
        import kansoku

        return kansoku.observe(function)

    def flush(self) -> None:
        """Send what is queued."""
        import kansoku

        kansoku.flush(0.5)


class OpenInference(Adapter):
    """openinference-instrumentation-openai on OpenTelemetry's own processor and exporter."""

    distribution = "openinference-instrumentation-openai"

    def start(self, **options: Any) -> None:
        """Start tracing."""
        from openinference.instrumentation import TracerProvider
        from openinference.instrumentation.openai import OpenAIInstrumentor
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self.provider = TracerProvider()
        exporter = OTLPSpanExporter(endpoint=os.environ["FAULTS_ENDPOINT"] + "/v1/traces")
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        trace.set_tracer_provider(self.provider)
        OpenAIInstrumentor().instrument(tracer_provider=self.provider)

    def observe(self, function: Any) -> Any:
        """Return a traced function."""
        provider = getattr(self, "provider", None)
        return provider.get_tracer("faults").chain(function) if provider else function

    def flush(self) -> None:
        """Send what is queued."""
        self.provider.force_flush(2000)


class Langfuse(Adapter):
    """langfuse with its openai integration."""

    distribution = "langfuse"

    def start(self, **options: Any) -> None:
        """Start tracing."""
        os.environ.update(
            LANGFUSE_PUBLIC_KEY="pk-lf-faults",
            LANGFUSE_SECRET_KEY="sk-lf-faults",
            LANGFUSE_BASE_URL=os.environ["FAULTS_ENDPOINT"],
        )
        import langfuse
        import langfuse.openai

        self.client = langfuse.get_client()

    def observe(self, function: Any) -> Any:
        """Return a traced function."""
        import langfuse

        return langfuse.observe(function)

    def flush(self) -> None:
        """Send what is queued."""
        self.client.flush()


class Traceloop(Adapter):
    """traceloop-sdk (OpenLLMetry)."""

    distribution = "traceloop-sdk"

    def start(self, **options: Any) -> None:
        """Start tracing."""
        from traceloop.sdk import Traceloop as Sdk

        Sdk.init(
            app_name="faults",
            api_endpoint=os.environ["FAULTS_ENDPOINT"],
            api_key="faults",
            telemetry_enabled=False,
        )

    def observe(self, function: Any) -> Any:
        """Return a traced function."""
        from traceloop.sdk.decorators import task

        return task(name="work")(function)

    def flush(self) -> None:
        """Send what is queued."""
        from opentelemetry import trace

        trace.get_tracer_provider().force_flush(2000)  # type: ignore[attr-defined]


class Logfire(Adapter):
    """logfire, sending to a collector instead of its own service."""

    distribution = "logfire"

    def start(self, **options: Any) -> None:
        """Start tracing."""
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = os.environ["FAULTS_ENDPOINT"]
        import logfire

        self.module = logfire
        logfire.configure(send_to_logfire=False, service_name="faults", console=False)
        logfire.instrument_openai()

    def observe(self, function: Any) -> Any:
        """Return a traced function."""
        import logfire

        return logfire.instrument("work")(function)

    def flush(self) -> None:
        """Send what is queued."""
        self.module.force_flush(2000)


ADAPTERS: dict[str, type[Adapter]] = {
    "none": Adapter,
    "kansoku": Kansoku,
    "openinference": OpenInference,
    "langfuse": Langfuse,
    "traceloop": Traceloop,
    "logfire": Logfire,
}
