//! HTTP clients that both homes use.
