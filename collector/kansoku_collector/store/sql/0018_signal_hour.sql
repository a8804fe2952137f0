-- What the detector has seen of each hour: sums over calls with those of one user capped, by service and
-- environment. Written once, when the hour is over; what arrives later does not change it, so a replay reads what
-- the clock has read. `sums` holds (weights, squared weights, weight times value), `tails` weights by quarter
-- octave of the value, `vectors` mean hashed n-grams of texts, `news` calls by value.
CREATE TABLE IF NOT EXISTS signal_hour (
    project LowCardinality(String),
    hour DateTime('UTC'),
    service LowCardinality(String),
    environment LowCardinality(String),
    calls UInt64,
    sums Map(String, Tuple(Float64, Float64, Float64)),
    tails Map(String, Map(Int16, Float64)),
    vectors Map(String, Array(Float32)),
    news Map(String, Map(String, UInt64)),
    observed DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(observed)
PARTITION BY toYYYYMM(hour)
ORDER BY (project, hour, service, environment)
TTL hour + INTERVAL 400 DAY
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000;

-- Where the detector stands: of a project (part empty) after each hour, of a service and environment once a day.
-- The hours after a snapshot are observed again from `signal_hour`, which gives the same state to the last bit.
CREATE TABLE IF NOT EXISTS watch_state (
    project LowCardinality(String),
    part String,
    hour DateTime('UTC'),
    state String CODEC(ZSTD(1)),
    written DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(written)
ORDER BY (project, part, hour)
TTL toDateTime(written) + INTERVAL 60 DAY
SETTINGS non_replicated_deduplication_window = 10000;
