"""What senders chose, on a terminal: a name must not move the cursor, hide a line or reach the clipboard."""

_LONGEST = 300


def shown(text: object) -> str:
    """Return what a terminal prints of it and does not obey, on one line and not too long for a table."""
    from kansoku_collector.values import one_line  # noqa: PLC0415 - the SDK alone has no collector

    return one_line(str(text), _LONGEST)
