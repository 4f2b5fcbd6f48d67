//! Trains the dictionary that a provider's bodies are compressed with.
//!
//! The samples under `events/` are varied where real events differ (ids, times, amounts, people), so that the dictionary learns what stays.
//! The same samples always give the same dictionary. One that is in use is never overwritten by other bytes: bodies compressed with it
//! could not be read again.

use std::{collections::BTreeMap, fs, path::Path};

/// The greatest size of a dictionary, in bytes.
const SIZE: usize = 48 << 10;
/// How many variants of each sample are trained on.
const VARIANTS: u64 = 80;
/// The version that is written.
const VERSION: u32 = 1;
/// As bodies are compressed by the gateway.
const LEVEL: i32 = 3;

/// Writes the dictionary of a provider from its samples, and reports what it is good for.
pub(crate) fn write(provider: &str) -> Result<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let bodies = bodies(&root.join("events").join(provider))?;
    let training: Vec<String> = (0..VARIANTS).flat_map(|variant| bodies.values().map(move |body| vary(body, variant))).collect();
    let dictionary =
        zstd::dict::from_samples(&training, SIZE).map_err(|error| format!("the samples do not train a dictionary: {error}"))?;
    let mut report = keep(&root, &format!("shared/core/dictionaries/{provider}-{VERSION}.dict"), &dictionary)?;
    let mut with = compressor(&dictionary)?;
    let mut without = compressor(&[])?;
    for (name, body) in &bodies {
        // A variant that was not trained on.
        let body = vary(body, VARIANTS);
        let size = |compressor: &mut zstd::bulk::Compressor<'_>| {
            let compressed = compressor.compress(body.as_bytes());
            compressed.map(|bytes| bytes.len()).map_err(|error| format!("cannot compress {name}: {error}"))
        };
        report += &format!("\n{name}: {} bytes, {} compressed, {} with the dictionary", body.len(), size(&mut without)?, size(&mut with)?);
    }
    Ok(report)
}

fn compressor(dictionary: &[u8]) -> Result<zstd::bulk::Compressor<'static>, String> {
    zstd::bulk::Compressor::with_dictionary(LEVEL, dictionary).map_err(|error| format!("zstd does not take the dictionary: {error}"))
}

fn keep(root: &Path, shown: &str, dictionary: &[u8]) -> Result<String, String> {
    let path = root.join(shown);
    match fs::read(&path) {
        Ok(kept) if kept == dictionary => return Ok(format!("{shown} is as these samples make it")),
        Ok(_) => {
            return Err(format!("{shown} is made of other samples, and bodies are compressed with it: raise VERSION and keep the old one"));
        }
        Err(_) => {}
    }
    let written = fs::create_dir_all(path.parent().unwrap_or(root)).and_then(|()| fs::write(&path, dictionary));
    written.map_err(|error| format!("cannot write {shown}: {error}"))?;
    Ok(format!("{shown}: {} bytes", dictionary.len()))
}

/// The bodies of a folder's samples and of those in its folders by path, which is also their order in training.
fn bodies(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let problem = |error: &dyn std::fmt::Display| format!("cannot read the samples in {}: {error}", folder.display());
    let mut found = BTreeMap::new();
    for file in fs::read_dir(folder).map_err(|error| problem(&error))? {
        let path = file.map_err(|error| problem(&error))?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(bodies(&path)?.into_iter().map(|(inner, body)| (format!("{name}/{inner}"), body)));
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|error| problem(&error))?;
        let sample: serde_json::Value = serde_json::from_str(&text).map_err(|error| problem(&error))?;
        let body = sample["body"].as_str().ok_or_else(|| problem(&"a sample has no body"))?;
        found.insert(name, body.to_owned());
    }
    Ok(found)
}

/// The body with other ids, times, amounts and people; the same for the same variant.
fn vary(body: &str, variant: u64) -> String {
    let mut random = Random(variant);
    let mut words: BTreeMap<&str, String> = BTreeMap::new();
    let mut varied = String::with_capacity(body.len());
    let is_word = |character: char| character.is_ascii_alphanumeric();
    let mut rest = body;
    while let Some(start) = rest.find(is_word) {
        let (between, tail) = rest.split_at(start);
        let (word, tail) = tail.split_at(tail.find(|character| !is_word(character)).unwrap_or(tail.len()));
        varied.push_str(between);
        varied.push_str(words.entry(word).or_insert_with(|| another(word, &mut random)));
        rest = tail;
    }
    varied.push_str(rest);
    varied
}

/// What stands in a word's place in another event: the word itself if it belongs to the vocabulary.
fn another(word: &str, random: &mut Random) -> String {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if digits == word.len() {
        return match digits {
            10 => (1_700_000_000 + random.below(200_000_000)).to_string(),
            // Shopify's ids are long, and all of digits.
            3..=9 | 17..=20 => digits_like(word, random),
            _ => word.to_owned(),
        };
    }
    let capitals = word.bytes().filter(u8::is_ascii_uppercase).count();
    // Ids, tokens and keys mix letters and digits, or have capitals in the middle.
    let is_id = word.len() >= 8 && (digits > 0 && capitals > 1 || capitals > 2) || word.len() >= 4 && digits > 0 && hex(word);
    if is_id {
        return word.bytes().map(|byte| char::from(random.like(byte))).collect();
    }
    if PEOPLE.contains(&word) {
        let length = 4 + random.below(6);
        let mut name: String = (0..length).map(|_| char::from(random.like(b'a'))).collect();
        if capitals > 0 {
            name[..1].make_ascii_uppercase();
        }
        return name;
    }
    word.to_owned()
}

/// What the samples call their people and places.
const PEOPLE: [&str; 9] = ["Dana", "Whitfield", "dana", "whitfield", "Alder", "Studio", "alder", "studio", "Portland"];

fn hex(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn digits_like(word: &str, random: &mut Random) -> String {
    let first = b"123456789"[usize::try_from(random.below(9)).unwrap_or(0)];
    let rest = word.bytes().skip(1).map(|byte| if byte == b'0' { b'0' } else { random.like(byte) });
    std::iter::once(first).chain(rest).map(char::from).collect()
}

/// SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>): the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Another digit, small letter or capital for one.
    fn like(&mut self, byte: u8) -> u8 {
        let (first, count) = match byte {
            b'0'..=b'9' => (b'0', 10),
            b'a'..=b'z' => (b'a', 26),
            b'A'..=b'Z' => (b'A', 26),
            _ => return byte,
        };
        first + u8::try_from(self.below(count)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_between_events_varies_and_the_rest_stays() {
        let body = "{\n  \"id\": \"evt_1SVeH9J8rWc2LdKeR4uYx6Ks\",\n  \"created\": 1795176000,\n  \"api_version\": \"2026-10-28.endive\",\n  \
            \"again\": \"evt_1SVeH9J8rWc2LdKeR4uYx6Ks\",\n  \"amount_refunded\": 6000,\n  \"name\": \"Dana\",\n  \"line1\": null\n}";
        let varied = vary(body, 7);
        assert_eq!(vary(body, 7), varied);
        assert_ne!(vary(body, 8), varied);
        let json: serde_json::Value = serde_json::from_str(&varied).expect("still JSON");
        assert_eq!(json["id"], json["again"]);
        for kept in ["\"id\": \"evt_", ".endive\"", "\"amount_refunded\": ", "\"line1\": null"] {
            assert!(varied.contains(kept), "{kept} in {varied}");
        }
        for gone in ["SVeH9J8rWc2", "1795176000", "6000,", "Dana"] {
            assert!(!varied.contains(gone), "{gone} in {varied}");
        }
    }
}
