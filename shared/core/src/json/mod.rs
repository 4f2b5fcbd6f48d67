//! Finds a few places in a JSON text in one pass, and makes sure on the way that all of it is JSON.
//!
//! Naming an event takes a handful of texts out of some kilobytes. What is not asked for is checked and passed over, nothing is kept, and there is no recursion
//! into it. What is accepted is exactly what serde_json accepts for a type that ignores the other fields: it checks how strings are escaped and not what
//! they say, and sets what is passed over no limit of depth.

mod cursor;
mod fields;
mod nesting;
mod special;

pub use self::{
    cursor::NotJson,
    fields::{Repeats, Value, entries, fields, insist},
};
