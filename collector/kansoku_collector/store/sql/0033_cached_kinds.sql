-- Sounds and images that came from a cache have prices of their own: how many of the cached tokens they were is kept as
-- long as the tokens. Rows from before are not written anew: they keep the price of cached text.
ALTER TABLE spans MODIFY COLUMN terms Map(LowCardinality(String), String)
    MATERIALIZED mapFilter((k, v) -> k IN (
        'gen_ai.openai.request.service_tier',
        'gen_ai.openai.response.service_tier',
        'gen_ai.response.service_tier',
        'gen_ai.usage.audio.cache_read.input_tokens',
        'gen_ai.usage.cost',
        'gen_ai.usage.image.cache_read.input_tokens',
        'gen_ai.usage.image.output_tokens',
        'kansoku.azure.deployment',
        'kansoku.batch.requests',
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
    ), attributes) CODEC(ZSTD(1));
