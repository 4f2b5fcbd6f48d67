//! Blobs, odd texts and large documents.

use super::{StoreCase, put};
use crate::ports::{Committed, Condition, Index, Key, MAX_WRITES, Stored};

/// No blob, an empty one and one of any bytes are three things, and a put replaces one by another.
pub async fn blobs_are_kept_and_empty_is_not_none(case: &StoreCase) {
    let blobs = [None, Some(Vec::new()), Some((0..=255).collect()), Some(vec![0]), None];
    for (version, blob) in (0..).zip(blobs) {
        let mut document = case.document("a", "x");
        document.blob = blob;
        let condition = if version == 0 { Condition::Absent } else { Condition::Version(version) };
        assert_eq!(case.put(document.clone(), condition).await, Committed::Applied);
        let stored = Stored::new(document, version + 1);
        assert_eq!(case.get(&case.key("a")).await, Some(stored));
    }
}

/// Ids, partitions and data are any text: no normalisation, no case folding, no special characters.
pub async fn ids_and_data_may_be_any_unicode(case: &StoreCase) {
    // The third and the fourth look alike, composed and decomposed.
    let ids = ["x", "X", "\u{e9}", "e\u{301}", "日本", "🦀", "a'b\"c%_\\", "new\nline", "x "];
    for id in ids {
        let mut document = case.document(id, "ünï🦀");
        document.places = vec![case.place(Index::Group, id, id)];
        case.put_new(document).await;
    }
    for id in ids {
        let found = case.get(&case.key(id)).await.expect("just put");
        assert_eq!(found.document.key, case.key(id));
        assert_eq!(found.document.data, case.document(id, "ünï🦀").data);
        case.assert_found(&case.query(Index::Group, id), &[id]).await;
    }
}

/// A blob of 350 KB, the largest that is written in one piece, is kept, read and replaced.
pub async fn a_large_blob_is_kept(case: &StoreCase) {
    let bytes: Vec<u8> = (0..350_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut document = case.listed("large");
    document.blob = Some(bytes);
    let stored = case.put_new(document).await;
    assert_eq!(case.get(&case.key("large")).await.as_ref(), Some(&stored));
    let page = case.assert_found(&case.list(), &["large"]).await;
    assert_eq!(page.items[0].1, stored);
    assert_eq!(case.put(case.listed("large"), Condition::Version(1)).await, Committed::Applied);
    let found = case.get(&case.key("large")).await.expect("still there");
    assert_eq!(found.document.blob, None);
}

/// The largest commit applies whole, and is refused whole for its last step.
pub async fn a_hundred_writes_are_one_commit(case: &StoreCase) {
    let ids: Vec<String> = (0..MAX_WRITES).map(|n| format!("{n:03}")).collect();
    let writes = |condition| ids.iter().map(|id| put(case.listed(id), condition)).collect::<Vec<_>>();
    assert_eq!(case.commit(writes(Condition::Absent)).await, Committed::Applied);
    let keys: Vec<Key> = ids.iter().map(|id| case.key(id)).collect();
    let found = case.store.get(&keys).await.expect("the store answers");
    assert!(found.iter().flatten().all(|stored| stored.version == 1));
    assert_eq!(found.iter().flatten().count(), MAX_WRITES);

    let mut second = writes(Condition::Version(1));
    second.pop();
    second.push(put(case.listed("099"), Condition::Version(9)));
    match case.commit(second).await {
        Committed::Refused(refusals) => assert_eq!(refusals.iter().map(|refusal| refusal.write).collect::<Vec<_>>(), [99]),
        Committed::Applied => panic!("applied on a version that was not there"),
    }
    let found = case.store.get(&keys).await.expect("the store answers");
    assert!(found.iter().flatten().all(|stored| stored.version == 1));
}
