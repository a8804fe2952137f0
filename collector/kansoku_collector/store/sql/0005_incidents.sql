-- One row a state an incident was in; the latest row is its present state (read with FINAL).
CREATE TABLE IF NOT EXISTS incidents (
    project LowCardinality(String),
    incident_id String,
    rule LowCardinality(String),
    metric LowCardinality(String),
    state LowCardinality(String),
    severity LowCardinality(String),
    opened DateTime64(3, 'UTC'),
    updated DateTime64(3, 'UTC'),
    resolved Nullable(DateTime64(3, 'UTC')),
    value Float64,
    peak Float64,
    threshold Float64,
    comparison LowCardinality(String),
    samples UInt64,
    window_seconds UInt32,
    scope Map(String, String),
    deliveries String
) ENGINE = ReplacingMergeTree(updated)
ORDER BY (project, incident_id)
SETTINGS non_replicated_deduplication_window = 10000;
