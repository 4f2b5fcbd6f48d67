use std::sync::Arc;

use async_trait::async_trait;
use sluice_core::{
    ports::{
        Clock, Commit, Committed, Condition, Document, Ids, Index, Key, Mail, Mailer, PortError, SendFailure, Sms, Store, TextMessage,
        Write,
    },
    record::place,
};

pub use sluice_core::api::{Channel, OutboxEntry};

/// What is told of every entry once it is stored.
type Observer = Box<dyn Fn(&OutboxEntry) + Send + Sync>;

/// Captures mails and texts instead of sending them, for development.
///
/// Each becomes a document of kind [`Outbox::KIND`] with an [`OutboxEntry`] as its data, in the list of the same name, ordered by
/// its time. A message that is sent twice is captured twice.
pub struct Outbox {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    observer: Option<Observer>,
}

impl Outbox {
    /// The kind of the documents, and the name of their list.
    pub const KIND: &'static str = "outbox";

    /// An outbox that keeps its entries in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { store, clock, ids, observer: None }
    }

    /// Calls `observer` with every entry, once it is stored.
    #[must_use]
    pub fn observed(mut self, observer: impl Fn(&OutboxEntry) + Send + Sync + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    async fn capture(&self, entry: OutboxEntry) -> Result<(), SendFailure> {
        let token = format!("{:032x}", self.ids.random());
        // Entries of one millisecond stay apart by the random end.
        let id = format!("{}-{token}", entry.at.sortable());
        let document = Document {
            key: Key::new(Self::KIND, id.clone()),
            data: serde_json::to_vec(&entry).map_err(|error| SendFailure::Refused(error.to_string()))?,
            blob: None,
            places: vec![place(Index::List, Self::KIND, entry.at, &id)],
            expires_at: None,
        };
        let put = Write::Put { document, condition: Condition::Absent };
        let writes = vec![put];
        match self.store.commit(Commit { token, writes }).await {
            Ok(Committed::Applied) => {
                if let Some(observer) = &self.observer {
                    observer(&entry);
                }
                Ok(())
            }
            Ok(Committed::Refused(_)) => Err(SendFailure::NotTaken("the outbox has drawn an id twice".to_owned())),
            Err(PortError::Temporary(reason)) => Err(SendFailure::Unknown(reason)),
            Err(PortError::Permanent(reason)) => Err(SendFailure::Refused(reason)),
        }
    }
}

#[async_trait]
impl Mailer for Outbox {
    async fn send(&self, mail: &Mail) -> Result<(), SendFailure> {
        self.capture(OutboxEntry {
            channel: Channel::Email,
            to: mail.to.clone(),
            subject: Some(mail.subject.clone()),
            text: mail.text.clone(),
            html: Some(mail.html.clone()),
            event: mail.event.clone(),
            at: self.clock.now(),
        })
        .await
    }
}

#[async_trait]
impl Sms for Outbox {
    async fn send(&self, text: &TextMessage) -> Result<Option<String>, SendFailure> {
        self.capture(OutboxEntry {
            channel: Channel::Sms,
            to: text.to.clone(),
            subject: None,
            text: text.text.clone(),
            html: None,
            event: text.event.clone(),
            at: self.clock.now(),
        })
        .await?;
        // Nobody will ever say anything of it.
        Ok(None)
    }
}
