-- A database as the first schema version left it, with a document in it.
CREATE TABLE documents (
    doc INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    expires_at INTEGER,
    places TEXT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    data BLOB NOT NULL,
    blob BLOB
) STRICT;
CREATE UNIQUE INDEX documents_by_key ON documents (id, kind);
CREATE INDEX documents_by_end ON documents (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE places (
    place_index INTEGER NOT NULL,
    place_partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    doc INTEGER NOT NULL,
    PRIMARY KEY (place_index, place_partition, sort, doc)
) STRICT, WITHOUT ROWID;
INSERT INTO documents VALUES (7, 3, NULL, '[{"index":"list","partition":"old","sort":"1"}]', 'test', 'old', CAST('{"old":1}' AS BLOB), x'00ff');
INSERT INTO places VALUES (1, 'old', '1', 7);
INSERT INTO documents VALUES (8, 1, NULL, '[{"index":"due","partition":"due/3","sort":"2/7"},{"index":"group","partition":"of/5","sort":"3"}]', 'test', 'spread', CAST('{}' AS BLOB), NULL);
INSERT INTO places VALUES (4, 'due/3', '2/7', 8), (2, 'of/5', '3', 8);
PRAGMA user_version = 1;
