//! What GitHub, Shopify and Sendro have in common: HMAC-SHA256 of the body and nothing else, so no time either.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{CannotSign, Invalid, Secret, Verified, secret::filled};

pub(crate) fn verify(body: &[u8], signature: &[u8; 32], secrets: &[Secret]) -> Result<Verified, Invalid> {
    let secrets = filled(secrets)?;
    for (secret, key) in secrets.clone() {
        if mac(key, body).verify_slice(signature).is_ok() {
            return Ok(Verified { secret, timestamp: None });
        }
    }
    Err(Invalid::NoMatch { signatures: 1, secrets: secrets.count(), urls: 0, timestamp: None })
}

/// With the first secret: these headers hold one signature.
pub(crate) fn sign(body: &[u8], secrets: &[Secret]) -> Result<[u8; 32], CannotSign> {
    let (_, key) = filled(secrets)?.next().ok_or(CannotSign::NoSecret)?;
    Ok(mac(key, body).finalize().into_bytes().into())
}

fn mac(secret: &Secret, body: &[u8]) -> Hmac<Sha256> {
    secret.sha256().chain_update(body)
}
