//! The built command, end to end.
//!
//! `bodies` holds what every home must pass; `one_machine` passes it on this machine, and `machine` holds what only a process on a machine can show.

mod bodies;
mod machine;
mod one_machine;
