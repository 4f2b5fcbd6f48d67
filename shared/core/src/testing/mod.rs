//! What tests stand on: a clock that is set, ids that repeat, ports in memory, faults, the whole gateway on top of them, and the contract
//! suites that every adapter runs.

mod captured;
mod clock;
pub mod contract;
mod faults;
mod ids;
pub mod invariants;
mod memory_queue;
mod memory_store;
mod size;
mod world;

pub use captured::{Captured, Sent};
pub use clock::ManualClock;
pub use faults::{DELAY, Fault, Faults, Faulty};
pub use ids::CountingIds;
pub use memory_queue::{MemoryQueue, MemoryReceived};
pub use memory_store::MemoryStore;
pub use size::TestSize;
pub use world::{World, stripe};
