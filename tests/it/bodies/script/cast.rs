use std::collections::BTreeMap;

use sluice_tests::{fresh, seconds_now};

/// What stands in the script where a name of its own is to be.
pub(super) const STORY: &str = "STORY";
/// The length of what follows the prefix of an id that Sluice makes.
const DIGEST: usize = 22;

/// Who plays in the script: the names that its samples and puts have, and those that they go by in this run, so that it never meets itself.
pub(super) struct Cast {
    names: Vec<(&'static str, String)>,
    events: BTreeMap<String, &'static str>,
}

impl Cast {
    pub(super) fn fresh() -> Self {
        let now = seconds_now();
        let run = fresh("");
        let names = vec![
            // A part of all ids of Stripe's account, and the customer there.
            ("J8rWc2LdKe", format!("A{run}")),
            ("TkV3mXq8ZrB1Na", format!("C{run}")),
            // Shopify's numbers of the order and the customer, and of the product; the shop and GitHub's owner; the repository.
            ("820982911946154", format!("8{now}0001")),
            ("788032119674292", format!("7{now}0002")),
            ("alder-studio-example", format!("alder-{run}")),
            ("9007199254741", format!("9{now}03")),
            ("dana.whitfield@", format!("dana.{run}@")),
            ("owner@", format!("owner.{run}@")),
            ("5035550142", format!("{now:010}")),
            ("SM2e541c3a9012c0f462cb5535e64cd299", format!("SM1{run}")),
            ("SM39023f6b4a414a10f244b90b8a1d3440", format!("SM2{run}")),
            ("CAd235b4822610476bb27603a3daf7cf1d", format!("CA{run}")),
            ("em_4BhSRRRyjZKmUjFKsQcwWx", format!("em_{run}")),
            (STORY, run),
        ];
        Self { names, events: BTreeMap::new() }
    }

    /// A text of the script as it is played in this run.
    pub(super) fn play(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, own)| text.replace(name, own))
    }

    /// Whether somebody of the cast is in a text.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.names.iter().any(|(_, own)| text.contains(own))
    }

    /// Remembers an event by its label.
    pub(super) fn name_event(&mut self, id: &str, label: &'static str) {
        self.events.insert(id.to_owned(), label);
    }

    /// A text of this run as the script has it: with its names, and with ids and times that no run shares with another left out.
    pub(super) fn tell(&self, text: &str) -> String {
        let mut told = text.to_owned();
        for (id, label) in &self.events {
            told = told.replace(id, &format!("<{label}>"));
        }
        let mut names: Vec<_> = self.names.iter().collect();
        // The run's own name is a part of others.
        names.sort_by_key(|(_, own)| std::cmp::Reverse(own.len()));
        for (name, own) in names {
            told = told.replace(own, name);
        }
        without_times(&numbered(&numbered(&told, "ms_"), "in_"))
    }
}

/// The ids that Sluice makes of this prefix, numbered in the order in which they appear.
fn numbered(text: &str, prefix: &str) -> String {
    let mut known: Vec<&str> = Vec::new();
    let mut told = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(prefix) {
        let (before, found) = rest.split_at(at);
        told.push_str(before);
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        let length = prefix.len() + found.bytes().skip(prefix.len()).take_while(is_part).count();
        let id = &found[..length];
        if length == prefix.len() + DIGEST {
            let number = known.iter().position(|known| *known == id).unwrap_or_else(|| {
                known.push(id);
                known.len() - 1
            });
            told.push_str(&format!("<{prefix}{number}>"));
        } else {
            told.push_str(id);
        }
        rest = &found[length..];
    }
    told + rest
}

/// The text without the times at which something was heard. Those that the script tells are a year back.
fn without_times(text: &str) -> String {
    let is_time = |part: &str| {
        let bytes = part.as_bytes();
        bytes.len() >= 20
            && bytes.ends_with(b"Z")
            && bytes[10] == b'T'
            && part.get(..4).and_then(|year| year.parse().ok()).is_some_and(|year: u16| year > super::steps::YEAR)
    };
    let parts: Vec<_> = text.split('"').map(|part| if is_time(part) { "<heard>" } else { part }).collect();
    parts.join("\"")
}
