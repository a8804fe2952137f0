"""ClickHouse: the only place that knows SQL."""
