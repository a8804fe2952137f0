-- One row a span, in the one canonical shape (kansoku_collector/model.py names the columns in the same order).
-- Order by time first: every page asks for a time range, and the rows of one trace lie close together in time.
CREATE TABLE IF NOT EXISTS spans (
    project LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    parent_span_id String CODEC(ZSTD(1)),
    name LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String),
    release LowCardinality(String),
    start DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    duration_ns UInt64 CODEC(T64, ZSTD(1)),

    operation LowCardinality(String),
    dialect LowCardinality(String),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),

    provider LowCardinality(String),
    request_model LowCardinality(String),
    response_model LowCardinality(String),
    response_id String CODEC(ZSTD(1)),
    system_fingerprint LowCardinality(String),
    parameters Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    streaming UInt8,
    time_to_first_token Nullable(Float64) CODEC(ZSTD(1)),
    finish_reasons Array(LowCardinality(String)),

    system_instructions String CODEC(ZSTD(1)),
    input_messages String CODEC(ZSTD(1)),
    output_messages String CODEC(ZSTD(1)),
    tool_definitions String CODEC(ZSTD(1)),
    input_text String CODEC(ZSTD(1)),
    output_text String CODEC(ZSTD(1)),

    usage_source LowCardinality(String),
    input_fresh UInt32 CODEC(T64, ZSTD(1)),
    cache_read UInt32 CODEC(T64, ZSTD(1)),
    cache_write_5m UInt32 CODEC(T64, ZSTD(1)),
    cache_write_1h UInt32 CODEC(T64, ZSTD(1)),
    output_visible UInt32 CODEC(T64, ZSTD(1)),
    reasoning UInt32 CODEC(T64, ZSTD(1)),
    audio_in UInt32 CODEC(T64, ZSTD(1)),
    audio_out UInt32 CODEC(T64, ZSTD(1)),
    image UInt32 CODEC(T64, ZSTD(1)),
    input_tokens UInt64 ALIAS toUInt64(input_fresh) + cache_read + cache_write_5m + cache_write_1h + audio_in + image,
    output_tokens UInt64 ALIAS toUInt64(output_visible) + reasoning + audio_out,

    cost_usd Decimal(38, 12) CODEC(ZSTD(1)),
    cost_input_usd Decimal(38, 12) CODEC(ZSTD(1)),
    cost_source LowCardinality(String),
    price_id LowCardinality(String),
    billed UInt8,

    session_id String CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    tags Array(LowCardinality(String)),
    metadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    prompt_name LowCardinality(String),
    prompt_version LowCardinality(String),
    experiment LowCardinality(String),

    tool_name LowCardinality(String),
    tool_call_id String CODEC(ZSTD(1)),
    tool_arguments String CODEC(ZSTD(1)),
    tool_result String CODEC(ZSTD(1)),
    retrieval_query String CODEC(ZSTD(1)),
    documents String CODEC(ZSTD(1)),

    status LowCardinality(String),
    error_type LowCardinality(String),
    error_message String CODEC(ZSTD(1)),

    refusal UInt8,
    fallback UInt8,
    language LowCardinality(String),
    input_chars UInt32 CODEC(T64, ZSTD(1)),
    output_chars UInt32 CODEC(T64, ZSTD(1)),
    top_score Nullable(Float64) CODEC(ZSTD(1)),

    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    events String CODEC(ZSTD(1)),
    links String CODEC(ZSTD(1)),
    received DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),

    INDEX ix_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_session session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX ix_input lowerUTF8(input_text) TYPE ngrambf_v1(2, 8192, 2, 0) GRANULARITY 1,
    INDEX ix_output lowerUTF8(output_text) TYPE ngrambf_v1(2, 8192, 2, 0) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toYYYYMM(start)
ORDER BY (project, start)
SETTINGS index_granularity = 2048, non_replicated_deduplication_window = 10000;
