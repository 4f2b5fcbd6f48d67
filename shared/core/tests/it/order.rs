//! Any order: however events and puts are shuffled, repeated and interleaved with crashes, the records end up the same.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;
use sluice_core::{
    effect::{Effect, EffectState},
    envelope::InboundMessage,
    event::{EventRecord, EventStatus},
    record::Record,
    records::{Booking, BookingStatus, Payment},
    testing::{Fault, Sent, TestSize, World, invariants, stripe},
    time::Timestamp,
};

use crate::support::{failed, minutes, put, refunded, start};

/// What the payments come to: the deposit, less than it, and the same in another currency.
const PAID: [(i64, &str); 3] = [(6000, "usd"), (2500, "usd"), (6000, "eur")];

/// What happens to a booking.
#[derive(Clone, Debug)]
enum Happening {
    Paid { intent: u8, minute: u64 },
    Failed { intent: u8, reason: u8, minute: u64 },
    Refunded { intent: u8, amount: i64, named: bool, minute: u64 },
    Put { cancelled: bool },
}

impl Happening {
    /// The event; each has its own time, so that no two tie unless they are the same.
    fn event(&self, number: usize) -> Option<InboundMessage> {
        let id = format!("evt_{number}");
        let at = |minute: u64| start() + minutes(minute) + std::time::Duration::from_secs(number as u64);
        Some(match self {
            Self::Paid { intent, minute } => {
                let (amount, currency) = PAID[usize::from(*intent)];
                let paid =
                    json!({ "id": format!("pi_{intent}"), "amount": amount, "currency": currency, "metadata": { "booking_id": "12345" } });
                stripe(&id, "payment_intent.succeeded", at(*minute), at(*minute), &paid)
            }
            Self::Failed { intent, reason, minute } => {
                let reason = ["insufficient_funds", "expired_card", "do_not_honor"][usize::from(*reason)];
                failed(&id, &format!("pi_{intent}"), reason, at(*minute), at(*minute))
            }
            Self::Refunded { intent, amount, named, minute } => refunded(&id, &format!("pi_{intent}"), *amount, *named, at(*minute)),
            Self::Put { .. } => return None,
        })
    }
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (0..3u8, 0..300u64).prop_map(|(intent, minute)| Happening::Paid { intent, minute }),
        3 => (0..3u8, 0..3u8, 0..300u64).prop_map(|(intent, reason, minute)| Happening::Failed { intent, reason, minute }),
        2 => (0..3u8, 1..6000i64, any::<bool>(), 0..300u64)
            .prop_map(|(intent, amount, named, minute)| Happening::Refunded { intent, amount, named, minute }),
        1 => prop::bool::weighted(0.1).prop_map(|cancelled| Happening::Put { cancelled }),
    ]
}

/// What must be the same in every order: what the facts say, without what was told and when it was heard.
#[derive(Debug, PartialEq)]
struct End {
    status: BookingStatus,
    paid_at: Option<Timestamp>,
    refunded: std::collections::BTreeMap<String, i64>,
    refunded_at: Option<Timestamp>,
    hold_until: Option<Timestamp>,
    transactions: Vec<Payment>,
}

async fn end(world: &World) -> End {
    let booking = world.record::<Booking>("12345").await.expect("was put");
    let mut transactions = Vec::new();
    for intent in ["pi_0", "pi_1", "pi_2"] {
        transactions.extend(world.record::<Payment>(intent).await);
    }
    // When it was heard of, and in which steps, differs with the order.
    transactions.iter_mut().for_each(|transaction: &mut Payment| {
        transaction.heard = sluice_core::records::Heard::at(start());
        transaction.history = sluice_core::records::History::default();
    });
    End {
        status: booking.status(),
        paid_at: booking.deposit_paid_at(),
        refunded: booking.refunded(),
        refunded_at: booking.refunded_at(),
        hold_until: booking.hold_until(),
        transactions,
    }
}

/// Runs the steps in the order given, on a clock that begins so many minutes after the start: before, among or after the events' own times.
async fn run(happenings: &[Happening], order: &[usize], clock: u64, faults: &[(u64, Fault)]) -> World {
    let world = World::new(start() + minutes(clock), true);
    world.sent.name_texts("SM");
    for (call, fault) in faults {
        world.faults.plan(*call, *fault);
    }
    for number in order {
        match &happenings[*number] {
            Happening::Put { cancelled } => {
                world.clock.advance(minutes(1));
                let status = if *cancelled { "cancelled" } else { "pending" };
                // A put whose answer is lost or whose process dies is put again by its caller.
                while world.unless_crashed(put(&world, json!({ "status": status }))).await.is_none_or(|answer| !answer.status.is_success())
                {
                }
            }
            happening => world.enqueue(&happening.event(*number).expect("an event")).await,
        }
        world.batch(3).await;
    }
    world.run_until_quiet().await;
    world
}

/// Every promise of exactly once, asked of what the world shows: with as many excuses for a repetition as calls went wrong.
fn check_promises(world: &World, booking: &Booking, excuses: u32) {
    let sent = world.sent.sent();
    let records = world.events();
    let effects: Vec<Vec<_>> =
        records.iter().map(|record| record.effects.iter().map(|effect| seen(effect, &sent, excuses)).collect()).collect();
    let events: Vec<_> = records.iter().zip(&effects).map(|(record, effects)| as_event(record, effects)).collect();
    for event in &events {
        invariants::changes_apply_once(event).expect("once");
        invariants::acknowledged_is_done(event).expect("done");
        for effect in event.effects {
            invariants::repeats_are_excused(effect).expect("excused");
        }
    }
    invariants::nothing_is_lost(&events).expect("nothing lost");
    // Each subject on its own, and each announcement's number given once.
    let abouts =
        records.iter().flat_map(|record| &record.effects).map(|effect| &effect.about).filter(|about| about.record == Booking::key("12345"));
    let subjects: BTreeSet<_> = abouts.clone().map(|about| about.subject.clone()).collect();
    let numbers: Vec<_> = abouts.collect();
    assert_eq!(numbers.len(), numbers.iter().collect::<BTreeSet<_>>().len(), "a number was given twice: {numbers:?}");
    for subject in subjects {
        let of_subject: Vec<Vec<_>> = records
            .iter()
            .map(|record| {
                let about = |effect: &&Effect| effect.about.subject == subject;
                record.effects.iter().filter(about).map(|effect| seen(effect, &sent, excuses)).collect()
            })
            .collect();
        let events: Vec<_> = records.iter().zip(&of_subject).map(|(record, effects)| as_event(record, effects)).collect();
        invariants::last_is_announced(booking.announcements.latest(&subject), &events).expect("the last is told");
    }
}

/// Support is told once of each payment that is not the deposit and was not given back, and once at most that one was late. One that is late is told as that,
/// and as not the deposit only where that was known before.
fn check_told_to_support(world: &World, booking: &Booking, happenings: &[Happening]) {
    let records = world.events();
    let announced = |subject: &str| {
        let effects = records.iter().flat_map(|record| &record.effects).filter(|effect| effect.about.subject == subject);
        u32::try_from(effects.count()).unwrap_or(u32::MAX)
    };
    for (number, paid) in (0..).zip(PAID) {
        let was_paid = happenings.iter().any(|happening| matches!(happening, Happening::Paid { intent, .. } if *intent == number));
        // Of one that was given back in full it depends on whether it was heard of without that.
        let all_back = |happening: &Happening| matches!(happening, Happening::Refunded { intent, amount, .. } if *intent == number && (*amount >= paid.0 && paid.1 == "usd"));
        let owed = match was_paid && paid != (6000, "usd") {
            true if happenings.iter().any(all_back) || booking.is_late(&format!("pi_{number}")) => invariants::Owed::AtMostOnce,
            true => invariants::Owed::Once,
            false => invariants::Owed::Never,
        };
        invariants::told_as_owed(owed, announced(&format!("{}pi_{number}", Booking::DIFFERING))).expect("told once that it differs");
        let late = announced(&format!("{}pi_{number}", Booking::LATE));
        let owed = if booking.is_late(&format!("pi_{number}")) { invariants::Owed::Once } else { invariants::Owed::AtMostOnce };
        invariants::told_as_owed(owed, late).expect("told once that it was late");
    }
}

fn seen(effect: &Effect, sent: &[Sent], excuses: u32) -> invariants::Effect {
    invariants::Effect {
        announcement: Some(effect.about.number),
        state: match effect.state {
            EffectState::Pending => invariants::EffectState::Pending,
            EffectState::Done => invariants::EffectState::Done,
            EffectState::Failed => invariants::EffectState::Failed,
            EffectState::Superseded => invariants::EffectState::Superseded,
        },
        calls: u32::try_from(sent.iter().filter(|sent| sent.id() == effect.id).count()).unwrap_or(u32::MAX),
        excuses,
        calls_after_mark: 0,
    }
}

fn as_event<'a>(record: &EventRecord, effects: &'a [invariants::Effect]) -> invariants::Event<'a> {
    let recorded = match record.status {
        EventStatus::Processing | EventStatus::Waiting => invariants::Recorded::Processing,
        EventStatus::Done | EventStatus::Parked | EventStatus::Ignored | EventStatus::Dismissed => invariants::Recorded::Done,
    };
    // Once quiet, no message is left: everything was acknowledged. That the changes are in once shows in the records' end.
    invariants::Event { recorded, applied: 1, visible: true, acknowledged: true, foreign_writes: 0, plans_after_commit: 0, effects }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: TestSize::of_this_run().pick(128, 20_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_order_ends_in_the_same_records(
        happenings in prop::collection::vec(happening(), 1..9),
        seed in any::<u64>(),
        repeats in prop::collection::vec(0..9usize, 0..4),
        clock in prop::sample::select(vec![0, 150, 24 * 60]),
        faults in prop::collection::vec((0..120u64, prop::sample::select(Fault::ALL.to_vec())), 0..3),
    ) {
        let mut happenings = happenings;
        happenings.push(Happening::Put { cancelled: false });
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let ordered: Vec<_> = (0..happenings.len()).collect();
            let expected = end(&run(&happenings, &ordered, 24 * 60, &[]).await).await;
            let mut shuffled = ordered.clone();
            shuffled.extend(repeats.iter().filter(|repeat| happenings.get(**repeat).is_some_and(|happening| happening.event(0).is_some())));
            shuffle(&mut shuffled, seed);
            keep_puts_in_order(&mut shuffled, &happenings);
            let world = run(&happenings, &shuffled, clock, &faults).await;
            prop_assert_eq!(end(&world).await, expected, "order: {:?}", shuffled);
            let booking = world.record::<Booking>("12345").await.expect("was put");
            check_promises(&world, &booking, u32::try_from(faults.len()).unwrap_or(u32::MAX));
            check_told_to_support(&world, &booking, &happenings);
            Ok(())
        })?;
    }
}

/// Fisher and Yates, with a generator that is good enough for shuffling.
fn shuffle(items: &mut [usize], mut seed: u64) {
    for last in (1..items.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(last, usize::try_from(seed >> 33).unwrap_or(0) % (last + 1));
    }
}

/// The owner's words keep their own order: the last one stands.
fn keep_puts_in_order(order: &mut [usize], happenings: &[Happening]) {
    let is_put = |number: &usize| happenings[*number].event(0).is_none();
    let mut puts: Vec<_> = order.iter().copied().filter(is_put).collect();
    puts.sort_unstable();
    let mut next = puts.into_iter();
    for slot in order.iter_mut().filter(|number| is_put(number)) {
        *slot = next.next().expect("as many as there are slots");
    }
}
