-- Spans that failed, by themselves: one in a hundred, whose ids would else be looked for among those of all.
CREATE TABLE IF NOT EXISTS errors (
    project LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    parent_span_id String CODEC(ZSTD(1)),
    name LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String),
    release LowCardinality(String),
    start DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    operation LowCardinality(String),
    provider LowCardinality(String),
    request_model LowCardinality(String),
    response_model LowCardinality(String),
    prompt_name LowCardinality(String),
    prompt_version LowCardinality(String),
    billed UInt8,
    weight Float64,
    error_type LowCardinality(String),
    error_message String CODEC(ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toYYYYMM(start)
ORDER BY (project, start)
SETTINGS index_granularity = 2048, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS errors_mv TO errors AS
SELECT
    project, trace_id, span_id, parent_span_id, name, service, environment, release, start, operation, provider,
    request_model, response_model, prompt_name, prompt_version, billed, weight, error_type,
    substringUTF8(s.error_message, 1, 300) AS error_message
FROM spans AS s
WHERE status = 'error';
