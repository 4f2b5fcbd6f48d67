//! What is deployed on AWS, tested from outside: what every home passes, and what only queues, functions and secrets of their own can show.
//!
//! The stacks are those of `cargo xtask e2e`, on an emulator. It differs from AWS in what these tests see:
//! - policies refuse nothing, and functions built for this machine run whatever the template says of processors;
//! - a mail is captured instead of sent, and its tags and configuration set are not shown;
//! - a batch begins as soon as there is a message, and messages come back to the second; on AWS both take a little longer;
//! - generated secrets have punctuation in them, whatever the template says;
//! - it answers `OPTIONS` itself, which AWS passes on where no CORS is set up;
//! - `StartMessageMoveTask` is missing: dead letters are moved one by one.

mod bad_records;
mod bodies;
mod hold;
mod interface;
mod providers;
mod rotation;

use std::sync::Arc;

use sluice_tests::aws::Stack;

/// The stack whose times are so short that tests can wait for them.
fn brisk() -> Arc<Stack> {
    Stack::shared("sluice-brisk")
}
