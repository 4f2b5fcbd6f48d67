//! The gateway in memory: the rules by example, any order by property, and every call going wrong.

mod api;
mod contract;
mod faults;
mod ingest;
mod operator;
mod order;
mod providers;
mod rules;
mod support;
