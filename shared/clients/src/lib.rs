//! HTTP clients that both homes use.

pub mod twilio;
