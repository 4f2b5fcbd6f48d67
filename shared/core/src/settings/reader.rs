use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
    time::Duration,
};

use super::{Problem, TABLE};
use crate::{secrets::DEFAULT_SOURCE, time::parse_length};

/// Reads settings one by one and gathers the mistakes.
#[derive(Debug)]
pub struct Reader<'a> {
    environment: &'a BTreeMap<String, String>,
    problems: Vec<Problem>,
    doubts: Vec<String>,
}

impl<'a> Reader<'a> {
    /// A reader of the environment, given as a whole.
    #[must_use]
    pub fn new(environment: &'a BTreeMap<String, String>) -> Self {
        Self { environment, problems: Vec::new(), doubts: Vec::new() }
    }

    /// Notes a mistake.
    pub fn problem(&mut self, setting: &str, problem: impl Into<String>) {
        let problem = Problem { setting: setting.to_owned(), problem: problem.into() };
        // Two parts may read the same setting.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// The settings in which a mistake was noted.
    pub(super) fn wrong(&self) -> BTreeSet<String> {
        self.problems.iter().map(|problem| problem.setting.clone()).collect()
    }

    /// The settings, if nothing was wrong.
    ///
    /// # Errors
    /// Every mistake that was noted, by setting.
    pub fn finish<T>(mut self, settings: T) -> Result<T, Vec<Problem>> {
        if self.problems.is_empty() {
            return Ok(settings);
        }
        self.problems.sort_by(|a, b| a.setting.cmp(&b.setting));
        Err(self.problems)
    }

    /// A name that begins with `SLUICE_` and that nothing reads is a slip of the pen, and would be overlooked.
    pub fn refuse_unknown(&mut self) {
        let known = |name: &str| TABLE.iter().any(|setting| setting.covers(name));
        for name in self.environment.keys().filter(|name| name.starts_with("SLUICE_") && !known(name)) {
            let nearest = TABLE.iter().map(|setting| setting.name).max_by_key(|candidate| likeness(candidate, name)).unwrap_or_default();
            self.problems.push(Problem { setting: name.clone(), problem: format!("is not a setting; is {nearest} meant?") });
        }
    }

    /// Notes of a setting, if it is set, that it does nothing, and `why`.
    pub(super) fn idle(&mut self, setting: &str, why: &str) {
        if self.text(setting).is_some() {
            self.doubts.push(format!("{setting}: does nothing: {why}"));
        }
    }

    /// Notes every setting that only functions on Lambda read.
    pub(super) fn idle_on_one_machine(&mut self) {
        for setting in TABLE.iter().filter(|setting| setting.is_for_lambda()) {
            self.idle(setting.name, "only functions on Lambda read it");
        }
    }

    /// What is set and not read: it does nothing, or it looks like a setting with a slip of the pen and can't be refused, because it does not begin with
    /// `SLUICE_` and may be another program's.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let others = || TABLE.iter().filter(|setting| !setting.name.starts_with("SLUICE_"));
        let known = |name: &str| TABLE.iter().any(|setting| setting.covers(name));
        let set = self.environment.iter().filter(|(name, value)| !known(name) && !value.trim().is_empty());
        let alike = set.filter_map(|(name, _)| Some((name, others().find(|setting| name.starts_with(setting.family_name()))?)));
        let alike = alike.map(|(name, setting)| format!("{name}: is not a setting, and is not read; is {} meant?", setting.name));
        self.doubts.iter().cloned().chain(alike).collect()
    }

    /// The setting as text; one that is empty counts as not set.
    #[must_use]
    pub fn text(&self, setting: &str) -> Option<&'a str> {
        debug_assert!(TABLE.iter().any(|known| known.covers(setting)), "{setting} is not in the table of settings");
        self.environment.get(setting).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// The setting as text. If it is not set it is `otherwise`, and a mistake if it is `required`; `what` says what to set it to.
    pub fn required_if(&mut self, required: bool, setting: &str, otherwise: &str, what: &str) -> String {
        match self.text(setting) {
            Some(text) => text.to_owned(),
            None => {
                if required {
                    self.problem(setting, format!("is missing: set it to {what}"));
                }
                otherwise.to_owned()
            }
        }
    }

    /// The values of a setting that are separated by commas.
    #[must_use]
    pub fn list(&self, setting: &str) -> Vec<String> {
        let text = self.text(setting).unwrap_or_default();
        text.split(',').map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }

    /// The setting and those of the same name with `__SOURCE`: source, name and values of each. Two for the same source are a mistake.
    pub fn family(&mut self, setting: &str) -> Vec<(String, String, Vec<String>)> {
        let source = |name: &str| match name.strip_prefix(setting)? {
            "" => Some(DEFAULT_SOURCE.to_owned()),
            rest => Some(rest.strip_prefix("__")?.to_lowercase()),
        };
        let set = self.environment.iter().filter(|(_, value)| !value.trim().is_empty());
        let family: Vec<_> = set.filter_map(|(name, _)| Some((source(name)?, name.clone(), self.list(name)))).collect();
        for (at, (source, name, _)) in family.iter().enumerate() {
            if let Some((_, first, _)) = family[..at].iter().find(|(other, ..)| other == source) {
                self.problem(name, format!("is the same as {first}; leave out one of them"));
            }
        }
        family
    }

    /// The names of the setting and those with `__SOURCE` that are set and hold nothing.
    pub(super) fn blank(&self, setting: &str) -> Vec<String> {
        let of_it = |name: &str| name.strip_prefix(setting).is_some_and(|rest| rest.is_empty() || rest.starts_with("__"));
        let blank = self.environment.iter().filter(|(name, value)| of_it(name) && value.trim().is_empty());
        blank.map(|(name, _)| name.clone()).collect()
    }

    /// The setting as `read` reads it, whose error is noted; `None` if it is not set or wrong.
    pub fn read<T>(&mut self, setting: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(setting)?;
        read(text).map_err(|problem| self.problem(setting, problem)).ok()
    }

    /// The setting parsed, or `otherwise`; `what` says what it must be.
    pub fn parsed<T: FromStr>(&mut self, setting: &str, otherwise: T, what: &str) -> T {
        self.read(setting, |text| text.parse().map_err(|_| format!("must be {what}"))).unwrap_or(otherwise)
    }

    /// The setting as a length of time, such as `2h`, or `otherwise`.
    pub fn length(&mut self, setting: &str, otherwise: Duration) -> Duration {
        self.read(setting, |text| parse_length(text).map_err(|error| error.to_string())).unwrap_or(otherwise)
    }

    /// The setting as one of these names.
    pub fn choice<T: Copy>(&mut self, setting: &str, choices: &[(&str, T)]) -> Option<T> {
        self.read(setting, |text| {
            let chosen = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            chosen.ok_or_else(|| format!("must be {}", names.join(" or ")))
        })
    }

    /// The setting as `on` or `off`, or `otherwise`.
    pub fn switch(&mut self, setting: &str, otherwise: bool) -> bool {
        self.choice(setting, &[("on", true), ("off", false)]).unwrap_or(otherwise)
    }
}

/// How many letters two names share at their start and at their end.
fn likeness(a: &str, b: &str) -> usize {
    let start = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let end = a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count();
    start + end
}
