-- One row a trace and hour (a trace that crosses the hour has two: group by trace_id when reading).
CREATE TABLE IF NOT EXISTS traces (
    project LowCardinality(String),
    hour DateTime('UTC'),
    trace_id String,
    start SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
    end SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
    -- Of the root span; empty until it arrives. max() picks the one non-empty value.
    root_name SimpleAggregateFunction(max, String),
    root_operation SimpleAggregateFunction(max, String),
    root_duration_ns SimpleAggregateFunction(max, UInt64),
    root_status SimpleAggregateFunction(max, String),
    root_input SimpleAggregateFunction(max, String),
    root_output SimpleAggregateFunction(max, String),
    service SimpleAggregateFunction(max, String),
    environment SimpleAggregateFunction(max, String),
    release SimpleAggregateFunction(max, String),
    session_id SimpleAggregateFunction(max, String),
    user_id SimpleAggregateFunction(max, String),
    prompt_name SimpleAggregateFunction(max, String),
    prompt_version SimpleAggregateFunction(max, String),
    -- The first model call's texts, for traces whose root carries none.
    call_input SimpleAggregateFunction(max, String),
    call_output SimpleAggregateFunction(max, String),
    models SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    tags SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    spans SimpleAggregateFunction(sum, UInt64),
    calls SimpleAggregateFunction(sum, UInt64),
    errors SimpleAggregateFunction(sum, UInt64),
    unpriced_calls SimpleAggregateFunction(sum, UInt64),
    input_tokens SimpleAggregateFunction(sum, UInt64),
    output_tokens SimpleAggregateFunction(sum, UInt64),
    cost_usd SimpleAggregateFunction(sum, Decimal(38, 12)),
    refusals SimpleAggregateFunction(sum, UInt64),
    fallbacks SimpleAggregateFunction(sum, UInt64),
    INDEX ix_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 4
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (project, hour, trace_id)
-- A page of the dearest or longest traces of months reads a block for each of them, texts and all: blocks are a quarter
-- of those of other tables. Stores made before 0030 keep their larger ones, which only takes longer.
SETTINGS index_granularity = 512, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS traces_mv TO traces AS
SELECT
    project,
    toStartOfHour(s.start) AS hour,
    trace_id,
    min(s.start) AS start,
    max(s.start + toIntervalNanosecond(duration_ns)) AS end,
    maxIf(toString(name), parent_span_id = '') AS root_name,
    maxIf(toString(operation), parent_span_id = '') AS root_operation,
    maxIf(duration_ns, parent_span_id = '') AS root_duration_ns,
    maxIf(toString(status), parent_span_id = '') AS root_status,
    maxIf(substringUTF8(input_text, 1, 500), parent_span_id = '') AS root_input,
    maxIf(substringUTF8(output_text, 1, 500), parent_span_id = '') AS root_output,
    max(toString(s.service)) AS service,
    max(toString(s.environment)) AS environment,
    max(toString(s.release)) AS release,
    max(s.session_id) AS session_id,
    max(s.user_id) AS user_id,
    max(toString(s.prompt_name)) AS prompt_name,
    max(toString(s.prompt_version)) AS prompt_version,
    argMinIf(substringUTF8(input_text, 1, 500), s.start, billed = 1) AS call_input,
    argMaxIf(substringUTF8(output_text, 1, 500), s.start, billed = 1 AND output_text != '') AS call_output,
    groupUniqArrayIf(toString(if(response_model = '', request_model, response_model)), billed = 1) AS models,
    groupUniqArrayArray(arrayMap(t -> toString(t), s.tags)) AS tags,
    count() AS spans,
    countIf(billed = 1) AS calls,
    countIf(status = 'error') AS errors,
    countIf(cost_source = 'unpriced') AS unpriced_calls,
    sumIf(s.input_tokens, billed = 1) AS input_tokens,
    sumIf(s.output_tokens, billed = 1) AS output_tokens,
    sum(s.cost_usd) AS cost_usd,
    countIf(refusal = 1) AS refusals,
    countIf(fallback = 1) AS fallbacks
FROM spans AS s
GROUP BY project, hour, trace_id;
