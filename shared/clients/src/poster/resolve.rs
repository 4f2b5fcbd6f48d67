use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use tokio::{sync::Semaphore, task::spawn_blocking};

/// As many names are looked up at a time. The system's call can't be cut off: one that nobody waits for any more keeps its thread until the name servers'
/// time is up. These are half of the threads that the runtime has for such calls, so that dead name servers leave the others to the database.
const AT_ONCE: usize = 256;
/// The same of names under one domain: whose name server does not answer holds up nobody else.
const AT_ONCE_UNDER_ONE: usize = 16;

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
        Self { calls: Calls::new(AT_ONCE, AT_ONCE_UNDER_ONE) }
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        // The dot keeps the system from completing the name with the domains of its own network. `localhost` is in its table of hosts without one.
        let whole = if name == "localhost" { name.to_owned() } else { format!("{name}.") };
        let found = self.calls.make(domain(name), move || (whole.as_str(), 0).to_socket_addrs()).await??;
        Ok(found.map(|address: SocketAddr| address.ip()).collect())
    }
}

/// The last two labels of a name: whose name servers are asked, mostly. For some (`example.co.uk`) it is a domain that many share.
fn domain(name: &str) -> &str {
    name.rmatch_indices('.').nth(1).map_or(name, |(dot, _)| &name[dot + 1..])
}

/// Calls that block a thread, so many at a time, and so many of them for one domain.
#[derive(Clone, Debug)]
struct Calls {
    places: Arc<Semaphore>,
    under_one: usize,
    /// The places of each domain under which a name is looked up or waited for.
    by_domain: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
}

impl Calls {
    fn new(most: usize, under_one: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(most)), under_one, by_domain: Arc::default() }
    }

    /// Makes a call when there is a place for it. The place is taken until the call has ended, also if nobody waits for it any more.
    async fn make<T: Send + 'static>(&self, domain: &str, call: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let of_domain = self.of(domain);
        let place_of_domain = of_domain.acquire_owned().await.map_err(io::Error::other)?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
        let called = spawn_blocking(move || {
            let _places = (place, place_of_domain);
            call()
        });
        called.await.map_err(io::Error::other)
    }

    /// The places of a domain. Those that nobody has or waits for are forgotten.
    fn of(&self, domain: &str) -> Arc<Semaphore> {
        let mut by_domain = self.by_domain.lock().unwrap_or_else(PoisonError::into_inner);
        by_domain.retain(|_, places| Arc::strong_count(places) > 1);
        Arc::clone(by_domain.entry(domain.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.under_one))))
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc::channel, time::Duration};

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_call_that_nobody_waits_for_keeps_its_place_until_it_ends() {
        let (calls, (end, ended)) = (Calls::new(1, 1), channel::<()>());
        let given_up = timeout(Duration::from_millis(1), calls.make("a.example", move || ended.recv())).await;
        assert!(given_up.is_err());
        assert_eq!(calls.places.available_permits(), 0);
        end.send(()).unwrap();
        assert_eq!(calls.make("b.example", || 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_domain_that_hangs_leaves_places_to_the_others() {
        let (calls, (end, ended)) = (Calls::new(2, 1), channel::<()>());
        let first = timeout(Duration::from_millis(1), calls.make("dead.example", move || ended.recv())).await;
        assert!(first.is_err());
        let second = timeout(Duration::from_millis(1), calls.make("dead.example", || ())).await;
        assert!(second.is_err(), "its one place is taken");
        assert_eq!(calls.make("alive.example", || 7).await.unwrap(), 7);
        end.send(()).unwrap();
        calls.make("dead.example", || ()).await.unwrap();
        assert!(calls.by_domain.lock().unwrap().len() <= 2);
    }

    #[test]
    fn whose_name_servers_are_asked() {
        for (name, asked) in [("localhost", "localhost"), ("example.com", "example.com"), ("a.b.example.com", "example.com")] {
            assert_eq!(domain(name), asked);
        }
    }

    #[tokio::test]
    async fn the_machine_itself_has_a_name() {
        let found = SystemResolver::default().resolve("localhost").await.unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
    }
}
