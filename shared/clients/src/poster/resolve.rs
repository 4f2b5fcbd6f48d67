use std::{io, net::IpAddr};

use async_trait::async_trait;

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
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        // The dot keeps the system from completing the name with the domains of its own network. `localhost` is in its table of hosts without one.
        let whole = if name == "localhost" { name.to_owned() } else { format!("{name}.") };
        Ok(tokio::net::lookup_host((whole, 0)).await?.map(|address| address.ip()).collect())
    }
}
