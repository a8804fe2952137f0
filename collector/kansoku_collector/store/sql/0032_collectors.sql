-- The processes that store here, each with its last sign of life (read with FINAL): what another one may have stored,
-- the store itself is asked for.
CREATE TABLE IF NOT EXISTS collectors (
    process String,
    beat DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(beat)
ORDER BY process
TTL toDateTime(beat) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000;
