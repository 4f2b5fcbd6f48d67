use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Heard, History, Latest, latest::first};
use crate::{
    kind::{Filter, Served, group_places, served_record},
    ports::{Index, Place},
    record::{Record, place},
    schema::{Described, Named, described, name_object, refer},
    time::Timestamp,
};

/// How many releases are kept: what is last stays known when the latest ones are deleted.
const RELEASES: usize = 10;
/// How long a closed pull request is kept, so that an earlier event that comes late opens it no more. Longer than event records live.
const CLOSED: std::time::Duration = std::time::Duration::from_hours(40 * 24);

/// A repository at GitHub: <https://docs.github.com/en/rest/repos/repos>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// GitHub's number of it, which stays when it is renamed or moved.
    pub id: String,
    /// What was said last of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<Latest<RepositoryFact>>,
    /// The last push.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_push: Option<Latest<Push>>,
    /// The last word on each pull request, by number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pull_requests: BTreeMap<u64, Latest<PullRequestFact>>,
    /// The latest releases, by GitHub's number of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    releases: BTreeMap<u64, Release>,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// When it was heard of.
    pub heard: Heard,
    /// Which events changed it.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
}

/// What an event says of a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RepositoryFact {
    /// Owner and name.
    pub full_name: String,
    /// The branch that is worked on.
    pub default_branch: Option<String>,
    /// Whether only some may see it.
    pub private: bool,
    /// Whether it is closed to changes.
    pub archived: bool,
}

/// A push.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Push {
    /// What it moved, such as `refs/heads/main`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The commit that it moved it to.
    pub commit: String,
    /// Who pushed.
    pub by: Option<String>,
}

/// Whether a pull request is open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PullRequestFact {
    /// Whether it is. Of two words of the same second the one that closes it counts.
    pub closed: bool,
    /// Its title; of a closed one it is not kept.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
}

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Release {
    /// When it was published.
    pub at: Timestamp,
    /// Whether it was deleted, or its publishing taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// Its tag.
    pub tag: String,
    /// Its name.
    pub name: Option<String>,
    /// Whether it is none for everybody yet.
    pub prerelease: bool,
}

impl Repository {
    /// Of the repository `id` something is heard for the first time.
    #[must_use]
    pub fn first_heard(id: &str, at: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            latest: None,
            last_push: None,
            pull_requests: BTreeMap::new(),
            releases: BTreeMap::new(),
            deleted_at: None,
            heard: Heard::at(at),
            history: History::default(),
        }
    }

    /// Joins what an event says of it.
    pub fn join(&mut self, at: Timestamp, fact: RepositoryFact) {
        Latest::join(&mut self.latest, at, fact);
    }

    /// Joins a push.
    pub fn join_push(&mut self, at: Timestamp, push: Push) {
        Latest::join(&mut self.last_push, at, push);
    }

    /// Joins the state of a pull request.
    pub fn join_pull_request(&mut self, number: u64, at: Timestamp, fact: PullRequestFact) {
        let mut known = self.pull_requests.remove(&number);
        Latest::join(&mut known, at, fact);
        known.map(|known| self.pull_requests.insert(number, known));
        let newest = self.pull_requests.values().map(|known| known.at).max().unwrap_or(at);
        self.pull_requests.retain(|_, known| !known.fact.closed || known.at + CLOSED >= newest);
    }

    /// Joins a release, by GitHub's number of it. One that is gone stays so.
    pub fn join_release(&mut self, number: u64, release: Release) {
        let known = self.releases.remove(&number);
        let gone = release.gone || known.as_ref().is_some_and(|known| known.gone);
        let joined = known.map_or_else(|| release.clone(), |known| known.max(release.clone()));
        self.releases.insert(number, Release { gone, ..joined });
        if self.releases.len() > RELEASES {
            let oldest = self.releases.iter().min_by_key(|(number, release)| (release.at, **number)).map(|(number, _)| *number);
            oldest.map(|oldest| self.releases.remove(&oldest));
        }
    }

    /// Joins that it was deleted.
    pub fn join_deleted(&mut self, at: Timestamp) {
        first(&mut self.deleted_at, at);
    }

    /// The open pull requests, by number, each with its title.
    pub fn open_pull_requests(&self) -> impl Iterator<Item = (u64, &str)> {
        self.pull_requests.iter().filter(|(_, known)| !known.fact.closed).map(|(number, known)| (*number, known.fact.title.as_str()))
    }

    /// The last release that is there; `None` if there is none.
    #[must_use]
    pub fn last_release(&self) -> Option<&Release> {
        let there = self.releases.iter().filter(|(_, release)| !release.gone);
        there.max_by_key(|(number, release)| (release.at, **number)).map(|(_, release)| release)
    }
}

/// A push as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShownPush {
    at: Timestamp,
    #[serde(flatten)]
    push: Push,
}

impl Described for ShownPush {
    fn schema(named: &mut Named) -> Value {
        let fields = vec![
            ("at", "When.", Timestamp::schema(named)),
            ("ref", "What it moved, such as `refs/heads/main`.", String::schema(named)),
            ("commit", "The commit that it moved it to.", String::schema(named)),
            ("by", "Who pushed.", Option::<String>::schema(named)),
        ];
        name_object(named, "Push", "A push.", &[], fields);
        refer("Push")
    }
}

/// One that is gone is not shown.
impl Described for Release {
    fn schema(named: &mut Named) -> Value {
        let fields = vec![
            ("at", "When it was published.", Timestamp::schema(named)),
            ("tag", "Its tag.", String::schema(named)),
            ("name", "Its name.", Option::<String>::schema(named)),
            ("prerelease", "Whether it is none for everybody yet.", bool::schema(named)),
        ];
        name_object(named, "Release", "A release.", &[], fields);
        refer("Release")
    }
}

described! {
    /// An open pull request as the API shows it.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct OpenPullRequest as "OpenPullRequest" {
        number: u64,
        title: String,
    }
}

described! {
    /// A repository as the API shows it.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct ShownRepository as "Repository" {
        id: String,
        full_name: Option<String>,
        default_branch: Option<String>,
        private: Option<bool>,
        archived: Option<bool>,
        last_push: Option<ShownPush>,
        open_pull_request_count: usize,
        open_pull_requests: Vec<OpenPullRequest>,
        last_release: Option<Release>,
        deleted_at: Option<Timestamp>,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

impl Served for Repository {
    const NAME: &'static str = "repository";
    const LIST: &'static str = Self::KIND;
    const UNMATCHED: &'static str = "repository/unmatched";
    const FILTERS: &'static [Filter] = &[Filter::group("full_name", Index::Group)];
    type Shown = ShownRepository;

    fn shown(&self) -> ShownRepository {
        let fact = self.latest.as_ref().map(|latest| &latest.fact);
        ShownRepository {
            id: self.id.clone(),
            full_name: fact.map(|fact| fact.full_name.clone()),
            default_branch: fact.and_then(|fact| fact.default_branch.clone()),
            private: fact.map(|fact| fact.private),
            archived: fact.map(|fact| fact.archived),
            last_push: self.last_push.as_ref().map(|last| ShownPush { at: last.at, push: last.fact.clone() }),
            open_pull_request_count: self.open_pull_requests().count(),
            open_pull_requests: self
                .open_pull_requests()
                .map(|(number, title)| OpenPullRequest { number, title: title.to_owned() })
                .collect(),
            last_release: self.last_release().cloned(),
            deleted_at: self.deleted_at,
            created_at: self.heard.first,
            updated_at: self.heard.last,
        }
    }

    fn group(&self, field: &str) -> Option<&str> {
        self.latest.as_ref().filter(|_| field == "full_name").map(|latest| latest.fact.full_name.as_str())
    }

    fn is_served(&self) -> bool {
        true
    }
}

impl Record for Repository {
    const KIND: &'static str = "repository";
    const STATES: &'static [&'static str] = &["full_name", "private", "archived", "open_pull_request_count", "deleted_at"];

    served_record!();

    fn places(&self) -> Vec<Place> {
        let mut places = vec![place(Index::List, Self::KIND, self.heard.first, &self.id)];
        places.extend(group_places(self, self.heard.first));
        places
    }
}
