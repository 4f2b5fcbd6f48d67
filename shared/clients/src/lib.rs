//! HTTP clients that both homes use.

mod https;
pub mod poster;
pub mod stripe;
pub mod twilio;
