-- Feedback and scores: rows of their own that join a trace when read, so they may come days later.
-- A user who changes their mind sends the same (trace, span, name, user) again; readers take the latest.
CREATE TABLE IF NOT EXISTS feedback (
    project LowCardinality(String),
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    feedback_id String CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    name LowCardinality(String),
    source LowCardinality(String),
    value Nullable(Float64),
    label LowCardinality(String),
    comment String CODEC(ZSTD(1)),
    correction String CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    metadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    received DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX ix_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (project, time)
SETTINGS index_granularity = 2048, non_replicated_deduplication_window = 10000;
