use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sluice_guard::Host;
use tokio::time::Instant;

use super::connection::Connection;

/// How long a connection that nobody uses is kept: less than the shortest time after which receivers usually close one.
const IDLE: Duration = Duration::from_secs(4);
/// The most that are kept for one host at one address.
const MOST_OF_ONE: usize = 256;
/// The most that are kept in all.
const MOST: usize = 512;

/// Whom a connection leads to. A pooled connection is used only after the host has been resolved anew and this address was judged again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) secure: bool,
    pub(super) host: Host,
    pub(super) address: SocketAddr,
}

/// Connections that nobody uses at the moment.
#[derive(Default)]
pub(super) struct Pool(Mutex<Idle>);

#[derive(Default)]
struct Idle {
    connections: HashMap<Key, Vec<(Connection, Instant)>>,
    count: usize,
}

impl Pool {
    /// The connection that was used last, if one is still good.
    pub(super) fn take(&self, key: &Key) -> Option<Connection> {
        let mut idle = self.idle();
        let waiting = idle.connections.get_mut(key)?;
        let now = Instant::now();
        let (mut found, mut gone) = (None, 0);
        while let Some((connection, since)) = waiting.pop() {
            gone += 1;
            if connection.sender.is_ready() && now.duration_since(since) < IDLE {
                found = Some(connection);
                break;
            }
        }
        if waiting.is_empty() {
            idle.connections.remove(key);
        }
        idle.count -= gone;
        found
    }

    /// Keeps a connection, if the receiver lets it be used again.
    pub(super) fn give_back(&self, key: Key, connection: Option<Connection>) {
        let Some(connection) = connection else { return };
        let now = Instant::now();
        let mut idle = self.idle();
        if idle.count >= MOST {
            idle.connections.retain(|_, waiting| {
                waiting.retain(|(connection, since)| connection.sender.is_ready() && now.duration_since(*since) < IDLE);
                !waiting.is_empty()
            });
            idle.count = idle.connections.values().map(Vec::len).sum();
            if idle.count >= MOST {
                return;
            }
        }
        let waiting = idle.connections.entry(key).or_default();
        if waiting.len() < MOST_OF_ONE {
            waiting.push((connection, now));
            idle.count += 1;
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
