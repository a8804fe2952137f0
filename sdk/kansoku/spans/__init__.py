"""Spans and who makes them: provider, tracer, sampling, and what is written at their end."""
