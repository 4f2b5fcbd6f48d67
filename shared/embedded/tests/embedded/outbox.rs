//! The capture outbox.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sluice_core::{
    listing::list,
    ports::{Clock, Index, Mail, Mailer, Sms, Store, TextMessage},
    testing::{CountingIds, ManualClock, MemoryStore},
    time::Timestamp,
};
use sluice_embedded::{Channel, Outbox, OutboxEntry};

use crate::support::{START, clock_of};

#[tokio::test]
async fn what_is_sent_is_stored_and_shown_newest_first() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(START)));
    let store = Arc::new(MemoryStore::new(clock_of(&clock)));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let outbox = Outbox::new(Arc::clone(&store) as Arc<dyn Store>, clock_of(&clock), Arc::new(CountingIds::new())).observed({
        let seen = Arc::clone(&seen);
        move |entry| seen.lock().expect("no panic").push(entry.clone())
    });
    let mail = Mail {
        id: "effect".to_owned(),
        event: "in_1".to_owned(),
        to: "anna@example.com".to_owned(),
        subject: "Hello".to_owned(),
        text: "text".to_owned(),
        html: "<p>text</p>".to_owned(),
    };
    Mailer::send(&outbox, &mail).await.expect("captured");
    Mailer::send(&outbox, &mail).await.expect("captured again");
    clock.advance(Duration::from_secs(1));
    let text = TextMessage {
        id: "effect 2".to_owned(),
        message: "ms_2".to_owned(),
        event: "in_2".to_owned(),
        to: "+15550100".to_owned(),
        text: "short".to_owned(),
    };
    Sms::send(&outbox, &text).await.expect("captured");

    let listed = list(&*store, Index::List, Outbox::KIND, None, 10, |_| true).await.expect("the store answers");
    let entries: Vec<OutboxEntry> =
        listed.items.iter().map(|stored| serde_json::from_slice(&stored.document.data).expect("an entry")).collect();
    assert_eq!(entries.len(), 3);
    assert_eq!((entries[0].channel, entries[0].to.as_str(), entries[0].at), (Channel::Sms, "+15550100", clock.now()));
    assert_eq!((entries[0].subject.as_ref(), entries[0].html.as_ref()), (None, None));
    assert_eq!((entries[1].channel, entries[1].subject.as_deref(), entries[1].event.as_str()), (Channel::Email, Some("Hello"), "in_1"));
    let mut told = seen.lock().expect("no panic").clone();
    told.reverse();
    assert_eq!(told, entries);
    let json = String::from_utf8(listed.items[0].document.data.clone()).expect("UTF-8");
    assert!(json.contains("\"channel\":\"sms\""), "{json}");
}
