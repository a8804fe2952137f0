"""Trace the `together` client of Together."""

from kansoku.instruments.openai_family import trace_package

_targets = trace_package("together", "together")
start = _targets.start
stop = _targets.stop
