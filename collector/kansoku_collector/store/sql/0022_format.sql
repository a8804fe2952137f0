-- Facts of answers and searches that the detector reads. Of older spans they are unknown, which is no value:
-- a series begins with the first span that has one.
ALTER TABLE spans
    ADD COLUMN IF NOT EXISTS json_valid Nullable(UInt8),
    ADD COLUMN IF NOT EXISTS repetition Nullable(Float32) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS score_gap Nullable(Float64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS sent_chars UInt32 CODEC(T64, ZSTD(1));
