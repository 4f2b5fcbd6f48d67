//! `kill -9` under load, again and again: every event that was acknowledged is processed, once.
//!
//! A killed process leaves to the system what it has written, so this shows that nothing is acknowledged or marked before it is handed over, and that
//! every place to die at leads back to the same records. That it is on the disk by then is `synchronous=FULL`'s to promise.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::Value;
use sluice_core::testing::invariants::{self, EffectState, Recorded};
use sluice_tests::{Booking, Client, Event, Home, LONG, Size, machine::Machine, until};

use super::dev;

/// Bookings that are on their way at the same time.
const SENDERS: usize = 8;
/// The handlers of the worker: at most so many effects are under way when it is killed.
const HANDLERS: usize = 64;

/// What one booking's owner and provider send, and how far they have got.
struct Story {
    booking: Booking,
    event: Event,
    /// The first step that has not been acknowledged yet.
    step: usize,
    /// Whether the booking is put before it is paid.
    put_first: bool,
    puts: u64,
    /// How many kills had been before anything was sent.
    begun: u32,
}

impl Story {
    fn new(number: usize, kills: u32) -> Self {
        let amount = 1000 + i64::try_from(number).expect("small");
        let booking = Booking::fresh().with("deposit_amount", amount);
        let event = Event::paid(&booking).with("/data/object/amount_received", amount);
        Self { event, booking, step: 0, put_first: number.is_multiple_of(2), puts: 0, begun: kills }
    }

    /// Does what has not been acknowledged yet, as owner and provider would after a failure. Whether all is acknowledged.
    fn go_on(&mut self, client: &Client, secret: &str) -> bool {
        while self.step < 2 {
            let put = (self.step == 0) == self.put_first;
            let answer = if put {
                self.puts += 1;
                client.try_put(&self.booking.path(), &self.booking.body)
            } else {
                client.try_webhook("/webhooks/stripe", &self.event.signed(secret))
            };
            match answer {
                Ok(answer) if answer.status.is_success() => self.step += 1,
                Ok(answer) => panic!("{}: {}", answer.status, answer.text()),
                Err(_) => return false,
            }
        }
        true
    }
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }
}

/// Sends until `enough` requests have been acknowledged, then kills. Stories that were cut off come back with those that were told to the end.
fn load(home: &mut Machine, unfinished: Vec<Story>, kills: u32, enough: usize, number: &AtomicUsize) -> (Vec<Story>, Vec<Story>) {
    let (waiting, told, cut_off) = (Mutex::new(unfinished), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let acknowledged = AtomicUsize::new(0);
    let (client, secret) = (home.client(), home.secret().to_owned());
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().expect("not poisoned").pop();
                    let mut story = next.unwrap_or_else(|| Story::new(number.fetch_add(1, Ordering::Relaxed), kills));
                    if !story.go_on(&client, &secret) {
                        cut_off.lock().expect("not poisoned").push(story);
                        return;
                    }
                    told.lock().expect("not poisoned").push(story);
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        until("requests to be acknowledged", LONG, || (acknowledged.load(Ordering::Relaxed) >= enough).then_some(()));
        home.kill();
    });
    let mut cut_off = cut_off.into_inner().expect("not poisoned");
    cut_off.append(&mut waiting.into_inner().expect("not poisoned"));
    (told.into_inner().expect("not poisoned"), cut_off)
}

#[test]
fn every_acknowledged_event_survives_kills() {
    let (kills, most) = match Size::of_this_run() {
        Size::Small => (5, 60),
        Size::Large => (200, 150),
    };
    let mut dice = Dice(42);
    let number = AtomicUsize::new(0);
    let (mut told, mut cut_off) = (Vec::new(), Vec::new());
    let mut home = dev().start();
    for kill in 0..kills {
        // Sometimes at once, while it is still busy with what the last one left.
        let enough = dice.below(most);
        let (mut ended, unfinished) = load(&mut home, cut_off, kill, enough, &number);
        told.append(&mut ended);
        cut_off = unfinished;
        home.start();
    }
    for mut story in cut_off {
        assert!(story.go_on(&home.client(), home.secret()), "nobody kills it any more");
        told.push(story);
    }
    home.quiet();
    check(&home, &told, kills);
}

fn check(home: &Machine, stories: &[Story], kills: u32) {
    let events: BTreeMap<String, Value> =
        home.client().list("/api/v1/inbound").into_iter().map(|event| (event["id"].as_str().expect("an id").to_owned(), event)).collect();
    let bookings: BTreeMap<String, Value> = home
        .client()
        .list("/api/v1/bookings")
        .into_iter()
        .map(|booking| (booking["id"].as_str().expect("an id").to_owned(), booking))
        .collect();
    let mut calls: BTreeMap<String, u32> = BTreeMap::new();
    for sent in home.sent() {
        *calls.entry(sent.event.expect("the outbox keeps it")).or_default() += 1;
    }
    assert_eq!(home.client().list("/api/v1/transactions").len(), stories.len(), "one transaction a payment");
    assert_eq!(bookings.len(), stories.len());
    // A booking that is put after its payment is told by the put's own event.
    let mut by_booking: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for event in events.values() {
        let changed = event["changes"].as_array().expect("changes").iter().find(|change| change["kind"] == "booking");
        by_booking.entry(changed.expect("every event here changes a booking")["id"].as_str().expect("an id")).or_default().push(event);
    }
    let mut repeated = 0;
    for story in stories {
        let booking = &bookings[&story.booking.id];
        assert_eq!((&booking["status"], &booking["deposit_paid"]), (&"confirmed".into(), &true.into()), "{booking}");
        let transaction = home.client().get(&format!("/api/v1/transactions/{}", story.event.object())).expect(200).json();
        let amount = story.event.body();
        assert!(amount.contains(&format!("\"amount_received\": {}", transaction["amount"])), "{transaction}");
        let payment = &events[&story.event.inbound_id()];
        // Each put that was taken is a version, and so is the payment. One that got no answer may have been taken or not.
        let version = booking["version"].as_u64().expect("a version");
        let applied = if story.puts == 1 { version - 1 } else { u64::from((2..=1 + story.puts).contains(&version)) };
        let effects: Vec<(&Value, Vec<invariants::Effect>)> =
            by_booking[&story.booking.id[..]].iter().map(|event| (*event, effects(event, &calls, kills - story.begun))).collect();
        let seen: Vec<_> = effects
            .iter()
            .map(|(event, effects)| invariants::Event {
                recorded: if event["status"] == "done" { Recorded::Done } else { Recorded::Processing },
                applied: u32::try_from(applied).expect("small"),
                visible: true,
                acknowledged: true,
                foreign_writes: 0,
                plans_after_commit: 0,
                effects,
            })
            .collect();
        assert_eq!(payment["status"], "done", "{payment}");
        let announced = effects.iter().map(|(_, effects)| effects.len()).sum::<usize>();
        assert_eq!(announced, 1, "one announcement a booking: {:?}", by_booking[&story.booking.id[..]]);
        let broken = |promise: Result<(), invariants::Broken>| promise.unwrap_or_else(|broken| panic!("{broken}: {payment} {booking}"));
        for event in &seen {
            broken(invariants::changes_apply_once(event));
            broken(invariants::acknowledged_is_done(event));
            event.effects.iter().for_each(|effect| broken(invariants::repeats_are_excused(effect)));
            repeated += event.effects.iter().map(|effect| effect.calls as usize - 1).sum::<usize>();
        }
        broken(invariants::nothing_is_lost(&seen));
        broken(invariants::last_is_announced(1, &seen));
    }
    assert!(repeated <= kills as usize * HANDLERS, "{repeated} repetitions in {kills} kills");
}

fn effects(event: &Value, calls: &BTreeMap<String, u32>, excuses: u32) -> Vec<invariants::Effect> {
    let effects = event["effects"].as_array().expect("effects");
    assert!(effects.len() <= 1, "the outbox tells effects of one event apart by their event alone: {event}");
    let id = event["id"].as_str().expect("an id");
    effects
        .iter()
        .map(|effect| invariants::Effect {
            announcement: Some(1),
            state: match effect["state"].as_str() {
                Some("done") => EffectState::Done,
                Some("failed") => EffectState::Failed,
                Some("superseded") => EffectState::Superseded,
                _ => EffectState::Pending,
            },
            calls: calls.get(id).copied().unwrap_or(0),
            excuses,
            calls_after_mark: 0,
        })
        .collect()
}
