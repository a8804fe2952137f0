-- Who used it, by day: sessions and users with what they did and what it cost, sampled spans by their weight.
CREATE TABLE IF NOT EXISTS rollup_session (
    project LowCardinality(String),
    day DateTime('UTC'),
    session_id String CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    environment LowCardinality(String),
    service LowCardinality(String),
    start SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
    end SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
    requests SimpleAggregateFunction(sum, UInt64),
    failed SimpleAggregateFunction(sum, UInt64),
    errors SimpleAggregateFunction(sum, UInt64),
    calls SimpleAggregateFunction(sum, UInt64),
    unpriced_calls SimpleAggregateFunction(sum, UInt64),
    input_tokens SimpleAggregateFunction(sum, UInt64),
    output_tokens SimpleAggregateFunction(sum, UInt64),
    cost_usd SimpleAggregateFunction(sum, Decimal(38, 12)),
    refusals SimpleAggregateFunction(sum, UInt64),
    fallbacks SimpleAggregateFunction(sum, UInt64),
    busy_ns SimpleAggregateFunction(sum, UInt64)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (project, day, session_id, user_id, environment, service)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000;

-- From the beginning when a run was cut off, so without the views meanwhile.
DROP VIEW IF EXISTS rollup_session_mv;
DROP VIEW IF EXISTS corrections_session_mv;
TRUNCATE TABLE rollup_session;
INSERT INTO rollup_session (project, day, session_id, user_id, environment, service, start, end, requests, failed, errors, calls, unpriced_calls,
    input_tokens, output_tokens, cost_usd, refusals, fallbacks, busy_ns)
SELECT
    project,
    day,
    session_id,
    user_id,
    environment,
    service,
    min(p.start) AS start,
    max(p.end) AS end,
    sum(p.requests) AS requests,
    sum(p.failed) AS failed,
    sum(p.errors) AS errors,
    sum(p.calls) AS calls,
    sum(p.unpriced_calls) AS unpriced_calls,
    sum(p.input_tokens) AS input_tokens,
    sum(p.output_tokens) AS output_tokens,
    sum(p.cost_usd) AS cost_usd,
    sum(p.refusals) AS refusals,
    sum(p.fallbacks) AS fallbacks,
    sum(p.busy_ns) AS busy_ns
FROM (
    SELECT
        project,
        toStartOfDay(t.start, 'UTC') AS day,
        trace_id,
        environment,
        service,
        max(t.session_id) AS session_id,
        max(t.user_id) AS user_id,
        min(t.start) AS start,
        max(t.start + toIntervalNanosecond(t.duration_ns)) AS end,
        sumIf(t.times, t.parent_span_id = '') AS requests,
        sumIf(t.times, t.parent_span_id = '' AND t.status = 'error') AS failed,
        sumIf(t.times, t.status = 'error') AS errors,
        sumIf(t.times, t.billed = 1) AS calls,
        sumIf(t.times, t.cost_source = 'unpriced') AS unpriced_calls,
        sumIf(t.input_tokens * t.times, t.billed = 1) AS input_tokens,
        sumIf(t.output_tokens * t.times, t.billed = 1) AS output_tokens,
        sum(t.cost_usd * t.times) AS cost_usd,
        sumIf(t.times, t.refusal = 1) AS refusals,
        sumIf(t.times, t.fallback = 1) AS fallbacks,
        sumIf(t.duration_ns * t.times, t.parent_span_id = '') AS busy_ns
    FROM spans AS t
    GROUP BY project, day, trace_id, environment, service
) AS p
WHERE session_id != '' OR user_id != ''
GROUP BY project, day, session_id, user_id, environment, service
SETTINGS insert_deduplicate = 0, max_partitions_per_insert_block = 0, max_bytes_before_external_group_by = 500000000;

-- A span that says neither counts for the session and the user that its trace's other spans of the batch name.
CREATE MATERIALIZED VIEW rollup_session_mv TO rollup_session AS
SELECT
    project,
    day,
    session_id,
    user_id,
    environment,
    service,
    min(p.start) AS start,
    max(p.end) AS end,
    sum(p.requests) AS requests,
    sum(p.failed) AS failed,
    sum(p.errors) AS errors,
    sum(p.calls) AS calls,
    sum(p.unpriced_calls) AS unpriced_calls,
    sum(p.input_tokens) AS input_tokens,
    sum(p.output_tokens) AS output_tokens,
    sum(p.cost_usd) AS cost_usd,
    sum(p.refusals) AS refusals,
    sum(p.fallbacks) AS fallbacks,
    sum(p.busy_ns) AS busy_ns
FROM (
    SELECT
        project,
        toStartOfDay(t.start, 'UTC') AS day,
        trace_id,
        environment,
        service,
        max(t.session_id) AS session_id,
        max(t.user_id) AS user_id,
        min(t.start) AS start,
        max(t.start + toIntervalNanosecond(t.duration_ns)) AS end,
        sumIf(t.times, t.parent_span_id = '') AS requests,
        sumIf(t.times, t.parent_span_id = '' AND t.status = 'error') AS failed,
        sumIf(t.times, t.status = 'error') AS errors,
        sumIf(t.times, t.billed = 1) AS calls,
        sumIf(t.times, t.cost_source = 'unpriced') AS unpriced_calls,
        sumIf(t.input_tokens * t.times, t.billed = 1) AS input_tokens,
        sumIf(t.output_tokens * t.times, t.billed = 1) AS output_tokens,
        sum(t.cost_usd * t.times) AS cost_usd,
        sumIf(t.times, t.refusal = 1) AS refusals,
        sumIf(t.times, t.fallback = 1) AS fallbacks,
        sumIf(t.duration_ns * t.times, t.parent_span_id = '') AS busy_ns
    FROM spans AS t
    GROUP BY project, day, trace_id, environment, service
) AS p
WHERE session_id != '' OR user_id != ''
GROUP BY project, day, session_id, user_id, environment, service;

-- What corrections of prices change, for the session and the user of their trace.
INSERT INTO rollup_session (project, day, session_id, user_id, environment, service, start, end,
    unpriced_calls, cost_usd)
SELECT
    c.project AS project,
    toStartOfDay(c.start, 'UTC') AS day,
    w.session_id AS session_id,
    w.user_id AS user_id,
    c.environment AS environment,
    c.service AS service,
    min(c.start) AS start,
    max(c.start + toIntervalNanosecond(c.duration_ns)) AS end,
    toUInt64(sum(
        (toInt64(c.cost_source = 'unpriced') - toInt64(c.old_cost_source = 'unpriced')) * toInt64(c.times)
    )) AS unpriced_calls,
    sum((c.cost_usd - c.old_cost_usd) * c.times) AS cost_usd
FROM corrections AS c
INNER JOIN (
    SELECT project, trace_id, max(t.session_id) AS session_id, max(t.user_id) AS user_id
    FROM traces AS t
    WHERE (project, trace_id) IN (SELECT project, trace_id FROM corrections)
    GROUP BY project, trace_id
    HAVING session_id != '' OR user_id != ''
) AS w ON c.project = w.project AND c.trace_id = w.trace_id
GROUP BY project, day, session_id, user_id, environment, service
SETTINGS insert_deduplicate = 0, max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW corrections_session_mv TO rollup_session AS
SELECT
    c.project AS project,
    toStartOfDay(c.start, 'UTC') AS day,
    w.session_id AS session_id,
    w.user_id AS user_id,
    c.environment AS environment,
    c.service AS service,
    min(c.start) AS start,
    max(c.start + toIntervalNanosecond(c.duration_ns)) AS end,
    toUInt64(sum(
        (toInt64(c.cost_source = 'unpriced') - toInt64(c.old_cost_source = 'unpriced')) * toInt64(c.times)
    )) AS unpriced_calls,
    sum((c.cost_usd - c.old_cost_usd) * c.times) AS cost_usd
FROM corrections AS c
INNER JOIN (
    SELECT project, trace_id, max(t.session_id) AS session_id, max(t.user_id) AS user_id
    FROM traces AS t
    WHERE (project, trace_id) IN (SELECT project, trace_id FROM corrections)
    GROUP BY project, trace_id
    HAVING session_id != '' OR user_id != ''
) AS w ON c.project = w.project AND c.trace_id = w.trace_id
GROUP BY project, day, session_id, user_id, environment, service;
