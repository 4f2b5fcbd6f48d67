//! The fuzz targets that need the gateway over their corpora. Files that begin with `valid` are let in, the others not.

use std::{fs, path::PathBuf};

#[path = "../../../../fuzz/src/json.rs"]
pub(crate) mod json;
#[path = "../../../../fuzz/src/twiml.rs"]
mod twiml;

type Target = fn(&[u8]) -> bool;

const TARGETS: [(&str, Target); 2] = [("json", json::json), ("twiml", twiml::twiml)];

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = fs::read_dir(folder).expect("there is a corpus").map(|file| file.expect("readable"));
    files.map(|file| (file.file_name().into_string().expect("UTF-8"), fs::read(file.path()).expect("readable"))).collect()
}

#[test]
fn the_corpus() {
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        assert!(corpus.iter().any(|(file, _)| file.starts_with("valid")), "{name}");
        for (file, data) in corpus {
            assert_eq!(target(&data), file.starts_with("valid"), "{name}/{file}");
        }
    }
}

#[test]
fn next_to_the_corpus() {
    for (name, target) in TARGETS {
        for (_, data) in corpus(name) {
            for at in (0..data.len()).step_by(data.len() / 40 + 1) {
                target(&data[..at]);
                let mut changed = data.clone();
                changed[at] ^= 1 << (at % 8);
                target(&changed);
                changed.remove(at);
                target(&changed);
            }
        }
    }
}
