//! Sluice's ports on one machine: store and queue on SQLite, mail over SMTP, a capture outbox.

pub mod smtp;
