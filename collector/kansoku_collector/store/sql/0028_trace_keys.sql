-- Which rows of a range of hours are of one trace is asked of every row, and the id of a trace is long and random: a
-- key of four bytes is read in an eighth of the time, for a quarter of a percent of a store more.
ALTER TABLE traces ADD COLUMN IF NOT EXISTS trace_key UInt32 MATERIALIZED toUInt32(cityHash64(trace_id)) CODEC(NONE)
    AFTER trace_id;
ALTER TABLE traces MATERIALIZE COLUMN trace_key;
