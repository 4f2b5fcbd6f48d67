//! Webhook signatures: verify and sign, every scheme Sluice knows. No I/O, no clock, no async.
