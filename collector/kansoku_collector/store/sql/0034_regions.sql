-- What decides a price since tokens of a region cost more, and what has prices beside tokens, is kept as long as the tokens.
-- A host is kept only where it is one of a region's: hardly any call is, and every span has one. Rows from before are not
-- written anew: repriced after their content has gone, they keep the price of anywhere.
ALTER TABLE spans MODIFY COLUMN terms Map(LowCardinality(String), String)
    MATERIALIZED mapFilter((k, v) -> k IN (
        'gen_ai.openai.request.service_tier',
        'gen_ai.openai.response.service_tier',
        'gen_ai.response.service_tier',
        'gen_ai.usage.audio.cache_read.input_tokens',
        'gen_ai.usage.cost',
        'gen_ai.usage.image.cache_read.input_tokens',
        'gen_ai.usage.image.output_tokens',
        'gen_ai.usage.video.input_tokens',
        'gen_ai.usage.video.output_tokens',
        'kansoku.azure.deployment',
        'kansoku.batch.requests',
        'kansoku.cost.reported_usd',
        'kansoku.cost.stated_usd',
        'kansoku.cost.usd',
        'kansoku.response.inference_geo',
        'kansoku.response.service_tier',
        'kansoku.response.upstream_provider',
        'kansoku.router.model',
        'kansoku.usage.annotated_pages',
        'kansoku.usage.audio.input_seconds',
        'kansoku.usage.characters',
        'kansoku.usage.citation_tokens',
        'kansoku.usage.code_execution.requests',
        'kansoku.usage.code_interpreter.requests',
        'kansoku.usage.file_search.requests',
        'kansoku.usage.google_maps.requests',
        'kansoku.usage.images',
        'kansoku.usage.pages',
        'kansoku.usage.search_units',
        'kansoku.usage.unbilled',
        'kansoku.usage.web_search.requests',
        'llm.cost.total',
        'openai.request.service_tier',
        'openai.response.service_tier',
        'operation.cost'
    ) OR (k = 'server.address' AND (
        lower(v) LIKE '%.api.openai.com' OR lower(v) LIKE 'api.%.mistral.ai'
        OR lower(v) LIKE '%-aiplatform.googleapis.com' OR lower(v) LIKE 'aiplatform.%.rep.googleapis.com'
    )), attributes) CODEC(ZSTD(1));
