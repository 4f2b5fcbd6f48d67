//! Which URLs and addresses webhooks may go to: the guard against server-side request forgery. No I/O.
//!
//! A URL is read once, strictly, into a [`Target`]: whatever libraries differ about (user info, numbers that some read as addresses, zones) is
//! refused rather than understood. Each address that its host resolves to is then judged by [`Rules::judge`], and only a list of which every
//! single one may be reached is let through. Who connects must connect to one of exactly those addresses.

mod range;
mod rules;
mod special;
mod target;

pub use range::{BadRange, Range};
pub use rules::{Loopback, Refused, Rules};
pub use target::{BadTarget, Host, Target};
