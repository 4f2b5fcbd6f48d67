//! What the adapters make of answers that no emulator gives: throttling, conflicts, errors inside the service, lost connections, partial success.

mod fake;
mod mail;
mod queue;
mod secrets;
mod store;
