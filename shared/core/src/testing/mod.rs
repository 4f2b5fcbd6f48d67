//! What tests stand on: a clock that is set, ids that repeat, stores in memory, and the contract suites that every adapter runs.

mod clock;
pub mod contract;
mod ids;
mod memory_store;

pub use clock::ManualClock;
pub use ids::CountingIds;
pub use memory_store::MemoryStore;
