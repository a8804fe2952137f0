-- What people decide about incidents. The watch writes `incidents`, people write here: neither undoes the other.
-- `acknowledge` ends the reminders, `silence` every message until `until`, `release` takes both back.
CREATE TABLE IF NOT EXISTS incident_actions (
    project LowCardinality(String),
    incident_id String,
    time DateTime64(6, 'UTC'),
    action LowCardinality(String),
    person String,
    until Nullable(DateTime64(3, 'UTC')),
    note String
) ENGINE = MergeTree
ORDER BY (project, incident_id, time)
SETTINGS non_replicated_deduplication_window = 10000;

-- How often an incident was told again, the unit of its values where it is not the metric's own, and what a found change rests on (JSON; empty for rules).
ALTER TABLE incidents ADD COLUMN IF NOT EXISTS reminders UInt32 DEFAULT 0;
ALTER TABLE incidents ADD COLUMN IF NOT EXISTS unit LowCardinality(String) DEFAULT '';
ALTER TABLE incidents ADD COLUMN IF NOT EXISTS evidence String DEFAULT '';

-- Which collector evaluates the rules: the oldest claim that still gives signs of life (read with FINAL).
CREATE TABLE IF NOT EXISTS watch_lease (
    claim String,
    holder String,
    started DateTime64(6, 'UTC'),
    beat DateTime64(6, 'UTC'),
    evaluated DateTime64(3, 'UTC'),
    released UInt8
) ENGINE = ReplacingMergeTree(beat)
ORDER BY claim
TTL toDateTime(beat) + INTERVAL 1 DAY
SETTINGS non_replicated_deduplication_window = 10000;
