//! Lists the samples under `events/`, so that a new one needs no more than its file.

#![expect(clippy::disallowed_methods, reason = "this is how cargo tells a build script where things are")]

use std::{env, fs, path::Path};

fn main() {
    let events = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../events");
    println!("cargo::rerun-if-changed={}", events.display());
    let mut samples = Vec::new();
    for provider in names(&events) {
        // Those in events/apigw are the same in another wrapping.
        if provider != "apigw" {
            find(&events.join(&provider), "", &mut |name| samples.push((provider.clone(), name)));
        }
    }
    samples.sort();
    let list: Vec<_> = samples
        .iter()
        .map(|(provider, name)| {
            let file = events.join(provider).join(format!("{name}.json"));
            format!("Sample {{ provider: {provider:?}, name: {name:?}, text: include_str!({file:?}) }},\n")
        })
        .collect();
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("samples.rs");
    fs::write(out, format!("&[\n{}]", list.concat())).expect("the folder for what is generated takes files");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{} can't be read: {error}", folder.display()));
    entries.map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8")).collect()
}

/// The files below a folder as paths from there, without `.json`.
fn find(folder: &Path, prefix: &str, found: &mut impl FnMut(String)) {
    for name in names(folder) {
        let path = folder.join(&name);
        if path.is_dir() {
            find(&path, &format!("{prefix}{name}/"), found);
        } else if let Some(name) = name.strip_suffix(".json") {
            found(format!("{prefix}{name}"));
        }
    }
}
