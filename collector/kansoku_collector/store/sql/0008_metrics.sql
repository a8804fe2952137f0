-- One row a data point of an OTLP metric. Histograms of every kind are in explicit buckets: `counts` has one
-- more than `bounds`, for what lies above the last of them. `value` is the number, of a histogram the sum.
-- A cumulative point repeats what the ones before it said since `start`: readers take differences by `series`.
CREATE TABLE IF NOT EXISTS metric_points (
    project LowCardinality(String),
    name LowCardinality(String),
    unit LowCardinality(String),
    kind LowCardinality(String),
    temporality LowCardinality(String),
    monotonic UInt8,
    series UInt64,
    start DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    service LowCardinality(String),
    environment LowCardinality(String),
    release LowCardinality(String),
    operation LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    token_type LowCardinality(String),
    error_type LowCardinality(String),
    value Float64 CODEC(Gorilla, ZSTD(1)),
    count UInt64 CODEC(T64, ZSTD(1)),
    minimum Nullable(Float64) CODEC(ZSTD(1)),
    maximum Nullable(Float64) CODEC(ZSTD(1)),
    bounds Array(Float64) CODEC(ZSTD(1)),
    counts Array(UInt64) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    received DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (project, name, time)
SETTINGS index_granularity = 2048, non_replicated_deduplication_window = 10000;
