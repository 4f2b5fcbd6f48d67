#![no_main]

#[path = "../src/twiml.rs"]
mod twiml;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    twiml::twiml(data);
});
