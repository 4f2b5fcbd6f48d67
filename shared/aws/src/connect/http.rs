use std::{path::Path, time::Duration};

use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::EnvironmentProblem;

/// [Amazon's root certificates](https://www.amazontrust.com/repository/), the only ones that AWS's endpoints lead up to. Parsing five takes a fraction of a
/// millisecond; the system's 140 take 4.5.
const AMAZON_ROOTS: &[u8] = include_bytes!("../../roots/amazon.pem");

/// How long a connection may lie unused before it is closed. Shorter than the endpoints keep theirs: a function that was frozen meanwhile would otherwise write
/// its first request into a dead connection, and could not know whether it arrived.
const IDLE: Duration = Duration::from_secs(20);

/// The HTTP client that all services share: one pool of connections, one TLS configuration.
pub(super) fn client(ca_bundle: Option<&Path>) -> Result<SharedHttpClient, EnvironmentProblem> {
    let roots = match ca_bundle {
        Some(path) => read_bundle(path)?,
        None => AMAZON_ROOTS.to_vec(),
    };
    let tls = TlsContext::builder().with_trust_store(TrustStore::empty().with_pem_certificate(roots)).build();
    let tls = tls.expect("the builder only keeps what it is given");
    Ok(Builder::new().pool_idle_timeout(IDLE).tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls).build_https())
}

/// Reads a file of certificates, all of which must be good: the HTTP client would panic at the first that is not.
fn read_bundle(path: &Path) -> Result<Vec<u8>, EnvironmentProblem> {
    let problem = |problem: String| EnvironmentProblem { variable: "AWS_CA_BUNDLE", problem };
    let unusable = |cause: &dyn std::fmt::Display| problem(format!("{} has no usable certificates: {cause}", path.display()));
    let bytes = std::fs::read(path).map_err(|cause| problem(format!("{} can't be read: {cause}", path.display())))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|cause| unusable(&cause))?;
        roots.add(certificate).map_err(|cause| unusable(&cause))?;
    }
    if roots.is_empty() {
        return Err(unusable(&"there is none in it"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amazons_roots_are_good() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("roots/amazon.pem");
        let bytes = read_bundle(&path).expect("five certificates");
        assert_eq!(CertificateDer::pem_slice_iter(&bytes).count(), 5);
    }

    #[test]
    fn an_unusable_bundle_is_refused() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(client(Some(&manifest)).unwrap_err().to_string().contains("AWS_CA_BUNDLE"));
        assert!(client(Some(Path::new("/does/not/exist.pem"))).is_err());
    }
}
