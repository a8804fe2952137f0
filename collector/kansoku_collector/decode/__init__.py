"""From OTLP bytes to raw spans and events; nothing is interpreted here."""
