//! Which events changed a record.
//!
//! What events said of a record under another id, before both were known to be one or since, was noted with that one. So a history is read along several
//! strands at once, each newest first: the record's own, those of what it is told under, and what lies beside it. Nothing is written for that.

mod cursor;
mod strand;

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};

use self::{
    cursor::Cursor,
    strand::{Strand, Whose},
};
use super::{
    Api, Problem,
    key::Caller,
    page::PageOf,
    parameters::Parameters,
    spaces::{Found, PagesOfTenant, found},
};
use crate::{
    kind::Served,
    records::{History, HistoryEntry, Links, ShownHistoryEntry},
};

/// How many records a history is read from besides its own: as many as are read at once. Only an invoice or a booking with more payments has more.
const MOST_OTHERS: usize = 100;
/// How many entries lie on a full page.
const PAGE: usize = 8;
/// How many full pages are read for one answer, beyond those that hold what is asked for.
const SPARE_PAGES: usize = 16;

/// Which events changed a record, newest first. Those of one moment stand on one page.
pub(super) async fn history<K: Served>(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Parameters(PagesOfTenant { of, paging }): Parameters<PagesOfTenant>,
) -> Result<Json<PageOf<ShownHistoryEntry>>, Problem> {
    let Found { api, record, .. } = found::<K>(&api, &caller, of.tenant.as_deref(), &id).await?;
    let (limit, cursor) = (paging.limit()?, Cursor::read(paging.cursor()?, &K::key(&id))?);
    let mut strands = strands(&api, record.clone(), &cursor).await?;
    // Each strand may have to read the page that it goes on with.
    let mut budget = limit / PAGE + SPARE_PAGES + strands.len();
    let (mut entries, mut until) = (Vec::new(), cursor.until);
    while entries.len() < limit {
        for strand in &mut strands {
            strand.fill(&*api.store, &mut budget).await?;
        }
        // What a strand goes on with may be later than what the others have.
        if strands.iter().any(Strand::is_cut_short) {
            break;
        }
        let Some(moment) = strands.iter().filter_map(Strand::moment).max() else { break };
        let mut at_once = Vec::new();
        for strand in &mut strands {
            while let Some(entry) = strand.take_of(moment) {
                at_once.push((strand.whose(), entry));
                strand.fill(&*api.store, &mut budget).await?;
            }
        }
        entries.extend(each_once(at_once, |entry| record.keeps(entry)));
        until = Some(moment);
    }
    let next = strands.iter().any(|strand| !strand.is_over()).then(|| Cursor::at(&K::key(&id), until, &strands).text());
    let links = if caller.tenant().is_none() { Links::ToEvents } else { Links::None };
    Ok(Json(PageOf::new(entries.iter().map(|entry| entry.shown(links)).collect(), next)))
}

/// The histories that a record's is read from. Its own comes first.
async fn strands<K: Served>(api: &Api, mut record: K, cursor: &Cursor) -> Result<Vec<Strand>, Problem> {
    let (mut others, beside) = (record.told_under(), record.beside());
    others.truncate(MOST_OTHERS);
    let keys: Vec<_> = others.iter().chain(&beside).cloned().collect();
    let mut found = if keys.is_empty() { Vec::new() } else { api.store.get(&keys).await? };
    let beside: Vec<_> = found.split_off(others.len().min(found.len())).into_iter().flatten().collect();
    let mut strands = Vec::new();
    let own = record.history_mut().map(std::mem::take).unwrap_or_default();
    add(&mut strands, K::key(record.id()).to_string(), Whose::Own, own, None, cursor)?;
    let mut read: Vec<_> = found.into_iter().flatten().collect();
    let mut further = Vec::new();
    for stored in &read {
        further.extend(record.told_under_of(stored)?);
    }
    further.truncate(MOST_OTHERS);
    if !further.is_empty() {
        read.extend(api.store.get(&further).await?.into_iter().flatten());
    }
    for stored in &read {
        if let Some(history) = record.history_under(stored)? {
            let whose = if record.shares(stored, &read)? { Whose::Shared } else { Whose::Others };
            let retold = K::retold_of(&stored.document.key.kind);
            add(&mut strands, stored.document.key.to_string(), whose, history, Some(retold), cursor)?;
        }
    }
    let mut told = K::history_beside(&beside)?;
    told.sort_by_key(|entry| std::cmp::Reverse(entry.at()));
    strands.push(Strand::new("beside".to_owned(), Whose::Beside, None).beginning(told.iter(), None, cursor)?);
    Ok(strands)
}

/// Adds a history: what lies with its record and the pages before, and what was noted with other records.
fn add(
    strands: &mut Vec<Strand>,
    name: String,
    whose: Whose,
    history: History,
    retold: Option<strand::Retold>,
    cursor: &Cursor,
) -> Result<(), Problem> {
    strands.push(Strand::new(name, whose, retold).beginning(history.recent(), history.earlier(), cursor)?);
    for page in history.elsewhere() {
        strands.push(Strand::new(page.page.clone(), whose, retold).beginning([].into_iter(), Some(page.clone()), cursor)?);
    }
    Ok(())
}

/// Of what was noted at one moment, each event once: as the record itself has it, else as it was noted under another id. What the record itself has of an event
/// that is not known there any more was said under an id that is not its any more, unless it is kept in any case. What changed nothing of it and was told where others
/// of its kind are told of, too, was as likely said of one of those.
fn each_once(at_once: Vec<(Whose, HistoryEntry)>, keeps: impl Fn(&HistoryEntry) -> bool) -> Vec<HistoryEntry> {
    let told_in = |strand: Whose| {
        let events = at_once.iter().filter(|(whose, _)| *whose == strand).filter_map(|(_, entry)| entry.told_by());
        events.map(str::to_owned).collect::<Vec<_>>()
    };
    let (told, shared) = (told_in(Whose::Others), told_in(Whose::Shared));
    let is_in = |events: &[String], event: &str| events.iter().any(|told| told == event);
    let mut entries: Vec<HistoryEntry> = Vec::new();
    for (whose, entry) in at_once {
        let stands = match (whose, entry.told_by()) {
            (Whose::Beside, _) | (Whose::Own, None) => true,
            (Whose::Own, Some(event)) if is_in(&told, event) => true,
            (Whose::Own, Some(event)) if is_in(&shared, event) => !entry.changes_nothing(),
            (Whose::Own, Some(_)) => keeps(&entry),
            (Whose::Shared, _) => false,
            (Whose::Others, event) => entries.iter().all(|known| known.told_by() != event),
        };
        if stands {
            entries.push(entry);
        }
    }
    entries
}
