//! What "exactly once" promises, each promise written once. The model of the protocol, the property tests and the crash tests
//! each fill in what they saw and ask the same functions.
//!
//! Some promises hold at every moment, some only once all is quiet: no message left, nobody working, nothing on its way.

use std::fmt;

/// How far one side effect has come, as the event record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EffectState {
    /// Not known to have happened.
    Pending,
    /// Known to have happened.
    Done,
    /// Refused for good by the other side.
    Failed,
    /// Not needed any more: the record has a later announcement.
    Superseded,
}

/// One stored side effect, and what the world saw of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Its announcement number on the record, if it announces a change of the record's state.
    pub announcement: Option<u32>,
    /// What the event record says.
    pub state: EffectState,
    /// How often the other side was made to do it.
    pub calls: u32,
    /// How often the answer of a call was lost, or its process died or stalled past its lease, before the call was written down. An upper bound will do.
    pub excuses: u32,
    /// How often a call began, by an owner whose lease had not run out, when the effect was already marked.
    pub calls_after_mark: u32,
}

/// Whether there is an event record, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recorded {
    /// There is none.
    Absent,
    /// The changes are committed, and some effects are not settled.
    Processing,
    /// Nothing is left to do.
    Done,
}

/// One event, as the store has it and as the world saw it.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The event record.
    pub recorded: Recorded,
    /// How often its changes went into the records.
    pub applied: u32,
    /// Whether the records show its changes now.
    pub visible: bool,
    /// Whether somebody was told that it is taken care of: a message was deleted from the queue, a request was answered with success.
    pub acknowledged: bool,
    /// Writes to the event record that applied although its owner was another by then.
    pub foreign_writes: u32,
    /// How often a handling planned again after its own commit had applied.
    pub plans_after_commit: u32,
    /// The stored effects, in their order.
    pub effects: &'a [Effect],
}

/// A promise that was broken, and the numbers that show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The changes of one event went in more than once.
    AppliedTwice {
        /// How often.
        applied: u32,
    },
    /// An event record without its changes, or changes without their event record.
    HalfApplied,
    /// Acknowledged before the changes were in and every effect was settled.
    AcknowledgedTooEarly,
    /// Called more often than lost answers, deaths and stalls explain.
    CalledWithoutExcuse {
        /// The calls.
        calls: u32,
        /// What would have explained further ones.
        excuses: u32,
    },
    /// A call began although the effect was marked.
    CalledAfterMark,
    /// A write applied after somebody else had taken the event over.
    NotFenced,
    /// A handling took its own commit for somebody else's.
    PlannedAfterCommit,
    /// A message came more often than the faults explain.
    ReceivedTooOften {
        /// The receives.
        receives: u32,
        /// The most that the faults explain.
        explained: u32,
    },
    /// All is quiet, and an event or one of its effects was left undone.
    Lost,
    /// All is quiet, and the last announcement of a record was neither sent nor refused for good.
    LastNotAnnounced {
        /// Its number.
        announcement: u32,
    },
    /// All is quiet, and what is told once was announced more often, or what is to be told was not, or what is not to be told was.
    NotToldAsOwed {
        /// How often it was to be told.
        owed: Owed,
        /// How often it was announced.
        announced: u32,
    },
}

/// How often something that does not change is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owed {
    /// Never.
    Never,
    /// Once, and not again.
    Once,
    /// Once at most: it depends on what was known when it was heard.
    AtMostOnce,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AppliedTwice { applied } => write!(f, "the changes of an event went in {applied} times"),
            Self::HalfApplied => f.write_str("the event record and its changes are not there together"),
            Self::AcknowledgedTooEarly => f.write_str("acknowledged before all of it was done"),
            Self::CalledWithoutExcuse { calls, excuses } => write!(f, "an effect was called {calls} times with {excuses} excuse(s)"),
            Self::CalledAfterMark => f.write_str("an effect was called although it was marked"),
            Self::NotFenced => f.write_str("a write applied after somebody else had taken over"),
            Self::PlannedAfterCommit => f.write_str("a handling planned again after its own commit"),
            Self::ReceivedTooOften { receives, explained } => write!(f, "received {receives} times, faults explain {explained}"),
            Self::Lost => f.write_str("all is quiet, and something was left undone"),
            Self::LastNotAnnounced { announcement } => write!(f, "all is quiet, and announcement {announcement}, the last, was never sent"),
            Self::NotToldAsOwed { owed, announced } => write!(f, "all is quiet, and what is owed {owed:?} was announced {announced} times"),
        }
    }
}

impl std::error::Error for Broken {}

/// At every moment: the changes of an event are in once or not at all, and the event record with them.
///
/// # Errors
/// [`Broken::AppliedTwice`], [`Broken::HalfApplied`].
pub fn changes_apply_once(event: &Event<'_>) -> Result<(), Broken> {
    let recorded = event.recorded != Recorded::Absent;
    if event.applied > 1 {
        Err(Broken::AppliedTwice { applied: event.applied })
    } else if recorded != (event.applied == 1) || recorded != event.visible {
        Err(Broken::HalfApplied)
    } else {
        Ok(())
    }
}

/// At every moment: what was acknowledged to the queue is done, all of it.
///
/// # Errors
/// [`Broken::AcknowledgedTooEarly`].
pub fn acknowledged_is_done(event: &Event<'_>) -> Result<(), Broken> {
    let settled = event.effects.iter().all(|effect| effect.state != EffectState::Pending);
    if event.acknowledged && !(event.recorded == Recorded::Done && event.applied > 0 && settled) {
        return Err(Broken::AcknowledgedTooEarly);
    }
    Ok(())
}

/// At every moment: what was answered with success outside the consumer is in the records; its effects may follow.
///
/// # Errors
/// [`Broken::AcknowledgedTooEarly`].
pub fn acknowledged_is_applied(event: &Event<'_>) -> Result<(), Broken> {
    if event.acknowledged && (event.recorded == Recorded::Absent || event.applied == 0) {
        return Err(Broken::AcknowledgedTooEarly);
    }
    Ok(())
}

/// At every moment: each further call of an effect has its own excuse.
///
/// # Errors
/// [`Broken::CalledWithoutExcuse`].
pub fn repeats_are_excused(effect: &Effect) -> Result<(), Broken> {
    if effect.calls > 1 + effect.excuses {
        return Err(Broken::CalledWithoutExcuse { calls: effect.calls, excuses: effect.excuses });
    }
    Ok(())
}

/// At every moment: an effect that is marked is not begun again.
///
/// # Errors
/// [`Broken::CalledAfterMark`].
pub fn marked_never_runs_again(effect: &Effect) -> Result<(), Broken> {
    if effect.calls_after_mark > 0 {
        return Err(Broken::CalledAfterMark);
    }
    Ok(())
}

/// At every moment: nothing has been written to an event record by an owner that somebody else had succeeded.
///
/// # Errors
/// [`Broken::NotFenced`].
pub fn only_the_owner_writes(event: &Event<'_>) -> Result<(), Broken> {
    if event.foreign_writes > 0 {
        return Err(Broken::NotFenced);
    }
    Ok(())
}

/// At every moment: a handling whose commit has applied recognises it, and does not plan again.
///
/// # Errors
/// [`Broken::PlannedAfterCommit`].
pub fn own_commit_is_recognised(event: &Event<'_>) -> Result<(), Broken> {
    if event.plans_after_commit > 0 {
        return Err(Broken::PlannedAfterCommit);
    }
    Ok(())
}

/// At every moment: a message is received at most twice for its first handling and twice for each fault: once to do the work, and once to wait for the
/// lease of somebody else. So faults alone, never waiting, lead to the last receive.
///
/// # Errors
/// [`Broken::ReceivedTooOften`].
pub fn receives_are_explained(receives: u32, faults: u32) -> Result<(), Broken> {
    let explained = 2 * (1 + faults);
    if receives > explained {
        return Err(Broken::ReceivedTooOften { receives, explained });
    }
    Ok(())
}

/// Once all is quiet: every event is done, and each effect happened, was refused for good, or gave way to a later announcement that is itself settled.
///
/// `events` are those whose changes are in, or were promised to come in.
///
/// # Errors
/// [`Broken::Lost`].
pub fn nothing_is_lost(events: &[Event<'_>]) -> Result<(), Broken> {
    let told =
        events.iter().flat_map(|event| event.effects).filter(|effect| happened(effect)).filter_map(|effect| effect.announcement).max();
    let settled = |effect: &Effect| {
        happened(effect) || (effect.state == EffectState::Superseded && effect.announcement.is_some() && effect.announcement < told)
    };
    if events.iter().all(|event| event.recorded == Recorded::Done && event.effects.iter().all(settled)) {
        Ok(())
    } else {
        Err(Broken::Lost)
    }
}

/// Once all is quiet: the last announcement of a record (0: it never made one) was sent, or refused for good.
///
/// # Errors
/// [`Broken::LastNotAnnounced`].
pub fn last_is_announced(last: u32, events: &[Event<'_>]) -> Result<(), Broken> {
    let mut effects = events.iter().flat_map(|event| event.effects);
    if last == 0 || effects.any(|effect| effect.announcement == Some(last) && happened(effect)) {
        Ok(())
    } else {
        Err(Broken::LastNotAnnounced { announcement: last })
    }
}

/// Once all is quiet: what does not change, such as that a payment is not what was asked for, was announced as often as it is owed.
///
/// # Errors
/// [`Broken::NotToldAsOwed`].
pub fn told_as_owed(owed: Owed, announced: u32) -> Result<(), Broken> {
    let right = match owed {
        Owed::Never => announced == 0,
        Owed::Once => announced == 1,
        Owed::AtMostOnce => announced <= 1,
    };
    if right { Ok(()) } else { Err(Broken::NotToldAsOwed { owed, announced }) }
}

/// Whether an effect is over, and was not merely marked: one that is done has been called.
fn happened(effect: &Effect) -> bool {
    match effect.state {
        EffectState::Done => effect.calls > 0,
        EffectState::Failed => true,
        EffectState::Pending | EffectState::Superseded => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: Effect = Effect { announcement: Some(2), state: EffectState::Done, calls: 1, excuses: 0, calls_after_mark: 0 };

    fn done(effects: &[Effect]) -> Event<'_> {
        Event { recorded: Recorded::Done, applied: 1, visible: true, acknowledged: true, foreign_writes: 0, plans_after_commit: 0, effects }
    }

    #[test]
    fn changes_and_event_record_stand_together() {
        let whole = done(&[]);
        assert_eq!(changes_apply_once(&whole), Ok(()));
        assert_eq!(changes_apply_once(&Event { applied: 2, ..whole }), Err(Broken::AppliedTwice { applied: 2 }));
        assert_eq!(changes_apply_once(&Event { applied: 0, ..whole }), Err(Broken::HalfApplied));
        assert_eq!(changes_apply_once(&Event { visible: false, ..whole }), Err(Broken::HalfApplied));
        let recorded = Recorded::Absent;
        assert_eq!(changes_apply_once(&Event { recorded, ..whole }), Err(Broken::HalfApplied));
    }

    #[test]
    fn acknowledged_means_settled_to_the_queue_and_applied_to_the_owner() {
        let waiting = [Effect { state: EffectState::Pending, ..SENT }];
        let early = Event { recorded: Recorded::Processing, ..done(&waiting) };
        assert_eq!(acknowledged_is_done(&done(&[SENT])), Ok(()));
        assert_eq!(acknowledged_is_done(&done(&waiting)), Err(Broken::AcknowledgedTooEarly));
        assert_eq!(acknowledged_is_done(&early), Err(Broken::AcknowledgedTooEarly));
        assert_eq!(acknowledged_is_applied(&early), Ok(()));
        assert_eq!(acknowledged_is_applied(&Event { applied: 0, ..early }), Err(Broken::AcknowledgedTooEarly));
    }

    #[test]
    fn each_repetition_needs_its_own_excuse() {
        let repeated = Effect { calls: 3, excuses: 2, ..SENT };
        assert_eq!(repeats_are_excused(&repeated), Ok(()));
        let excuses = 1;
        let calls = 3;
        assert_eq!(repeats_are_excused(&Effect { excuses, ..repeated }), Err(Broken::CalledWithoutExcuse { calls, excuses }));
    }

    #[test]
    fn superseded_needs_a_later_one_that_was_sent() {
        let gave_way = |announcement| Effect { announcement, state: EffectState::Superseded, calls: 0, ..SENT };
        let (earlier, later, unnumbered) = ([gave_way(Some(1))], [gave_way(Some(3))], [gave_way(None)]);
        let sent = [SENT];
        assert_eq!(nothing_is_lost(&[done(&earlier), done(&sent)]), Ok(()));
        assert_eq!(nothing_is_lost(&[done(&later), done(&sent)]), Err(Broken::Lost));
        assert_eq!(nothing_is_lost(&[done(&earlier)]), Err(Broken::Lost));
        assert_eq!(nothing_is_lost(&[done(&unnumbered), done(&sent)]), Err(Broken::Lost));
        assert_eq!(last_is_announced(2, &[done(&sent)]), Ok(()));
        assert_eq!(last_is_announced(0, &[]), Ok(()));
        assert_eq!(last_is_announced(3, &[done(&later), done(&sent)]), Err(Broken::LastNotAnnounced { announcement: 3 }));
    }

    #[test]
    fn marked_done_without_a_call_is_lost() {
        let never_called = [Effect { calls: 0, ..SENT }];
        assert_eq!(nothing_is_lost(&[done(&never_called)]), Err(Broken::Lost));
    }

    #[test]
    fn what_does_not_change_is_told_as_often_as_it_is_owed() {
        for (owed, right) in
            [(Owed::Never, [true, false, false]), (Owed::Once, [false, true, false]), (Owed::AtMostOnce, [true, true, false])]
        {
            for (announced, right) in (0..).zip(right) {
                let expected = if right { Ok(()) } else { Err(Broken::NotToldAsOwed { owed, announced }) };
                assert_eq!(told_as_owed(owed, announced), expected);
            }
        }
    }

    #[test]
    fn receives_are_paid_for_by_faults() {
        assert_eq!(receives_are_explained(4, 1), Ok(()));
        assert_eq!(receives_are_explained(5, 1), Err(Broken::ReceivedTooOften { receives: 5, explained: 4 }));
    }
}
