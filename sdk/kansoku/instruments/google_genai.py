"""Trace the `google-genai` client."""


def start() -> None:
    """Trace the client from now on."""


def stop() -> None:
    """Put the client's own methods back."""
