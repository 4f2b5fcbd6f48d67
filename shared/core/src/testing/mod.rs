//! What tests stand on: a clock that is set, ids that repeat, ports in memory, faults, the whole gateway on top of them, and the contract
//! suites that every adapter runs.

mod canned_stripe;
mod captured;
mod clock;
pub mod contract;
mod faults;
mod findable;
mod ids;
pub mod invariants;
mod memory_queue;
mod memory_store;
mod receivers;
mod size;
mod world;

pub use canned_stripe::CannedStripe;
pub use captured::{Captured, Sent};
pub use clock::ManualClock;
pub use faults::{DELAY, Fault, Faults, Faulty};
pub use findable::assert_findable;
pub use ids::CountingIds;
pub use memory_queue::{MemoryQueue, MemoryReceived};
pub use memory_store::MemoryStore;
pub use receivers::{Got, Receivers};
pub use size::TestSize;
pub use world::{World, stripe};
