-- How long a project keeps what, where that differs from the defaults in the settings. `kind` is content, spans or
-- rollups; the latest row counts (read with FINAL), and 0 days mean the default again.
CREATE TABLE IF NOT EXISTS retention (
    project String,
    kind LowCardinality(String),
    days UInt32,
    updated DateTime64(6, 'UTC') DEFAULT now64(6)
) ENGINE = ReplacingMergeTree(updated)
ORDER BY (project, kind)
SETTINGS non_replicated_deduplication_window = 10000;

-- What a price depends on, beside the content: it stays when the content's time is over.
ALTER TABLE spans ADD COLUMN IF NOT EXISTS terms Map(LowCardinality(String), String)
    MATERIALIZED mapFilter((k, v) -> k IN (
        'gen_ai.openai.request.service_tier',
        'gen_ai.openai.response.service_tier',
        'gen_ai.response.service_tier',
        'gen_ai.usage.cost',
        'gen_ai.usage.image.output_tokens',
        'kansoku.azure.deployment',
        'kansoku.cost.reported_usd',
        'kansoku.cost.stated_usd',
        'kansoku.cost.usd',
        'kansoku.response.service_tier',
        'kansoku.response.upstream_provider',
        'kansoku.router.model',
        'kansoku.usage.audio.input_seconds',
        'kansoku.usage.code_execution.requests',
        'kansoku.usage.code_interpreter.requests',
        'kansoku.usage.file_search.requests',
        'kansoku.usage.images',
        'kansoku.usage.pages',
        'kansoku.usage.search_units',
        'kansoku.usage.web_search.requests',
        'llm.cost.total',
        'openai.request.service_tier',
        'openai.response.service_tier',
        'operation.cost'
    ), attributes) CODEC(ZSTD(1)) AFTER attributes;
ALTER TABLE spans MATERIALIZE COLUMN terms;

-- Billed calls with the figure of now and, as `first_*`, the one of their arrival.
CREATE OR REPLACE VIEW priced_calls AS
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
    mapUpdate(s.terms, s.attributes) AS attributes,
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
