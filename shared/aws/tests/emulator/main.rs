//! The adapters against an AWS emulator, or against AWS.
//!
//! Without further word an emulator of its own is started, from the program that `SLUICE_EMULATOR` names (`cargo xtask aws-tests` installs it and sets the
//! variable). With `SLUICE_TEST_AWS=environment` the tests go where the usual `AWS_…` variables lead: to another emulator, or to an account, where they
//! make tables and queues of their own, and leave them behind if they fail.

mod emulator;
mod home;
mod mail;
mod queue;
mod secrets;
mod store;
