//! The mails on refunds: each amount is told once, whatever came back before its mail left.

use proptest::prelude::*;
use serde_json::json;
use sluice_core::{
    effect::EffectState,
    envelope::InboundMessage,
    testing::{Sent, TestSize, World, stripe},
};

use crate::support::{minutes, paid, put, read, refunded, start, with};

/// What happens to the refunds of a payment of $60.00.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// So much is refunded in all, in cents.
    Refunded(i64),
    /// So much comes back, in cents.
    Failed(i64),
    /// The mail server takes no mail from now on.
    MailIsDown,
    /// It does again, and what waited leaves.
    MailIsBack,
}

use Happening::{Failed, MailIsBack, MailIsDown, Refunded};

/// A booking that was paid, and what its customer was told since.
struct Told {
    world: World,
    before: usize,
}

impl Told {
    async fn new() -> Self {
        let world = World::new(start(), true);
        put(&world, json!({})).await;
        with(&world, paid("evt_1", "pi_1", start(), start())).await;
        Self { before: world.sent.sent().len(), world }
    }

    async fn happens(&self, step: usize, happening: Happening) {
        let (minute, event) = (step as u64 + 1, format!("evt_of_{step}"));
        self.world.clock.advance(minutes(1));
        match happening {
            Refunded(amount) => with(&self.world, refunded(&event, "pi_1", amount, true, start() + minutes(minute))).await,
            Failed(amount) => with(&self.world, refund_failed(&event, amount, minute)).await,
            MailIsDown => self.world.sent.break_down(true),
            MailIsBack => {
                self.world.sent.break_down(false);
                self.world.run_until_quiet().await;
            }
        }
    }

    /// The amounts, each as its mail says it first.
    fn amounts(&self) -> Vec<String> {
        let amount = |text: &str| text.split_whitespace().find(|word| word.starts_with('$')).map(str::to_owned);
        let sent = self.world.sent.sent().split_off(self.before);
        let to_customer = |sent: &Sent| match sent {
            Sent::Mail(mail) if mail.to == "ana@example.com" => amount(&mail.text),
            _ => None,
        };
        sent.iter().filter_map(to_customer).collect()
    }

    /// All effects have come to an end that nobody needs to look at.
    fn nothing_failed(&self) -> bool {
        let mut effects = self.world.events().into_iter().flat_map(|event| event.effects);
        effects.all(|effect| matches!(effect.state, EffectState::Done | EffectState::Superseded))
    }
}

fn refund_failed(event: &str, amount: i64, minute: u64) -> InboundMessage {
    let failed = json!({
        "id": format!("re_{event}"), "object": "refund", "amount": amount, "currency": "usd", "charge": "ch_pi_1", "payment_intent": "pi_1",
        "status": "failed",
    });
    stripe(event, "refund.failed", start() + minutes(minute), start() + minutes(minute), &failed)
}

#[tokio::test]
async fn each_refund_is_told_once_whatever_came_back_before_its_mail_left() {
    let stories: [(&[Happening], &[&str]); 9] = [
        // Nothing left, and so the second refund is news.
        (&[MailIsDown, Refunded(6000), Failed(6000), MailIsBack, Refunded(6000)], &["$60.00"]),
        (&[MailIsDown, Refunded(6000), Failed(6000), Refunded(6000), MailIsBack], &["$60.00"]),
        // The first had left, and is no news when it is made again.
        (&[Refunded(6000), Failed(6000), Refunded(6000)], &["$60.00"]),
        (&[Refunded(1000), MailIsDown, Refunded(3000), Failed(2000), MailIsBack], &["$10.00"]),
        (&[Refunded(1000), MailIsDown, Refunded(3000), Failed(2000), MailIsBack, Refunded(3000)], &["$10.00", "$30.00"]),
        // Some of it is left, and is told; the rest when it is made again.
        (&[MailIsDown, Refunded(3000), Failed(2000), MailIsBack], &["$10.00"]),
        (&[MailIsDown, Refunded(3000), Failed(2000), MailIsBack, Refunded(3000)], &["$10.00", "$30.00"]),
        (&[MailIsDown, Refunded(1000), Refunded(3000), Failed(2000), MailIsBack], &["$10.00"]),
        (&[MailIsDown, Refunded(1000), Refunded(3000), Failed(3000), MailIsBack, Refunded(1000), Refunded(3000)], &["$10.00", "$30.00"]),
    ];
    for (story, expected) in stories {
        let told = Told::new().await;
        for (step, happening) in story.iter().enumerate() {
            told.happens(step, *happening).await;
        }
        assert_eq!(told.amounts(), expected, "{story:?}");
        assert!(told.nothing_failed(), "{story:?}");
    }
}

/// What comes next, by a number: a refund of a part of what is left, the failure of one that was made, or the mail server.
fn next(number: u8, made: &mut Vec<i64>, is_down: &mut bool) -> Option<Happening> {
    match number {
        0..=3 => {
            let amount = i64::from(number + 1) * 500;
            made.push(amount);
            Some(Refunded(made.iter().sum())).filter(|_| made.iter().sum::<i64>() <= 6000)
        }
        4 | 5 if !made.is_empty() => Some(Failed(made.remove(usize::from(number) % made.len()))),
        6 | 7 => {
            *is_down = !*is_down;
            Some(if *is_down { MailIsDown } else { MailIsBack })
        }
        _ => None,
    }
}

async fn check(numbers: &[u8]) {
    let told = Told::new().await;
    let (mut made, mut is_down, mut known) = (Vec::new(), false, 0);
    for (step, number) in numbers.iter().chain(&[6, 6]).enumerate() {
        let Some(happening) = next(*number, &mut made, &mut is_down) else {
            // More than was paid is not given back.
            made.truncate(known);
            continue;
        };
        known = made.len();
        told.happens(step, happening).await;
        let now = read(&told.world).await["refunded_amount"].as_i64().expect("an amount");
        assert_eq!(now, made.iter().sum::<i64>(), "{numbers:?}");
        let amounts: Vec<i64> = told.amounts().iter().map(|text| text[1..].replace('.', "").parse().expect("a sum")).collect();
        assert!(amounts.is_sorted_by(|one, next| one < next), "each once: {amounts:?}, {numbers:?}");
        if !is_down {
            let most = amounts.last().copied().unwrap_or(0);
            assert!(now <= most, "{now} was refunded, and {amounts:?} told: {numbers:?}");
        }
    }
    assert!(is_down || told.nothing_failed(), "{numbers:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(TestSize::of_this_run().pick(60, 2000)) })]

    #[test]
    fn what_was_refunded_is_told_and_no_amount_twice(numbers in prop::collection::vec(0..8u8, 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(check(&numbers));
    }
}
