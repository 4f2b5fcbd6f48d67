use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use sluice_core::ports::{PostFailure, Step};
use sluice_guard::{Host, Target};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{
    HEAD,
    exchange::Progress,
    failed,
    meter::{Allowance, Metered},
};
use crate::https::with_sources;

/// An open connection.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Full<Bytes>>,
    /// How much of what the receiver sends is still read.
    pub(super) allowance: Allowance,
}

/// Opens connections to addresses that were checked.
pub(super) struct Connector {
    tls: TlsConnector,
}

impl Connector {
    pub(super) fn new(tls: ClientConfig) -> Self {
        Self { tls: TlsConnector::from(Arc::new(tls)) }
    }

    /// Connects. `patience`: how long the address may take to take the connection, where there is another one to try.
    pub(super) async fn connect(
        &self,
        target: &Target,
        address: SocketAddr,
        patience: Option<Duration>,
        progress: &Progress,
    ) -> Result<Connection, PostFailure> {
        progress.reached(Step::Connect);
        let connecting = TcpStream::connect(address);
        let connected = match patience {
            Some(patience) => timeout(patience, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
            None => connecting.await,
        };
        let stream = connected.map_err(|error| failed(Step::Connect, format!("no connection: {error}")))?;
        // A request is written in one piece. Fails on a connection that is gone, which shows soon enough.
        let _ = stream.set_nodelay(true);
        if !target.is_secure() {
            return open(stream).await;
        }
        progress.reached(Step::Tls);
        let wrong = |error: &dyn std::error::Error| failed(Step::Tls, format!("no TLS: {}", with_sources(error)));
        let name = match target.host() {
            Host::Name(name) => ServerName::try_from(name.clone()).map_err(|error| wrong(&error))?,
            Host::Address(address) => ServerName::IpAddress((*address).into()),
        };
        let stream = self.tls.connect(name, stream).await.map_err(|error| wrong(&error))?;
        open(stream).await
    }
}

async fn open(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Connection, PostFailure> {
    let allowance = Allowance::default();
    // Before a request nothing is due, and little more than nothing is read.
    allowance.renew(HEAD);
    let stream = TokioIo::new(Metered::new(stream, allowance.clone()));
    let opened = Builder::new().max_buf_size(HEAD).handshake(stream).await;
    let (sender, connection) = opened.map_err(|error| failed(Step::Answer, format!("no answer: {}", with_sources(&error))))?;
    // Ends when the sender is dropped, and when the receiver closes.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to a receiver broke");
        }
    });
    Ok(Connection { sender, allowance })
}
