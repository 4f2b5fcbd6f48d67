//! Many writers at the same moment.

use futures_util::future::join_all;

use super::{StoreCase, put};
use crate::ports::{Commit, Committed, Condition, Document, Refusal, Stored, Write};

const WRITERS: usize = 64;

/// Lets all commits run at once, and returns the position of the only one that applied beside the answers.
async fn race(case: &StoreCase, commits: Vec<Commit>) -> (usize, Vec<Committed>) {
    let answers = join_all(commits.into_iter().map(|commit| case.store.commit(commit))).await;
    let answers: Vec<Committed> = answers.into_iter().map(|answer| answer.expect("the store answers")).collect();
    let winners: Vec<usize> =
        answers.iter().enumerate().filter(|(_, answer)| **answer == Committed::Applied).map(|(writer, _)| writer).collect();
    assert_eq!(winners.len(), 1, "winners: {winners:?}");
    (winners[0], answers)
}

fn assert_losers_saw(answers: &[Committed], seen: &[(usize, Stored)]) {
    let refusals = seen.iter().map(|(write, stored)| Refusal { write: *write, found: Some(stored.clone()) }).collect();
    let lost = Committed::Refused(refusals);
    for answer in answers.iter().filter(|answer| **answer != Committed::Applied) {
        assert_eq!(*answer, lost);
    }
}

fn by(case: &StoreCase, id: &str, writer: usize) -> Document {
    case.document(id, &format!("writer {writer}"))
}

/// 64 writers put one absent key: one wins, and every other sees the winner's document.
pub async fn one_of_many_puts_of_an_absent_key_wins(case: &StoreCase) {
    let commits = (0..WRITERS).map(|writer| case.next_commit(vec![put(by(case, "a", writer), Condition::Absent)])).collect();
    let (winner, answers) = race(case, commits).await;
    let stored = Stored::new(by(case, "a", winner), 1);
    assert_losers_saw(&answers, &[(0, stored.clone())]);
    assert_eq!(case.get(&case.key("a")).await, Some(stored));
}

/// 64 writers put on one version, again and again: each round one wins.
pub async fn one_of_many_puts_on_a_version_wins(case: &StoreCase) {
    case.put_new(case.document("a", "first")).await;
    for version in 1..4 {
        let commits = (0..WRITERS).map(|writer| case.next_commit(vec![put(by(case, "a", writer), Condition::Version(version))])).collect();
        let (winner, answers) = race(case, commits).await;
        let stored = Stored::new(by(case, "a", winner), version + 1);
        assert_losers_saw(&answers, &[(0, stored.clone())]);
        assert_eq!(case.get(&case.key("a")).await, Some(stored));
    }
}

/// 64 commits put the same two documents and check a third: one wins whole, and every other sees both of the winner's.
pub async fn one_of_many_commits_wins_whole(case: &StoreCase) {
    let existing = case.put_new(case.document("b", "before")).await;
    let commits = (0..WRITERS)
        .map(|writer| {
            case.next_commit(vec![
                put(by(case, "a", writer), Condition::Absent),
                Write::Check { key: case.key("c"), condition: Condition::Absent },
                put(by(case, "b", writer), Condition::unchanged(Some(&existing))),
            ])
        })
        .collect();
    let (winner, answers) = race(case, commits).await;
    let a = Stored::new(by(case, "a", winner), 1);
    let b = Stored::new(by(case, "b", winner), 2);
    assert_losers_saw(&answers, &[(0, a.clone()), (2, b.clone())]);
    assert_eq!(case.get(&case.key("a")).await, Some(a));
    assert_eq!(case.get(&case.key("b")).await, Some(b));
}
