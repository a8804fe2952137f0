-- What dashboards and alerts read: sums and sketches by minute, kept up to date by a materialised view.
-- "calls" are billed model calls; "roots" are spans without a parent, that is requests.
CREATE TABLE IF NOT EXISTS rollup_minute (
    project LowCardinality(String),
    time DateTime('UTC'),
    environment LowCardinality(String),
    service LowCardinality(String),
    release LowCardinality(String),
    operation LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    prompt_name LowCardinality(String),
    prompt_version LowCardinality(String),
    spans SimpleAggregateFunction(sum, UInt64),
    errors SimpleAggregateFunction(sum, UInt64),
    roots SimpleAggregateFunction(sum, UInt64),
    root_errors SimpleAggregateFunction(sum, UInt64),
    calls SimpleAggregateFunction(sum, UInt64),
    call_errors SimpleAggregateFunction(sum, UInt64),
    unpriced_calls SimpleAggregateFunction(sum, UInt64),
    unmetered_calls SimpleAggregateFunction(sum, UInt64),
    input_fresh SimpleAggregateFunction(sum, UInt64),
    cache_read SimpleAggregateFunction(sum, UInt64),
    cache_write_5m SimpleAggregateFunction(sum, UInt64),
    cache_write_1h SimpleAggregateFunction(sum, UInt64),
    output_visible SimpleAggregateFunction(sum, UInt64),
    reasoning SimpleAggregateFunction(sum, UInt64),
    audio_in SimpleAggregateFunction(sum, UInt64),
    audio_out SimpleAggregateFunction(sum, UInt64),
    image SimpleAggregateFunction(sum, UInt64),
    cost_usd SimpleAggregateFunction(sum, Decimal(38, 12)),
    cost_input_usd SimpleAggregateFunction(sum, Decimal(38, 12)),
    call_seconds AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32),
    root_seconds AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32),
    first_token_seconds AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32),
    answers SimpleAggregateFunction(sum, UInt64),
    refusals SimpleAggregateFunction(sum, UInt64),
    fallbacks SimpleAggregateFunction(sum, UInt64),
    truncated SimpleAggregateFunction(sum, UInt64),
    tool_call_answers SimpleAggregateFunction(sum, UInt64),
    retrievals SimpleAggregateFunction(sum, UInt64),
    empty_retrievals SimpleAggregateFunction(sum, UInt64),
    -- Histograms for drift. Lengths in tokens, bin = floor(2 * log2(1 + tokens)), half an octave each,
    -- scores in twentieths of the top document's score; languages by count of inputs.
    output_length SimpleAggregateFunction(sumMap, Map(UInt8, UInt64)),
    input_length SimpleAggregateFunction(sumMap, Map(UInt8, UInt64)),
    top_scores SimpleAggregateFunction(sumMap, Map(UInt8, UInt64)),
    languages SimpleAggregateFunction(sumMap, Map(String, UInt64))
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (project, time, environment, service, operation, model, prompt_name, prompt_version, provider, release)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_minute_mv TO rollup_minute AS
SELECT
    project,
    toStartOfMinute(start) AS time,
    environment,
    service,
    release,
    operation,
    provider,
    if(billed = 1, if(response_model = '', request_model, response_model), '') AS model,
    prompt_name,
    prompt_version,
    count() AS spans,
    countIf(status = 'error') AS errors,
    countIf(parent_span_id = '') AS roots,
    countIf(parent_span_id = '' AND status = 'error') AS root_errors,
    countIf(billed = 1) AS calls,
    countIf(billed = 1 AND status = 'error') AS call_errors,
    countIf(cost_source = 'unpriced') AS unpriced_calls,
    countIf(billed = 1 AND usage_source = 'none' AND status != 'error') AS unmetered_calls,
    sumIf(toUInt64(s.input_fresh), billed = 1) AS input_fresh,
    sumIf(toUInt64(s.cache_read), billed = 1) AS cache_read,
    sumIf(toUInt64(s.cache_write_5m), billed = 1) AS cache_write_5m,
    sumIf(toUInt64(s.cache_write_1h), billed = 1) AS cache_write_1h,
    sumIf(toUInt64(s.output_visible), billed = 1) AS output_visible,
    sumIf(toUInt64(s.reasoning), billed = 1) AS reasoning,
    sumIf(toUInt64(s.audio_in), billed = 1) AS audio_in,
    sumIf(toUInt64(s.audio_out), billed = 1) AS audio_out,
    sumIf(toUInt64(s.image), billed = 1) AS image,
    sum(s.cost_usd) AS cost_usd,
    sum(s.cost_input_usd) AS cost_input_usd,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(toFloat32(duration_ns / 1e9), billed = 1) AS call_seconds,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(toFloat32(duration_ns / 1e9), parent_span_id = '') AS root_seconds,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(
        toFloat32(assumeNotNull(time_to_first_token)), billed = 1 AND time_to_first_token IS NOT NULL
    ) AS first_token_seconds,
    countIf(billed = 1 AND output_text != '') AS answers,
    countIf(billed = 1 AND refusal = 1) AS refusals,
    countIf(billed = 1 AND fallback = 1) AS fallbacks,
    countIf(billed = 1 AND has(finish_reasons, 'length')) AS truncated,
    countIf(billed = 1 AND has(finish_reasons, 'tool_calls')) AS tool_call_answers,
    countIf(operation = 'retrieval') AS retrievals,
    countIf(operation = 'retrieval' AND documents IN ('', '[]')) AS empty_retrievals,
    sumMapIf(
        map(toUInt8(least(63, floor(2 * log2(1 + s.output_tokens)))), toUInt64(1)), billed = 1 AND output_text != ''
    ) AS output_length,
    sumMapIf(
        map(toUInt8(least(63, floor(2 * log2(1 + s.input_tokens)))), toUInt64(1)), billed = 1 AND usage_source != 'none'
    ) AS input_length,
    sumMapIf(
        map(toUInt8(least(40, greatest(0, floor(20 * ifNull(top_score, 0))))), toUInt64(1)), top_score IS NOT NULL
    ) AS top_scores,
    sumMapIf(map(toString(language), toUInt64(1)), billed = 1 AND language != '') AS languages
FROM spans AS s
GROUP BY project, time, environment, service, release, operation, provider, model, prompt_name, prompt_version;

-- What dashboards and alerts read: sums and sketches by hour, kept up to date by a materialised view.
-- "calls" are billed model calls; "roots" are spans without a parent, that is requests.
CREATE TABLE IF NOT EXISTS rollup_hour (
    project LowCardinality(String),
    time DateTime('UTC'),
    environment LowCardinality(String),
    service LowCardinality(String),
    release LowCardinality(String),
    operation LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    prompt_name LowCardinality(String),
    prompt_version LowCardinality(String),
    spans SimpleAggregateFunction(sum, UInt64),
    errors SimpleAggregateFunction(sum, UInt64),
    roots SimpleAggregateFunction(sum, UInt64),
    root_errors SimpleAggregateFunction(sum, UInt64),
    calls SimpleAggregateFunction(sum, UInt64),
    call_errors SimpleAggregateFunction(sum, UInt64),
    unpriced_calls SimpleAggregateFunction(sum, UInt64),
    unmetered_calls SimpleAggregateFunction(sum, UInt64),
    input_fresh SimpleAggregateFunction(sum, UInt64),
    cache_read SimpleAggregateFunction(sum, UInt64),
    cache_write_5m SimpleAggregateFunction(sum, UInt64),
    cache_write_1h SimpleAggregateFunction(sum, UInt64),
    output_visible SimpleAggregateFunction(sum, UInt64),
    reasoning SimpleAggregateFunction(sum, UInt64),
    audio_in SimpleAggregateFunction(sum, UInt64),
    audio_out SimpleAggregateFunction(sum, UInt64),
    image SimpleAggregateFunction(sum, UInt64),
    cost_usd SimpleAggregateFunction(sum, Decimal(38, 12)),
    cost_input_usd SimpleAggregateFunction(sum, Decimal(38, 12)),
    call_seconds AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32),
    root_seconds AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32),
    first_token_seconds AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32),
    answers SimpleAggregateFunction(sum, UInt64),
    refusals SimpleAggregateFunction(sum, UInt64),
    fallbacks SimpleAggregateFunction(sum, UInt64),
    truncated SimpleAggregateFunction(sum, UInt64),
    tool_call_answers SimpleAggregateFunction(sum, UInt64),
    retrievals SimpleAggregateFunction(sum, UInt64),
    empty_retrievals SimpleAggregateFunction(sum, UInt64),
    -- Histograms for drift. Lengths in tokens, bin = floor(2 * log2(1 + tokens)), half an octave each,
    -- scores in twentieths of the top document's score; languages by count of inputs.
    output_length SimpleAggregateFunction(sumMap, Map(UInt8, UInt64)),
    input_length SimpleAggregateFunction(sumMap, Map(UInt8, UInt64)),
    top_scores SimpleAggregateFunction(sumMap, Map(UInt8, UInt64)),
    languages SimpleAggregateFunction(sumMap, Map(String, UInt64))
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (project, time, environment, service, operation, model, prompt_name, prompt_version, provider, release)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_hour_mv TO rollup_hour AS
SELECT
    project,
    toStartOfHour(start) AS time,
    environment,
    service,
    release,
    operation,
    provider,
    if(billed = 1, if(response_model = '', request_model, response_model), '') AS model,
    prompt_name,
    prompt_version,
    count() AS spans,
    countIf(status = 'error') AS errors,
    countIf(parent_span_id = '') AS roots,
    countIf(parent_span_id = '' AND status = 'error') AS root_errors,
    countIf(billed = 1) AS calls,
    countIf(billed = 1 AND status = 'error') AS call_errors,
    countIf(cost_source = 'unpriced') AS unpriced_calls,
    countIf(billed = 1 AND usage_source = 'none' AND status != 'error') AS unmetered_calls,
    sumIf(toUInt64(s.input_fresh), billed = 1) AS input_fresh,
    sumIf(toUInt64(s.cache_read), billed = 1) AS cache_read,
    sumIf(toUInt64(s.cache_write_5m), billed = 1) AS cache_write_5m,
    sumIf(toUInt64(s.cache_write_1h), billed = 1) AS cache_write_1h,
    sumIf(toUInt64(s.output_visible), billed = 1) AS output_visible,
    sumIf(toUInt64(s.reasoning), billed = 1) AS reasoning,
    sumIf(toUInt64(s.audio_in), billed = 1) AS audio_in,
    sumIf(toUInt64(s.audio_out), billed = 1) AS audio_out,
    sumIf(toUInt64(s.image), billed = 1) AS image,
    sum(s.cost_usd) AS cost_usd,
    sum(s.cost_input_usd) AS cost_input_usd,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(toFloat32(duration_ns / 1e9), billed = 1) AS call_seconds,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(toFloat32(duration_ns / 1e9), parent_span_id = '') AS root_seconds,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(
        toFloat32(assumeNotNull(time_to_first_token)), billed = 1 AND time_to_first_token IS NOT NULL
    ) AS first_token_seconds,
    countIf(billed = 1 AND output_text != '') AS answers,
    countIf(billed = 1 AND refusal = 1) AS refusals,
    countIf(billed = 1 AND fallback = 1) AS fallbacks,
    countIf(billed = 1 AND has(finish_reasons, 'length')) AS truncated,
    countIf(billed = 1 AND has(finish_reasons, 'tool_calls')) AS tool_call_answers,
    countIf(operation = 'retrieval') AS retrievals,
    countIf(operation = 'retrieval' AND documents IN ('', '[]')) AS empty_retrievals,
    sumMapIf(
        map(toUInt8(least(63, floor(2 * log2(1 + s.output_tokens)))), toUInt64(1)), billed = 1 AND output_text != ''
    ) AS output_length,
    sumMapIf(
        map(toUInt8(least(63, floor(2 * log2(1 + s.input_tokens)))), toUInt64(1)), billed = 1 AND usage_source != 'none'
    ) AS input_length,
    sumMapIf(
        map(toUInt8(least(40, greatest(0, floor(20 * ifNull(top_score, 0))))), toUInt64(1)), top_score IS NOT NULL
    ) AS top_scores,
    sumMapIf(map(toString(language), toUInt64(1)), billed = 1 AND language != '') AS languages
FROM spans AS s
GROUP BY project, time, environment, service, release, operation, provider, model, prompt_name, prompt_version;
