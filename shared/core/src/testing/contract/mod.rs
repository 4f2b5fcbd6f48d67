//! The contract suites: one for each port, the same for every adapter. Each case is a function of its own, and `all` runs every one of them on a fresh
//! namespace, because a store in the cloud can't be emptied between cases.

pub mod queue;
pub mod store;

/// Runs cases one after the other, each on what `open` makes for its name.
macro_rules! run_each {
    ($open:ident: $($($part:ident)::+,)+) => {
        $(Box::pin($($part)::+(&$open(stringify!($($part)::+)).await)).await;)+
    };
}
use run_each;
