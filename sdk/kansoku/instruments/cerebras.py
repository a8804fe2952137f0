"""Trace the `cerebras.cloud.sdk` client of Cerebras."""

from kansoku.instruments.openai_family import trace_package

_targets = trace_package("cerebras.cloud.sdk", "cerebras")
start = _targets.start
stop = _targets.stop
