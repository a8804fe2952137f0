"""Trace the `groq` client of Groq."""

from kansoku.instruments.openai_family import trace_package

_targets = trace_package("groq", "groq")
start = _targets.start
stop = _targets.stop
