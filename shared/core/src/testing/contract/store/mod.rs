//! The contract of [`Store`].

pub mod conditions;
pub mod expiry;
pub mod moves;
pub mod places;
pub mod races;
pub mod sizes;

use std::{
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::run_each;
use crate::{
    ports::{Clock, Commit, Committed, Condition, Document, Index, Key, Order, Page, Place, Query, Refusal, Store, Stored, Write},
    testing::ManualClock,
};

/// Runs every case, each on what `open` makes for its name.
///
/// # Panics
/// If the adapter breaks the contract.
pub async fn all(open: impl AsyncFn(&'static str) -> StoreCase) {
    run_each! { open:
        conditions::what_is_put_is_read_back,
        conditions::absent_is_refused_where_something_is,
        conditions::version_counts_the_puts,
        conditions::a_lost_version_is_refused,
        conditions::delete_removes_on_its_condition,
        conditions::checks_hold_or_refuse,
        conditions::all_or_nothing_and_every_refusal_named,
        conditions::a_commit_tried_again_later_is_judged_by_its_conditions,
        conditions::get_keeps_the_order_of_the_keys,
        conditions::a_lagging_read_catches_up,
        conditions::kinds_do_not_share_ids,
        conditions::commits_against_the_rules_are_refused_for_good,
        places::a_range_is_read_in_both_orders,
        places::a_limited_page_says_whether_there_is_more,
        places::a_cursor_walks_through_everything_once,
        places::a_put_replaces_the_places,
        places::a_deleted_document_has_no_place,
        places::partitions_and_indexes_are_apart,
        places::a_document_stands_in_every_index,
        places::a_page_shows_whole_documents,
        moves::a_move_keeps_version_data_and_other_places,
        moves::a_move_from_another_place_is_refused,
        moves::moves_belong_to_the_commit,
        expiry::an_expired_document_is_absent,
        expiry::an_expired_document_counts_as_absent_in_conditions,
        expiry::an_expired_document_is_in_no_page,
        expiry::a_later_end_keeps_a_document,
        sizes::blobs_are_kept_and_empty_is_not_none,
        sizes::ids_and_data_may_be_any_unicode,
        sizes::a_large_blob_is_kept,
        sizes::a_hundred_writes_are_one_commit,
        races::one_of_many_puts_of_an_absent_key_wins,
        races::one_of_many_puts_on_a_version_wins,
        races::one_of_many_commits_wins_whole,
    }
}

/// What a case runs on: an adapter, the clock it was given, and a namespace of its own.
pub struct StoreCase {
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
    namespace: String,
    index_lag: Option<Arc<dyn Clock>>,
    commits: AtomicU64,
}

impl StoreCase {
    /// A case on `store`, which must have been given `clock`. `namespace` begins every id and partition of the case, and must be new to the store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<ManualClock>, namespace: impl Into<String>) -> Self {
        Self { store, clock, namespace: namespace.into(), index_lag: None, commits: AtomicU64::new(0) }
    }

    /// For a store whose indexes may lag behind: queries are repeated for up to ten seconds of `real` time until they show what is expected.
    #[must_use]
    pub fn with_lagging_indexes(mut self, real: Arc<dyn Clock>) -> Self {
        self.index_lag = Some(real);
        self
    }

    fn key(&self, id: &str) -> Key {
        Key::new("contract", format!("{}:{id}", self.namespace))
    }

    fn document(&self, id: &str, data: &str) -> Document {
        Document {
            key: self.key(id),
            data: format!("{{\"data\":\"{data}\"}}").into_bytes(),
            blob: None,
            places: Vec::new(),
            expires_at: None,
        }
    }

    fn place(&self, index: Index, partition: &str, sort: &str) -> Place {
        Place { index, partition: format!("{}:{partition}", self.namespace), sort: sort.to_owned() }
    }

    /// A document `id` whose place in the list is `id` in the partition `list`.
    fn listed(&self, id: &str) -> Document {
        Document { places: vec![self.place(Index::List, "list", id)], ..self.document(id, id) }
    }

    fn next_commit(&self, writes: Vec<Write>) -> Commit {
        let number = self.commits.fetch_add(1, Ordering::Relaxed);
        Commit { token: format!("{}:{number}", self.namespace), writes }
    }

    async fn commit(&self, writes: Vec<Write>) -> Committed {
        let commit = self.next_commit(writes);
        self.store.commit(commit).await.expect("the store answers")
    }

    async fn put(&self, document: Document, condition: Condition) -> Committed {
        self.commit(vec![Write::Put { document, condition }]).await
    }

    /// Puts what surely is not there yet, and returns it as it must now be read.
    async fn put_new(&self, document: Document) -> Stored {
        assert_eq!(self.put(document.clone(), Condition::Absent).await, Committed::Applied);
        Stored::new(document, 1)
    }

    async fn get(&self, key: &Key) -> Option<Stored> {
        let mut found = self.store.get(std::slice::from_ref(key)).await.expect("the store answers");
        assert_eq!(found.len(), 1, "one answer for each key");
        found.pop().flatten()
    }

    fn list(&self) -> Query {
        self.query(Index::List, "list")
    }

    /// Everything in a partition, ascending.
    fn query(&self, index: Index, partition: &str) -> Query {
        Query {
            index,
            partition: self.place(index, partition, "").partition,
            from: Bound::Unbounded,
            to: Bound::Unbounded,
            order: Order::Ascending,
            limit: 1000,
        }
    }

    /// Asserts that the query finds documents at just these sort texts, in this order.
    async fn assert_found(&self, query: &Query, sorts: &[&str]) -> Page {
        for _ in 0..200 {
            let page = self.store.query(query).await.expect("the store answers");
            if sorts_of(&page) == sorts {
                return page;
            }
            match &self.index_lag {
                Some(real) => real.sleep(Duration::from_millis(50)).await,
                None => assert_eq!(sorts_of(&page), sorts, "{query:?}"),
            }
        }
        panic!("after ten seconds the index does not show {sorts:?} for {query:?}");
    }
}

fn sorts_of(page: &Page) -> Vec<&str> {
    page.items.iter().map(|(place, _)| place.sort.as_str()).collect()
}

/// A refusal of the first step of a commit.
fn refused(found: Option<Stored>) -> Committed {
    Committed::Refused(vec![Refusal { write: 0, found }])
}

fn put(document: Document, condition: Condition) -> Write {
    Write::Put { document, condition }
}
