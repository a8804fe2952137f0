-- A trace has one of a few services, environments, prompts, releases and names: kept once a part, with a number a
-- row, they are read, grouped and filtered at twice the speed, and take less of the disk.
ALTER TABLE traces
    MODIFY COLUMN root_name SimpleAggregateFunction(max, LowCardinality(String)),
    MODIFY COLUMN root_operation SimpleAggregateFunction(max, LowCardinality(String)),
    MODIFY COLUMN root_status SimpleAggregateFunction(max, LowCardinality(String)),
    MODIFY COLUMN service SimpleAggregateFunction(max, LowCardinality(String)),
    MODIFY COLUMN environment SimpleAggregateFunction(max, LowCardinality(String)),
    MODIFY COLUMN release SimpleAggregateFunction(max, LowCardinality(String)),
    MODIFY COLUMN prompt_name SimpleAggregateFunction(max, LowCardinality(String)),
    MODIFY COLUMN prompt_version SimpleAggregateFunction(max, LowCardinality(String));
