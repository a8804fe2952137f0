-- What the vendor or the client itself says that a call cost, beside our own figure.
ALTER TABLE spans ADD COLUMN IF NOT EXISTS reported_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1));

-- A price that was wrong is put right by rows of their own: spans are never updated and the old figure stays.
-- The latest row of a span is its figure now. `batch` names the insert that brought it, `prices` the price list.
CREATE TABLE IF NOT EXISTS corrections (
    project LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    start DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    duration_ns UInt64 CODEC(T64, ZSTD(1)),
    times UInt32,
    environment LowCardinality(String),
    service LowCardinality(String),
    release LowCardinality(String),
    operation LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    prompt_name LowCardinality(String),
    prompt_version LowCardinality(String),
    old_cost_usd Decimal(38, 12) CODEC(ZSTD(1)),
    old_cost_input_usd Decimal(38, 12) CODEC(ZSTD(1)),
    old_cost_source LowCardinality(String),
    old_price_id LowCardinality(String),
    cost_usd Decimal(38, 12) CODEC(ZSTD(1)),
    cost_input_usd Decimal(38, 12) CODEC(ZSTD(1)),
    cost_source LowCardinality(String),
    price_id LowCardinality(String),
    corrected DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    batch LowCardinality(String),
    prices LowCardinality(String),
    INDEX ix_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toYYYYMM(start)
ORDER BY (project, start, span_id)
SETTINGS index_granularity = 2048, non_replicated_deduplication_window = 10000;

-- Batches whose rows are in `corrections` and in every rollup. One that is missing here was interrupted and is
-- sent again, with the token of before, so that it counts once everywhere.
CREATE TABLE IF NOT EXISTS correction_batches (
    batch String,
    finished DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = MergeTree
ORDER BY batch;

-- Rollups follow by difference. Counts wrap around: adding 2^64 - 1 takes one away.
CREATE MATERIALIZED VIEW IF NOT EXISTS corrections_traces_mv TO traces AS
SELECT
    project,
    toStartOfHour(c.start) AS hour,
    trace_id,
    min(c.start) AS start,
    max(c.start + toIntervalNanosecond(c.duration_ns)) AS end,
    toUInt64(sum(
        toInt64(c.cost_source = 'unpriced') - toInt64(c.old_cost_source = 'unpriced')
    )) AS unpriced_calls,
    sum(c.cost_usd - c.old_cost_usd) AS cost_usd
FROM corrections AS c
GROUP BY project, hour, trace_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS corrections_minute_mv TO rollup_minute AS
SELECT
    project,
    toStartOfMinute(start) AS time,
    environment,
    service,
    release,
    operation,
    provider,
    model,
    prompt_name,
    prompt_version,
    toUInt64(sum(
        (toInt64(c.cost_source = 'unpriced') - toInt64(c.old_cost_source = 'unpriced')) * toInt64(c.times)
    )) AS unpriced_calls,
    sum((c.cost_usd - c.old_cost_usd) * c.times) AS cost_usd,
    sum((c.cost_input_usd - c.old_cost_input_usd) * c.times) AS cost_input_usd
FROM corrections AS c
GROUP BY project, time, environment, service, release, operation, provider, model, prompt_name, prompt_version;

CREATE MATERIALIZED VIEW IF NOT EXISTS corrections_hour_mv TO rollup_hour AS
SELECT
    project,
    toStartOfHour(start) AS time,
    environment,
    service,
    release,
    operation,
    provider,
    model,
    prompt_name,
    prompt_version,
    toUInt64(sum(
        (toInt64(c.cost_source = 'unpriced') - toInt64(c.old_cost_source = 'unpriced')) * toInt64(c.times)
    )) AS unpriced_calls,
    sum((c.cost_usd - c.old_cost_usd) * c.times) AS cost_usd,
    sum((c.cost_input_usd - c.old_cost_input_usd) * c.times) AS cost_input_usd
FROM corrections AS c
GROUP BY project, time, environment, service, release, operation, provider, model, prompt_name, prompt_version;

-- Billed calls with the figure of now and, as `first_*`, the one of their arrival.
CREATE VIEW IF NOT EXISTS priced_calls AS
SELECT
    s.project AS project,
    s.trace_id AS trace_id,
    s.span_id AS span_id,
    s.start AS start,
    s.duration_ns AS duration_ns,
    s.times AS times,
    s.environment AS environment,
    s.service AS service,
    s.release AS release,
    s.operation AS operation,
    s.provider AS provider,
    s.request_model AS request_model,
    s.response_model AS response_model,
    if(s.response_model = '', s.request_model, s.response_model) AS model,
    s.prompt_name AS prompt_name,
    s.prompt_version AS prompt_version,
    s.usage_source AS usage_source,
    s.input_fresh AS input_fresh,
    s.cache_read AS cache_read,
    s.cache_write_5m AS cache_write_5m,
    s.cache_write_1h AS cache_write_1h,
    s.output_visible AS output_visible,
    s.reasoning AS reasoning,
    s.audio_in AS audio_in,
    s.audio_out AS audio_out,
    s.image AS image,
    s.attributes AS attributes,
    s.reported_usd AS reported_usd,
    s.cost_usd AS first_cost_usd,
    s.cost_source AS first_cost_source,
    s.price_id AS first_price_id,
    c.batch AS batch,
    if(c.batch = '', s.cost_usd, c.cost_usd) AS cost_usd,
    if(c.batch = '', s.cost_input_usd, c.cost_input_usd) AS cost_input_usd,
    if(c.batch = '', toString(s.cost_source), c.cost_source) AS cost_source,
    if(c.batch = '', toString(s.price_id), c.price_id) AS price_id
FROM spans AS s
LEFT JOIN (
    SELECT project, trace_id, span_id, l.1 AS cost_usd, l.2 AS cost_input_usd, l.3 AS cost_source,
        l.4 AS price_id, l.5 AS batch
    FROM (
        SELECT project, trace_id, span_id, argMax(
            (k.cost_usd, k.cost_input_usd, toString(k.cost_source), toString(k.price_id), toString(k.batch)),
            k.corrected
        ) AS l
        FROM corrections AS k
        GROUP BY project, trace_id, span_id
    )
) AS c ON s.project = c.project AND s.trace_id = c.trace_id AND s.span_id = c.span_id
WHERE s.billed = 1;
