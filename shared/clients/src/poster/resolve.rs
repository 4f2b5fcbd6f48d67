use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
};

use async_trait::async_trait;
use tokio::{sync::Semaphore, task::spawn_blocking};

/// As many names are looked up at a time. The system's call can't be cut off: one that nobody waits for any more keeps its thread until the name servers'
/// time is up. These are half of the threads that the runtime has for such calls, so that dead name servers leave the others to the database.
const AT_ONCE: usize = 256;

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// All addresses of `name`, which has no dot at its end.
    ///
    /// # Errors
    /// If it has none, or nobody can be asked.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// Asks the system.
#[derive(Clone, Debug)]
pub struct SystemResolver {
    calls: Calls,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self { calls: Calls::new(AT_ONCE) }
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        // The dot keeps the system from completing the name with the domains of its own network. `localhost` is in its table of hosts without one.
        let whole = if name == "localhost" { name.to_owned() } else { format!("{name}.") };
        let found = self.calls.make(move || (whole.as_str(), 0).to_socket_addrs()).await??;
        Ok(found.map(|address: SocketAddr| address.ip()).collect())
    }
}

/// Calls that block a thread, so many at a time.
#[derive(Clone, Debug)]
struct Calls {
    places: Arc<Semaphore>,
}

impl Calls {
    fn new(most: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(most)) }
    }

    /// Makes a call when there is a place for it. The place is taken until the call has ended, also if nobody waits for it any more.
    async fn make<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
        let called = spawn_blocking(move || {
            let _place = place;
            call()
        });
        called.await.map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc::channel, time::Duration};

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_call_that_nobody_waits_for_keeps_its_place_until_it_ends() {
        let (calls, (end, ended)) = (Calls::new(1), channel::<()>());
        let given_up = timeout(Duration::from_millis(1), calls.make(move || ended.recv())).await;
        assert!(given_up.is_err());
        assert_eq!(calls.places.available_permits(), 0);
        end.send(()).unwrap();
        assert_eq!(calls.make(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn the_machine_itself_has_a_name() {
        let found = SystemResolver::default().resolve("localhost").await.unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
    }
}
