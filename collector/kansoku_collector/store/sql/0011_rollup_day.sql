-- Days, for ranges of weeks and months: a tenth of the rows of the hours, and made of their rows, so that spans
-- and corrections arrive here through `rollup_hour` and cost one more grouping of some hundred rows a batch.
CREATE TABLE IF NOT EXISTS rollup_day AS rollup_hour
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (project, time, environment, service, operation, model, prompt_name, prompt_version, provider, release)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000;

-- What the hours hold already; from the beginning when a run was cut off, so without the view meanwhile.
DROP VIEW IF EXISTS rollup_day_mv;
TRUNCATE TABLE rollup_day;
INSERT INTO rollup_day (
    project, time, environment, service, release, operation, provider, model, prompt_name, prompt_version,
    spans, errors, roots, root_errors, calls, call_errors, unpriced_calls, unmetered_calls, input_fresh,
    cache_read, cache_write_5m, cache_write_1h, output_visible, reasoning, audio_in, audio_out, image,
    cost_usd, cost_input_usd, answers, refusals, fallbacks, truncated, tool_call_answers, retrievals,
    empty_retrievals, unrecorded, unrecorded_calls, unrecorded_roots, call_seconds, root_seconds,
    first_token_seconds, output_length, input_length, top_scores, languages
)
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
    sumMap(h.languages) AS languages
FROM rollup_hour AS h
GROUP BY project, time, environment, service, release, operation, provider, model, prompt_name, prompt_version
SETTINGS insert_deduplicate = 0, optimize_aggregation_in_order = 1, max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW rollup_day_mv TO rollup_day AS
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
    sumMap(h.languages) AS languages
FROM rollup_hour AS h
GROUP BY project, time, environment, service, release, operation, provider, model, prompt_name, prompt_version;
