-- Spans of sampled traces stand for several: `weight` is how many (1 / probability), 1 for all that is stored.
-- `times` is that as a whole number, up or down by the trace's id so that it is right on average and the same
-- for all spans of a trace: sums stay integers and money stays exact.
ALTER TABLE spans ADD COLUMN IF NOT EXISTS weight Float64 DEFAULT 1;
ALTER TABLE spans ADD COLUMN IF NOT EXISTS times UInt32
    ALIAS toUInt32(floor(weight + (sipHash64(trace_id) % 1048576) / 1048576));

-- How many of the counted spans, calls and roots are an estimate: counted, but not stored.
ALTER TABLE rollup_minute ADD COLUMN IF NOT EXISTS unrecorded SimpleAggregateFunction(sum, UInt64);
ALTER TABLE rollup_minute ADD COLUMN IF NOT EXISTS unrecorded_calls SimpleAggregateFunction(sum, UInt64);
ALTER TABLE rollup_minute ADD COLUMN IF NOT EXISTS unrecorded_roots SimpleAggregateFunction(sum, UInt64);

-- Counts, tokens, money and quantiles weigh a span by how many it stands for; the histograms for drift do not:
-- what they are compared with depends on how many samples there really are.
ATTACH TABLE IF NOT EXISTS rollup_minute_mv;
ALTER TABLE rollup_minute_mv MODIFY QUERY
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
    sum(s.times) AS spans,
    sumIf(s.times, status = 'error') AS errors,
    sumIf(s.times, parent_span_id = '') AS roots,
    sumIf(s.times, parent_span_id = '' AND status = 'error') AS root_errors,
    sumIf(s.times, billed = 1) AS calls,
    sumIf(s.times, billed = 1 AND status = 'error') AS call_errors,
    sumIf(s.times, cost_source = 'unpriced') AS unpriced_calls,
    sumIf(s.times, billed = 1 AND usage_source = 'none' AND status != 'error') AS unmetered_calls,
    sumIf(toUInt64(s.input_fresh) * s.times, billed = 1) AS input_fresh,
    sumIf(toUInt64(s.cache_read) * s.times, billed = 1) AS cache_read,
    sumIf(toUInt64(s.cache_write_5m) * s.times, billed = 1) AS cache_write_5m,
    sumIf(toUInt64(s.cache_write_1h) * s.times, billed = 1) AS cache_write_1h,
    sumIf(toUInt64(s.output_visible) * s.times, billed = 1) AS output_visible,
    sumIf(toUInt64(s.reasoning) * s.times, billed = 1) AS reasoning,
    sumIf(toUInt64(s.audio_in) * s.times, billed = 1) AS audio_in,
    sumIf(toUInt64(s.audio_out) * s.times, billed = 1) AS audio_out,
    sumIf(toUInt64(s.image) * s.times, billed = 1) AS image,
    sum(s.cost_usd * s.times) AS cost_usd,
    sum(s.cost_input_usd * s.times) AS cost_input_usd,
    CAST(quantilesTDigestArrayIfState(0.5, 0.95, 0.99)(
        arrayWithConstant(least(s.times, 1000), toFloat32(duration_ns / 1e9)), billed = 1
    ), 'AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32)') AS call_seconds,
    CAST(quantilesTDigestArrayIfState(0.5, 0.95, 0.99)(
        arrayWithConstant(least(s.times, 1000), toFloat32(duration_ns / 1e9)), parent_span_id = ''
    ), 'AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32)') AS root_seconds,
    CAST(quantilesTDigestArrayIfState(0.5, 0.95, 0.99)(
        arrayWithConstant(least(s.times, 1000), toFloat32(assumeNotNull(time_to_first_token))),
        billed = 1 AND time_to_first_token IS NOT NULL
    ), 'AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32)') AS first_token_seconds,
    sumIf(s.times, billed = 1 AND output_text != '') AS answers,
    sumIf(s.times, billed = 1 AND refusal = 1) AS refusals,
    sumIf(s.times, billed = 1 AND fallback = 1) AS fallbacks,
    sumIf(s.times, billed = 1 AND has(finish_reasons, 'length')) AS truncated,
    sumIf(s.times, billed = 1 AND has(finish_reasons, 'tool_calls')) AS tool_call_answers,
    sumIf(s.times, operation = 'retrieval') AS retrievals,
    sumIf(s.times, operation = 'retrieval' AND documents IN ('', '[]')) AS empty_retrievals,
    sumMapIf(
        map(toUInt8(least(63, floor(2 * log2(1 + s.output_tokens)))), toUInt64(1)), billed = 1 AND output_text != ''
    ) AS output_length,
    sumMapIf(
        map(toUInt8(least(63, floor(2 * log2(1 + s.input_tokens)))), toUInt64(1)), billed = 1 AND usage_source != 'none'
    ) AS input_length,
    sumMapIf(
        map(toUInt8(least(40, greatest(0, floor(20 * ifNull(top_score, 0))))), toUInt64(1)), top_score IS NOT NULL
    ) AS top_scores,
    sumMapIf(map(toString(language), toUInt64(1)), billed = 1 AND language != '') AS languages,
    sum(s.times - 1) AS unrecorded,
    sumIf(s.times - 1, billed = 1) AS unrecorded_calls,
    sumIf(s.times - 1, parent_span_id = '') AS unrecorded_roots
FROM spans AS s
GROUP BY project, time, environment, service, release, operation, provider, model, prompt_name, prompt_version;
-- Read again from the disk: a view whose query was changed in memory gives a block another token than it does
-- after a restart, and a segment sent again then would count twice.
DETACH TABLE IF EXISTS rollup_minute_mv;
ATTACH TABLE IF NOT EXISTS rollup_minute_mv;

-- How many of the counted spans, calls and roots are an estimate: counted, but not stored.
ALTER TABLE rollup_hour ADD COLUMN IF NOT EXISTS unrecorded SimpleAggregateFunction(sum, UInt64);
ALTER TABLE rollup_hour ADD COLUMN IF NOT EXISTS unrecorded_calls SimpleAggregateFunction(sum, UInt64);
ALTER TABLE rollup_hour ADD COLUMN IF NOT EXISTS unrecorded_roots SimpleAggregateFunction(sum, UInt64);

-- Counts, tokens, money and quantiles weigh a span by how many it stands for; the histograms for drift do not:
-- what they are compared with depends on how many samples there really are.
ATTACH TABLE IF NOT EXISTS rollup_hour_mv;
ALTER TABLE rollup_hour_mv MODIFY QUERY
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
    sum(s.times) AS spans,
    sumIf(s.times, status = 'error') AS errors,
    sumIf(s.times, parent_span_id = '') AS roots,
    sumIf(s.times, parent_span_id = '' AND status = 'error') AS root_errors,
    sumIf(s.times, billed = 1) AS calls,
    sumIf(s.times, billed = 1 AND status = 'error') AS call_errors,
    sumIf(s.times, cost_source = 'unpriced') AS unpriced_calls,
    sumIf(s.times, billed = 1 AND usage_source = 'none' AND status != 'error') AS unmetered_calls,
    sumIf(toUInt64(s.input_fresh) * s.times, billed = 1) AS input_fresh,
    sumIf(toUInt64(s.cache_read) * s.times, billed = 1) AS cache_read,
    sumIf(toUInt64(s.cache_write_5m) * s.times, billed = 1) AS cache_write_5m,
    sumIf(toUInt64(s.cache_write_1h) * s.times, billed = 1) AS cache_write_1h,
    sumIf(toUInt64(s.output_visible) * s.times, billed = 1) AS output_visible,
    sumIf(toUInt64(s.reasoning) * s.times, billed = 1) AS reasoning,
    sumIf(toUInt64(s.audio_in) * s.times, billed = 1) AS audio_in,
    sumIf(toUInt64(s.audio_out) * s.times, billed = 1) AS audio_out,
    sumIf(toUInt64(s.image) * s.times, billed = 1) AS image,
    sum(s.cost_usd * s.times) AS cost_usd,
    sum(s.cost_input_usd * s.times) AS cost_input_usd,
    CAST(quantilesTDigestArrayIfState(0.5, 0.95, 0.99)(
        arrayWithConstant(least(s.times, 1000), toFloat32(duration_ns / 1e9)), billed = 1
    ), 'AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32)') AS call_seconds,
    CAST(quantilesTDigestArrayIfState(0.5, 0.95, 0.99)(
        arrayWithConstant(least(s.times, 1000), toFloat32(duration_ns / 1e9)), parent_span_id = ''
    ), 'AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32)') AS root_seconds,
    CAST(quantilesTDigestArrayIfState(0.5, 0.95, 0.99)(
        arrayWithConstant(least(s.times, 1000), toFloat32(assumeNotNull(time_to_first_token))),
        billed = 1 AND time_to_first_token IS NOT NULL
    ), 'AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32)') AS first_token_seconds,
    sumIf(s.times, billed = 1 AND output_text != '') AS answers,
    sumIf(s.times, billed = 1 AND refusal = 1) AS refusals,
    sumIf(s.times, billed = 1 AND fallback = 1) AS fallbacks,
    sumIf(s.times, billed = 1 AND has(finish_reasons, 'length')) AS truncated,
    sumIf(s.times, billed = 1 AND has(finish_reasons, 'tool_calls')) AS tool_call_answers,
    sumIf(s.times, operation = 'retrieval') AS retrievals,
    sumIf(s.times, operation = 'retrieval' AND documents IN ('', '[]')) AS empty_retrievals,
    sumMapIf(
        map(toUInt8(least(63, floor(2 * log2(1 + s.output_tokens)))), toUInt64(1)), billed = 1 AND output_text != ''
    ) AS output_length,
    sumMapIf(
        map(toUInt8(least(63, floor(2 * log2(1 + s.input_tokens)))), toUInt64(1)), billed = 1 AND usage_source != 'none'
    ) AS input_length,
    sumMapIf(
        map(toUInt8(least(40, greatest(0, floor(20 * ifNull(top_score, 0))))), toUInt64(1)), top_score IS NOT NULL
    ) AS top_scores,
    sumMapIf(map(toString(language), toUInt64(1)), billed = 1 AND language != '') AS languages,
    sum(s.times - 1) AS unrecorded,
    sumIf(s.times - 1, billed = 1) AS unrecorded_calls,
    sumIf(s.times - 1, parent_span_id = '') AS unrecorded_roots
FROM spans AS s
GROUP BY project, time, environment, service, release, operation, provider, model, prompt_name, prompt_version;
-- Read again from the disk: a view whose query was changed in memory gives a block another token than it does
-- after a restart, and a segment sent again then would count twice.
DETACH TABLE IF EXISTS rollup_hour_mv;
ATTACH TABLE IF NOT EXISTS rollup_hour_mv;
