"""Kansoku traces LLM calls and emits OpenTelemetry spans with prompts, model, tokens and cost."""
