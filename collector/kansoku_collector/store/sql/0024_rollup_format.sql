-- What the Drift screen shows of formats and loops: of answers from which JSON was asked how many are none, and how
-- much answers repeat themselves, in twelfths. Of older spans nothing is known.

ALTER TABLE rollup_minute
    ADD COLUMN IF NOT EXISTS json_answers SimpleAggregateFunction(sum, UInt64),
    ADD COLUMN IF NOT EXISTS json_invalid SimpleAggregateFunction(sum, UInt64),
    ADD COLUMN IF NOT EXISTS repetitions SimpleAggregateFunction(sumMap, Map(UInt8, UInt64));

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
    sumIf(s.times, billed = 1 AND json_valid IS NOT NULL) AS json_answers,
    sumIf(s.times, billed = 1 AND json_valid = 0) AS json_invalid,
    sumMapIf(
        map(toUInt8(round(12 * ifNull(repetition, 0))), toUInt64(1)), billed = 1 AND repetition IS NOT NULL
    ) AS repetitions,
    sum(s.times - 1) AS unrecorded,
    sumIf(s.times - 1, billed = 1) AS unrecorded_calls,
    sumIf(s.times - 1, parent_span_id = '') AS unrecorded_roots
FROM spans AS s
GROUP BY project, time, environment, service, release, operation, provider, model, prompt_name, prompt_version;
-- Read again from the disk, so that a block has the same token before a restart and after it.
DETACH TABLE IF EXISTS rollup_minute_mv;
ATTACH TABLE IF NOT EXISTS rollup_minute_mv;

ALTER TABLE rollup_hour
    ADD COLUMN IF NOT EXISTS json_answers SimpleAggregateFunction(sum, UInt64),
    ADD COLUMN IF NOT EXISTS json_invalid SimpleAggregateFunction(sum, UInt64),
    ADD COLUMN IF NOT EXISTS repetitions SimpleAggregateFunction(sumMap, Map(UInt8, UInt64));

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
    sumIf(s.times, billed = 1 AND json_valid IS NOT NULL) AS json_answers,
    sumIf(s.times, billed = 1 AND json_valid = 0) AS json_invalid,
    sumMapIf(
        map(toUInt8(round(12 * ifNull(repetition, 0))), toUInt64(1)), billed = 1 AND repetition IS NOT NULL
    ) AS repetitions,
    sum(s.times - 1) AS unrecorded,
    sumIf(s.times - 1, billed = 1) AS unrecorded_calls,
    sumIf(s.times - 1, parent_span_id = '') AS unrecorded_roots
FROM spans AS s
GROUP BY project, time, environment, service, release, operation, provider, model, prompt_name, prompt_version;
-- Read again from the disk, so that a block has the same token before a restart and after it.
DETACH TABLE IF EXISTS rollup_hour_mv;
ATTACH TABLE IF NOT EXISTS rollup_hour_mv;

ALTER TABLE rollup_day
    ADD COLUMN IF NOT EXISTS json_answers SimpleAggregateFunction(sum, UInt64),
    ADD COLUMN IF NOT EXISTS json_invalid SimpleAggregateFunction(sum, UInt64),
    ADD COLUMN IF NOT EXISTS repetitions SimpleAggregateFunction(sumMap, Map(UInt8, UInt64));

ATTACH TABLE IF NOT EXISTS rollup_day_mv;
ALTER TABLE rollup_day_mv MODIFY QUERY
SELECT
    project,
    toStartOfDay(h.time, 'UTC') AS time,
    environment,
    service,
    release,
    operation,
    provider,
    model,
    prompt_name,
    prompt_version,
    sum(h.spans) AS spans,
    sum(h.errors) AS errors,
    sum(h.roots) AS roots,
    sum(h.root_errors) AS root_errors,
    sum(h.calls) AS calls,
    sum(h.call_errors) AS call_errors,
    sum(h.unpriced_calls) AS unpriced_calls,
    sum(h.unmetered_calls) AS unmetered_calls,
    sum(h.input_fresh) AS input_fresh,
    sum(h.cache_read) AS cache_read,
    sum(h.cache_write_5m) AS cache_write_5m,
    sum(h.cache_write_1h) AS cache_write_1h,
    sum(h.output_visible) AS output_visible,
    sum(h.reasoning) AS reasoning,
    sum(h.audio_in) AS audio_in,
    sum(h.audio_out) AS audio_out,
    sum(h.image) AS image,
    sum(h.cost_usd) AS cost_usd,
    sum(h.cost_input_usd) AS cost_input_usd,
    sum(h.answers) AS answers,
    sum(h.refusals) AS refusals,
    sum(h.fallbacks) AS fallbacks,
    sum(h.truncated) AS truncated,
    sum(h.tool_call_answers) AS tool_call_answers,
    sum(h.retrievals) AS retrievals,
    sum(h.empty_retrievals) AS empty_retrievals,
    sum(h.unrecorded) AS unrecorded,
    sum(h.unrecorded_calls) AS unrecorded_calls,
    sum(h.unrecorded_roots) AS unrecorded_roots,
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(h.call_seconds) AS call_seconds,
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(h.root_seconds) AS root_seconds,
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(h.first_token_seconds) AS first_token_seconds,
    sumMap(h.output_length) AS output_length,
    sumMap(h.input_length) AS input_length,
    sumMap(h.top_scores) AS top_scores,
    sumMap(h.languages) AS languages,
    sum(h.json_answers) AS json_answers,
    sum(h.json_invalid) AS json_invalid,
    sumMap(h.repetitions) AS repetitions
FROM rollup_hour AS h
GROUP BY project, time, environment, service, release, operation, provider, model, prompt_name, prompt_version;
-- Read again from the disk, so that a block has the same token before a restart and after it.
DETACH TABLE IF EXISTS rollup_day_mv;
ATTACH TABLE IF NOT EXISTS rollup_day_mv;
