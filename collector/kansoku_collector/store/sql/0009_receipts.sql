-- What became of every span, by project and sending process: what the SDK counted, what arrived, what is stored,
-- and what was dropped with its reason. `told` is the latest word of the process: spans started, given up, sent.
-- A process of '' stands for all senders that do not say who they are.
CREATE TABLE IF NOT EXISTS receipts (
    project LowCardinality(String),
    process String,
    service SimpleAggregateFunction(max, String),
    told SimpleAggregateFunction(max, Tuple(started UInt64, given_up UInt64, sent UInt64)),
    given_up SimpleAggregateFunction(maxMap, Map(String, UInt64)),
    received SimpleAggregateFunction(sum, UInt64),
    stored SimpleAggregateFunction(sum, UInt64),
    repeated SimpleAggregateFunction(sum, UInt64),
    dropped SimpleAggregateFunction(sumMap, Map(String, UInt64)),
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
) ENGINE = AggregatingMergeTree
ORDER BY (project, process)
TTL toDateTime(last_seen) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;
