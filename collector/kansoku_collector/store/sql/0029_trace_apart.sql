-- Which rows of traces may have others: without a root, and with something in them. Once the rows of a trace that
-- crossed an hour are brought together, parts of months have none, and nobody reads them to find out.
ALTER TABLE traces ADD INDEX IF NOT EXISTS ix_apart
    if(root_status = '' AND (spans > 0 OR unpriced_calls != 0 OR cost_usd < 0 OR cost_usd > 0), 1, 0)
    TYPE minmax GRANULARITY 1;
ALTER TABLE traces MATERIALIZE INDEX ix_apart;
