//! The built binaries, end to end.
//!
//! `bodies` holds what every home must pass. `one_machine` passes it on this machine, and `machine` holds what only a process on a machine can show;
//! `aws` passes it deployed on AWS, and holds what can only be shown there.

mod aws;
mod bodies;
mod machine;
mod one_machine;
