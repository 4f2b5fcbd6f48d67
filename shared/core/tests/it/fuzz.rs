//! The fuzz target of the TwiML writer over its corpus. Files that begin with `valid` can be set, the others not.

use std::{fs, path::PathBuf};

#[path = "../../../../fuzz/src/twiml.rs"]
mod target;

use target::twiml;

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/twiml");
    let files = fs::read_dir(folder).expect("there is a corpus").map(|file| file.expect("readable"));
    files.map(|file| (file.file_name().into_string().expect("UTF-8"), fs::read(file.path()).expect("readable"))).collect()
}

#[test]
fn the_corpus() {
    let corpus = corpus();
    assert!(corpus.iter().any(|(file, _)| file.starts_with("valid")));
    for (file, data) in corpus {
        assert_eq!(twiml(&data), file.starts_with("valid"), "{file}");
    }
}

#[test]
fn next_to_the_corpus() {
    for (_, data) in corpus() {
        for at in (0..data.len()).step_by(data.len() / 40 + 1) {
            twiml(&data[..at]);
            let mut changed = data.clone();
            changed[at] ^= 1 << (at % 8);
            twiml(&changed);
            changed.remove(at);
            twiml(&changed);
        }
    }
}
