-- Named filters of a screen, by project: of one reader, or, with an empty owner, of all who may see the project.
-- The latest row of a name is what it means now; read with FINAL.
CREATE TABLE IF NOT EXISTS saved_views (
    project LowCardinality(String),
    screen LowCardinality(String),
    owner String,
    name String,
    query String,
    deleted UInt8,
    updated DateTime64(6, 'UTC')
) ENGINE = ReplacingMergeTree(updated)
ORDER BY (project, screen, owner, name)
SETTINGS non_replicated_deduplication_window = 10000;
