use rusqlite::{Connection, TransactionBehavior};

/// The steps from an empty database to the present schema; `PRAGMA user_version` counts those that are done. Steps are only ever added.
const MIGRATIONS: &[&str] = &[
    // Documents have random keys: a rowid table with a unique index costs a third of the CPU of one that is clustered by key. The key index begins with
    // the id, because that is where two keys differ. A document keeps a list of its own places, so that a put touches only those that changed.
    "CREATE TABLE documents (
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
    ) STRICT, WITHOUT ROWID;",
    // A message is written once; while it waits it stands in `ready`, while someone handles it in `in_flight`. Until when it is invisible only the process
    // knows that handed it out, because that ends with the process.
    "CREATE TABLE messages (
        id INTEGER PRIMARY KEY,
        sent_at INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE TABLE ready (
        queue INTEGER NOT NULL,
        visible_at INTEGER NOT NULL,
        id INTEGER NOT NULL,
        receives INTEGER NOT NULL,
        PRIMARY KEY (queue, visible_at, id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE in_flight (
        id INTEGER PRIMARY KEY,
        queue INTEGER NOT NULL,
        receives INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE dead_letters (
        id INTEGER PRIMARY KEY,
        queue INTEGER NOT NULL,
        receives INTEGER NOT NULL,
        sent_at INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE TABLE process (boot INTEGER NOT NULL) STRICT;
    INSERT INTO process VALUES (0);",
    // Lists and the due index were spread over several partitions each, which gains nothing in one file. The number of the part stood behind the last slash.
    "UPDATE places SET place_partition = substr(place_partition, 1, length(place_partition) - 2)
        WHERE place_index IN (1, 4) AND substr(place_partition, -2) GLOB '/[0-7]';
    UPDATE documents SET places = (
        SELECT json_group_array(json(CASE
            WHEN json_extract(place.value, '$.index') IN ('list', 'due') AND substr(json_extract(place.value, '$.partition'), -2) GLOB '/[0-7]'
            THEN json_set(place.value, '$.partition', substr(json_extract(place.value, '$.partition'), 1, length(json_extract(place.value, '$.partition')) - 2))
            ELSE place.value END))
        FROM json_each(documents.places) AS place)
        WHERE places IS NOT NULL;",
    // A message that a worker waited for when it was queued stands in `in_flight` alone, with what it says: most leave the queue without having waited in it.
    "ALTER TABLE in_flight ADD COLUMN sent_at INTEGER;
    ALTER TABLE in_flight ADD COLUMN body TEXT;",
];

/// The version of a database that this program writes.
pub(crate) const NEWEST: i64 = MIGRATIONS.len() as i64;

/// What became of a migration.
pub(crate) enum Migrated {
    /// The database has the present schema.
    UpToDate,
    /// The database was written by a newer program, with this schema version; it was left as it is.
    Newer(i64),
}

/// Takes the database to the present schema, each step in a transaction of its own.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<Migrated> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > NEWEST {
        return Ok(Migrated::Newer(found));
    }
    for (version, step) in (1_i64..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(Migrated::UpToDate)
}

/// Whether a statement is one of a migration's, which run once.
#[cfg(test)]
pub(crate) fn is_of_a_migration(sql: &str) -> bool {
    MIGRATIONS.iter().any(|step| step.contains(sql.trim_end_matches(';')))
}
