//! Whether everything is processed: during the measurement by a look past the server, afterwards by what the server says.

use std::{net::SocketAddr, path::Path, time::Duration};

use rusqlite::{Connection as Database, OpenFlags};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{clock, http::Connection, requests};

/// How long the server may take for what it has accepted.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until nothing is queued any more. A message leaves the queue only when its event is done and its effects are marked.
///
/// It looks into the database itself, because asking the server would add to what is measured.
pub(crate) fn wait_until_processed(database: &Path) -> Result<(), String> {
    let problem = |error: rusqlite::Error| format!("the server's database can't be read: {error}");
    let database = Database::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(problem)?;
    database.busy_timeout(Duration::from_secs(5)).map_err(problem)?;
    let mut statement =
        database.prepare("SELECT NOT EXISTS (SELECT 1 FROM messages) AND NOT EXISTS (SELECT 1 FROM in_flight)").map_err(problem)?;
    let processed = clock::wait_for(PATIENCE, || {
        let empty = statement.query_row([], |row| row.get::<_, bool>(0)).map_err(problem)?;
        Ok(empty.then_some(()))
    })?;
    processed.ok_or_else(|| format!("after {PATIENCE:?} there are still events that are not processed"))
}

/// What the server says of what it has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Stripe's events that are done.
    pub(crate) events: usize,
    /// Effects of them that are done.
    pub(crate) effects: usize,
    /// Messages that were captured.
    pub(crate) captured: usize,
}

/// Reads all that came of the events through the API.
pub(crate) async fn done(address: SocketAddr) -> Result<Done, String> {
    #[derive(Deserialize)]
    struct Event {
        status: String,
        effects: Vec<Effect>,
    }
    #[derive(Deserialize)]
    struct Effect {
        state: String,
    }
    #[derive(Deserialize)]
    struct Captured {}
    let mut connection = Connection::open(address).await?;
    let mut done = Done::default();
    list::<Event>(&mut connection, "/api/v1/inbound?provider=stripe&limit=1000", |event| {
        done.events += usize::from(event.status == "done");
        done.effects += event.effects.iter().filter(|effect| effect.state == "done").count();
    })
    .await?;
    list::<Captured>(&mut connection, "/api/v1/dev/outbox?limit=1000", |Captured {}| done.captured += 1).await?;
    Ok(done)
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

async fn list<T: DeserializeOwned>(connection: &mut Connection, path: &str, mut each: impl FnMut(T)) -> Result<(), String> {
    let mut cursor = String::new();
    loop {
        let answer = connection.call(&requests::page(&format!("{path}{cursor}"))).await?.success()?;
        let page: Page<T> = serde_json::from_slice(&answer.body).map_err(|error| format!("{path} can't be read: {error}"))?;
        page.items.into_iter().for_each(&mut each);
        match page.next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(()),
        }
    }
}
