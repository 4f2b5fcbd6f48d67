//! Many records out of few: every document of a customer under the names of another.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
    sync::Arc,
};

use rusqlite::Connection;
use sluice_core::{
    envelope::event_id,
    event::EventRecord,
    ports::{Commit, Committed, Condition, Document, Key, Place, Store, Stored, Write},
    time::Timestamp,
};
use sluice_embedded::{DataFolder, EmbeddedStore, SystemClock};
use tokio::task::JoinSet;

use super::customer;

/// The kinds of documents that the API serves as records. What is looked up beside them, and events, come on top.
const RECORDS: [&str; 10] =
    ["booking", "transaction", "invoice", "customer", "tenant", "payment_method", "message", "order", "shop_customer", "product"];
/// What `dev` captures instead of sending it.
const CAPTURED: &str = "outbox";
/// The length of a tag, and of what follows the prefix of an id that is a digest.
const TAG: usize = 10;
const DIGEST: usize = 22;
/// Commits under way at the same time: as many as the store joins into one.
const AT_ONCE: usize = 512;

/// What was made.
pub(super) struct Made {
    /// Records of the few.
    pub(super) few: usize,
    /// Records of the many, those copied included.
    pub(super) many: usize,
    /// Customers of the many.
    pub(super) customers: u32,
}

/// What belongs to one customer.
struct Template {
    tag: String,
    documents: Vec<Document>,
    /// The ids in it that are digests: they don't have the tag.
    digests: Vec<Digest>,
}

/// An id that is a digest.
struct Digest {
    id: String,
    /// What it is the digest of, where that is an event: provider, source and key.
    of: Option<[String; 3]>,
}

impl Digest {
    fn new(document: &Document) -> Result<Self, String> {
        let of = match &*document.key.kind {
            EventRecord::KIND => {
                let stored = Stored::new(document.clone(), 1);
                let event = EventRecord::from_stored(&stored).map_err(|error| error.to_string())?;
                Some([event.provider, event.source, event.key])
            }
            _ => None,
        };
        Ok(Self { id: document.key.id.clone(), of })
    }

    /// The id that the same has at another customer.
    fn renamed(&self, from: &str, to: &str) -> String {
        match &self.of {
            Some([provider, source, key]) => event_id(provider, source, &key.replace(from, to)),
            None => other_digest(&self.id, to),
        }
    }
}

impl Template {
    fn records(&self) -> usize {
        self.documents.iter().filter(|document| RECORDS.contains(&&*document.key.kind)).count()
    }
}

/// Makes the data folder `to` out of the one at `from`, which has `customers` of them, with at least `records` records.
pub(super) async fn make(from: &Path, to: &Path, customers: u32, records: u32) -> Result<Made, String> {
    copy(from, to).map_err(|error| format!("{} can't be copied: {error}", from.display()))?;
    let templates = templates(&to.join("sluice.db"), customers)?;
    let few: usize = templates.iter().map(Template::records).sum();
    let folder = DataFolder::open(to, Arc::new(SystemClock)).map_err(|error| error.to_string())?;
    let (store, templates) = (folder.store(), Arc::new(templates));
    let mut writing = JoinSet::new();
    let (mut many, mut number) = (few, customers);
    while many < records as usize {
        let which = number as usize % templates.len();
        many += templates[which].records();
        let (store, templates, tag) = (store.clone(), Arc::clone(&templates), customer::tag(number));
        writing.spawn(async move { write(&store, &templates[which], &tag).await });
        number += 1;
        while writing.len() >= AT_ONCE {
            ended(writing.join_next().await)?;
        }
    }
    while let Some(written) = writing.join_next().await {
        ended(Some(written))?;
    }
    Ok(Made { few, many, customers: number })
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

fn ended(written: Option<Result<Result<(), String>, tokio::task::JoinError>>) -> Result<(), String> {
    written.map_or(Ok(()), |written| written.unwrap_or_else(|error| Err(format!("a copy has failed: {error}"))))
}

/// Reads what belongs to each customer.
fn templates(database: &Path, customers: u32) -> Result<Vec<Template>, String> {
    let unreadable = |error: rusqlite::Error| format!("the database can't be read: {error}");
    let mut templates: BTreeMap<String, Template> = BTreeMap::new();
    for (tag, document) in documents(database, customers).map_err(unreadable)? {
        let template = templates.entry(tag.clone()).or_insert_with(|| Template { tag, documents: Vec::new(), digests: Vec::new() });
        if !document.key.id.contains(&template.tag) {
            template.digests.push(Digest::new(&document)?);
        }
        template.documents.push(document);
    }
    Ok(templates.into_values().collect())
}

/// Reads every document of a customer's, with the tag.
fn documents(database: &Path, customers: u32) -> rusqlite::Result<Vec<(String, Document)>> {
    let tags: HashSet<String> = (0..customers).map(customer::tag).collect();
    let mut documents = Vec::new();
    let database = Connection::open(database)?;
    let mut statement = database.prepare("SELECT kind, id, data, blob, places, expires_at FROM documents WHERE kind <> ?1")?;
    let mut rows = statement.query([CAPTURED])?;
    while let Some(row) = rows.next()? {
        let (kind, id, data): (String, String, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        // What is nobody's, such as the shop, is there once.
        let Some(tag) = tag_in(id.as_bytes(), &tags).or_else(|| tag_in(&data, &tags)) else { continue };
        let places: Option<String> = row.get(4)?;
        let places: Vec<Place> = places.and_then(|places| serde_json::from_str(&places).ok()).unwrap_or_default();
        let expires_at = row.get::<_, Option<i64>>(5)?.map(Timestamp::from_millis);
        documents.push((tag, Document { key: Key { kind: kind.into(), id }, data, blob: row.get(3)?, places, expires_at }));
    }
    Ok(documents)
}

/// The tag of one of the customers, where there is one.
fn tag_in(text: &[u8], tags: &HashSet<String>) -> Option<String> {
    let found = text.windows(TAG).filter_map(|window| std::str::from_utf8(window).ok()).find(|window| tags.contains(*window));
    found.map(str::to_owned)
}

/// Writes a customer's documents under the names of the customer `tag`.
async fn write(store: &EmbeddedStore, template: &Template, tag: &str) -> Result<(), String> {
    let digests = template.digests.iter().map(|digest| (digest.id.as_str(), digest.renamed(&template.tag, tag)));
    let names: Vec<(&str, String)> = digests.chain([(template.tag.as_str(), tag.to_owned())]).collect();
    let renamed = |text: &str| {
        names.iter().fold(text.to_owned(), |text, (name, other)| if text.contains(name) { text.replace(name, other) } else { text })
    };
    let documents = template.documents.iter().map(|document| {
        let data = std::str::from_utf8(&document.data).map_err(|error| format!("{} is no text: {error}", document.key))?;
        let place = |place: &Place| Place { partition: renamed(&place.partition), sort: renamed(&place.sort), ..place.clone() };
        let document = Document {
            key: Key { kind: document.key.kind.clone(), id: renamed(&document.key.id) },
            data: renamed(data).into_bytes(),
            places: document.places.iter().map(place).collect(),
            ..document.clone()
        };
        Ok(Write::Put { document, condition: Condition::Absent })
    });
    let writes = documents.collect::<Result<Vec<_>, String>>()?;
    match store.commit(Commit { token: tag.to_owned(), writes }).await {
        Ok(Committed::Applied) => Ok(()),
        Ok(Committed::Refused(refusals)) => Err(format!("a copy is there already: {refusals:?}")),
        Err(error) => Err(error.to_string()),
    }
}

/// An id like that one which no other customer has.
fn other_digest(id: &str, tag: &str) -> String {
    let kept = id.len().saturating_sub(DIGEST) + DIGEST - TAG;
    format!("{}{tag}", id.get(..kept).unwrap_or(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_shape() {
        assert_eq!(other_digest("in_fOJ2tx9QJvcyXXw8LPJmH0", "2000000000"), "in_fOJ2tx9QJvcy2000000000");
    }

    #[test]
    fn a_tag_is_found_wherever_it_stands() {
        let tags = HashSet::from(["2000000000".to_owned()]);
        assert_eq!(tag_in(br#"{"id":"cus_2000000000:usd:4900"}"#, &tags).as_deref(), Some("2000000000"));
        assert_eq!(tag_in(br#"{"t":1795176000000}"#, &tags), None);
    }
}
