//! The fuzz targets over their corpus, so that what was once found stays found. Files that begin with `valid` are let in, the others not.

use std::{collections::BTreeMap, fs, path::PathBuf};

#[path = "../../../fuzz/src/lib.rs"]
pub mod targets;

/// The files of a target's corpus.
fn corpus(target: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).expect("each target has a corpus");
    let read = |file: fs::DirEntry| (file.file_name().into_string().expect("UTF-8"), fs::read(file.path()).expect("readable"));
    files.map(|file| read(file.expect("readable"))).collect()
}

#[test]
fn the_corpus() {
    for (name, target) in targets::TARGETS {
        let corpus = corpus(name);
        assert!(corpus.keys().any(|file| file.starts_with("valid")), "{name}");
        for (file, data) in corpus {
            assert_eq!(target(&data), file.starts_with("valid"), "{name}/{file}");
        }
    }
}

/// What a fuzzer would try first.
#[test]
fn next_to_the_corpus() {
    for (name, target) in targets::TARGETS {
        for data in corpus(name).into_values() {
            // Every place of what is short, and some of what is long.
            for at in (0..data.len()).step_by(data.len() / 40 + 1) {
                target(&data[..at]);
                let mut changed = data.clone();
                changed.remove(at);
                target(&changed);
                let mut changed = data.clone();
                changed[at] ^= 1 << (at % 8);
                target(&changed);
            }
        }
    }
}
