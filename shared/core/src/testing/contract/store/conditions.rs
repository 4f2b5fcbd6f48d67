//! Conditions, versions and refusals.

use super::{StoreCase, put, refused};
use crate::ports::{Committed, Condition, Index, Key, PortError, Refusal, Stored, Write};

/// A document comes back byte for byte, with version 1; another id is absent.
pub async fn what_is_put_is_read_back(case: &StoreCase) {
    let mut document = case.document("a", "one");
    document.data = b"{ \"spaces\" :  1.50, \"n\":9007199254740993 }".to_vec();
    document.places = vec![case.place(Index::List, "list", "a"), case.place(Index::Flag, "flag", "a")];
    let stored = case.put_new(document).await;
    assert_eq!(case.get(&case.key("a")).await, Some(stored));
    assert_eq!(case.get(&case.key("b")).await, None);
}

/// A put of what must be absent returns what is there, and changes nothing.
pub async fn absent_is_refused_where_something_is(case: &StoreCase) {
    let first = case.put_new(case.document("a", "first")).await;
    let second = case.put(case.document("a", "second"), Condition::Absent).await;
    assert_eq!(second, refused(Some(first.clone())));
    assert_eq!(case.get(&case.key("a")).await, Some(first));
}

/// Every put counts one up.
pub async fn version_counts_the_puts(case: &StoreCase) {
    case.put_new(case.document("a", "0")).await;
    for version in 1..5 {
        let document = case.document("a", &version.to_string());
        assert_eq!(case.put(document.clone(), Condition::Version(version)).await, Committed::Applied);
        let read = Stored::new(document, version + 1);
        assert_eq!(case.get(&case.key("a")).await, Some(read));
    }
}

/// A put on a version that is not the stored one, earlier, later or of an absent document, is refused.
pub async fn a_lost_version_is_refused(case: &StoreCase) {
    case.put_new(case.document("a", "1")).await;
    case.put(case.document("a", "2"), Condition::Version(1)).await;
    let stored = Stored::new(case.document("a", "2"), 2);
    for wrong in [0, 1, 3] {
        let answer = case.put(case.document("a", "lost"), Condition::Version(wrong)).await;
        assert_eq!(answer, refused(Some(stored.clone())), "version {wrong}");
    }
    assert_eq!(case.get(&case.key("a")).await, Some(stored));
    assert_eq!(case.put(case.document("b", "1"), Condition::Version(1)).await, refused(None));
    assert_eq!(case.get(&case.key("b")).await, None);
}

/// A delete takes effect only on its condition; what is put afterwards begins with version 1 again.
pub async fn delete_removes_on_its_condition(case: &StoreCase) {
    let stored = case.put_new(case.document("a", "1")).await;
    let delete = |condition| vec![Write::Delete { key: case.key("a"), condition }];
    assert_eq!(case.commit(delete(Condition::Version(2))).await, refused(Some(stored.clone())));
    assert_eq!(case.commit(delete(Condition::Absent)).await, refused(Some(stored)));
    assert_eq!(case.commit(delete(Condition::Version(1))).await, Committed::Applied);
    assert_eq!(case.get(&case.key("a")).await, None);
    assert_eq!(case.commit(delete(Condition::Version(1))).await, refused(None));
    assert_eq!(case.commit(delete(Condition::Absent)).await, Committed::Applied);
    case.put_new(case.document("a", "again")).await;
}

/// Checks of present and absent documents, alone and beside a put.
pub async fn checks_hold_or_refuse(case: &StoreCase) {
    let stored = case.put_new(case.document("there", "1")).await;
    let check = |id: &str, condition| Write::Check { key: case.key(id), condition };
    let with_put = |check: Write| vec![put(case.document("beside", "x"), Condition::Absent), check];
    let refusal = |found| Committed::Refused(vec![Refusal { write: 1, found }]);
    for (step, answer) in [
        (check("there", Condition::Version(2)), refusal(Some(stored.clone()))),
        (check("there", Condition::Absent), refusal(Some(stored.clone()))),
        (check("nowhere", Condition::Version(1)), refusal(None)),
    ] {
        assert_eq!(case.commit(with_put(step)).await, answer);
        assert_eq!(case.get(&case.key("beside")).await, None);
    }
    let both = vec![
        put(case.document("beside", "x"), Condition::Absent),
        check("there", Condition::Version(1)),
        check("nowhere", Condition::Absent),
    ];
    assert_eq!(case.commit(both).await, Committed::Applied);
    assert_eq!(case.get(&case.key("there")).await, Some(stored), "a check is no write");
    assert_eq!(case.get(&case.key("nowhere")).await, None);
    assert!(case.get(&case.key("beside")).await.is_some());
}

/// One failed condition stops all writes, and each that failed is named with what was found.
pub async fn all_or_nothing_and_every_refusal_named(case: &StoreCase) {
    let a = case.put_new(case.document("a", "a")).await;
    let b = case.put_new(case.listed("b")).await;
    let writes = vec![
        put(case.document("new", "x"), Condition::Absent),
        put(case.document("a", "x"), Condition::Absent),
        put(case.document("b", "x"), Condition::Version(1)),
        Write::Check { key: case.key("gone"), condition: Condition::Version(7) },
        Write::Delete { key: case.key("absent"), condition: Condition::Absent },
    ];
    let expected = vec![Refusal { write: 1, found: Some(a.clone()) }, Refusal { write: 3, found: None }];
    assert_eq!(case.commit(writes).await, Committed::Refused(expected));
    let keys = ["new", "a", "b", "gone"].map(|id| case.key(id));
    let found = case.store.get(&keys).await.expect("the store answers");
    assert_eq!(found, [None, Some(a), Some(b), None]);
    case.assert_found(&case.list(), &["b"]).await;
}

/// A commit that its caller tries again a while later, because the answer was lost, is no second one: its conditions meet what the first has done.
pub async fn a_commit_tried_again_later_is_judged_by_its_conditions(case: &StoreCase) {
    let a = case.put_new(case.document("a", "1")).await;
    let writes = vec![put(case.document("a", "2"), Condition::Version(a.version)), put(case.document("b", "1"), Condition::Absent)];
    let commit = case.next_commit(writes);
    assert_eq!(case.store.commit(commit.clone()).await.expect("the store answers"), Committed::Applied);
    case.clock.advance(std::time::Duration::from_secs(8));
    let found = [Stored::new(case.document("a", "2"), 2), Stored::new(case.document("b", "1"), 1)];
    let refusals = found.iter().enumerate().map(|(write, found)| Refusal { write, found: Some(found.clone()) }).collect();
    assert_eq!(case.store.commit(commit).await.expect("the store answers"), Committed::Refused(refusals));
    let keys = ["a", "b"].map(|id| case.key(id));
    assert_eq!(case.store.get(&keys).await.expect("the store answers"), found.map(Some));
}

/// `get` answers in the order of the keys, absent ones and repeated ones included.
pub async fn get_keeps_the_order_of_the_keys(case: &StoreCase) {
    let b = case.put_new(case.document("b", "b")).await;
    let a = case.put_new(case.document("a", "a")).await;
    let keys = ["b", "none", "a", "b"].map(|id| case.key(id));
    let found = case.store.get(&keys).await.expect("the store answers");
    assert_eq!(found, [Some(b.clone()), None, Some(a), Some(b)]);
    assert!(case.store.get(&[]).await.expect("the store answers").is_empty());
}

/// A read that may lag shows documents as they are after some moments at most, in the order of the keys.
pub async fn a_lagging_read_catches_up(case: &StoreCase) {
    let written = case.put_new(case.document("a", "a")).await;
    let keys = ["none", "a"].map(|id| case.key(id));
    let expected = [None, Some(written)];
    for _ in 0..200 {
        let found = case.store.get_lagging(&keys).await.expect("the store answers");
        if found == expected {
            return;
        }
        match &case.index_lag {
            Some(real) => real.sleep(std::time::Duration::from_millis(50)).await,
            None => assert_eq!(found, expected),
        }
    }
    panic!("after ten seconds what was written is not read");
}

/// The same id of another kind is another document.
pub async fn kinds_do_not_share_ids(case: &StoreCase) {
    let here = case.put_new(case.document("a", "here")).await;
    let mut other = case.document("a", "there");
    other.key = Key::new("contract_other", other.key.id);
    let there = case.put_new(other).await;
    assert_eq!(case.get(&here.document.key).await.as_ref(), Some(&here));
    assert_eq!(case.get(&there.document.key).await.as_ref(), Some(&there));
}

/// What the port forbids is refused for good, and nothing of it applies.
pub async fn commits_against_the_rules_are_refused_for_good(case: &StoreCase) {
    let twice = vec![put(case.document("a", "1"), Condition::Absent), Write::Check { key: case.key("a"), condition: Condition::Absent }];
    let too_many = (0..101).map(|n| put(case.document(&format!("n{n}"), "x"), Condition::Absent)).collect();
    let mut two_places = case.document("a", "1");
    two_places.places = vec![case.place(Index::Due, "p", "1"), case.place(Index::Due, "p", "2")];
    let astray = Write::Move { key: case.key("a"), from: case.place(Index::Due, "p", "1"), to: case.place(Index::List, "p", "1") };
    for writes in [twice, too_many, vec![put(two_places, Condition::Absent)], vec![astray]] {
        let answer = case.store.commit(case.next_commit(writes)).await;
        assert!(matches!(answer, Err(PortError::Permanent(_))), "{answer:?}");
    }
    assert_eq!(case.get(&case.key("a")).await, None);
    assert_eq!(case.get(&case.key("n0")).await, None);
}
