//! More events than all orders of could be tried: shuffled, repeated, and with calls that go wrong.

use proptest::prelude::*;

use super::{shops::nobody_is_left, *};
use crate::{
    github::{pull_request, release},
    shopify::{ORDER, order, redact_customer},
    support::github,
};

/// More events than all orders of could be tried, with a mail that was put under a wrong id first.
fn many() -> Vec<Step> {
    let at = |minute| start() + minutes(minute);
    let mail = |id: &str| json!({ "external_id": id, "channel": "email", "direction": "outbound", "to": "eve@example.com" });
    let mut steps = vec![
        Step::Put("/api/v1/bookings/12345", booking(json!({ "status": "confirmed" }))),
        Step::Put("/api/v1/messages/mail-1", mail("em_0")),
        Step::Put("/api/v1/messages/mail-1", mail("em_1")),
        event(mail_event("em_0", "delivered", start())),
        event(shopify("w9", "customers/redact", at(9), &redact_customer(&[820_982_911_946_154_613]))),
    ];
    for (minute, status) in ["queued", "sent", "undelivered"].into_iter().enumerate() {
        steps.push(event(text_status("SM9", status, NUMBER, None, at(minute as u64))));
    }
    for kind in ["sent", "delivered", "opened"] {
        steps.push(event(mail_event("em_1", kind, start())));
    }
    for (number, topic) in ["orders/updated", "orders/paid", "orders/fulfilled"].into_iter().enumerate() {
        let body = order(at(number as u64), &json!({ "financial_status": topic }));
        steps.push(event(shopify(&format!("w{number}"), topic, at(number as u64), &body)));
    }
    for number in 1..4 {
        steps.push(event(github(&format!("o{number}"), "pull_request.opened", at(number), pull_request(number, "opened", at(number)))));
        steps.push(event(github(&format!("c{number}"), "pull_request.closed", at(9), pull_request(number, "closed", at(9)))));
        steps.push(event(github(
            &format!("r{number}"),
            "release.published",
            at(number),
            release(number, &format!("v{number}"), "published", at(number)),
        )));
    }
    steps.push(event(github("x3", "release.deleted", at(8), release(3, "v3", "deleted", at(3)))));
    steps
}

proptest! {
    #![proptest_config(ProptestConfig { cases: TestSize::of_this_run().pick(48, 5_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn many_events_at_random_with_repeats_and_faults(
        order in Just((0..many().len()).collect::<Vec<_>>()).prop_shuffle(),
        repeats in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        faults in prop::collection::vec((0..200u64, prop::sample::select(Fault::ALL.to_vec())), 0..4),
    ) {
        let steps = many();
        let order_path = format!("orders/{ORDER}");
        let paths = ["messages/SM9", "bookings/12345", "messages/mail-1", &order_path, "repositories/186853002"];
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let straight = World::new(start(), true);
            take(&straight, &steps, &(0..steps.len()).collect::<Vec<_>>(), false).await;
            let mut shuffled = order.clone();
            for repeat in &repeats {
                let (what, to) = (repeat.get(&order), repeat.index(shuffled.len()));
                if matches!(steps[*what], Step::Event(_)) {
                    shuffled.insert(to, *what);
                }
            }
            put_words_in_order(&steps, &mut shuffled);
            let world = World::new(start(), true);
            faults.iter().for_each(|(call, fault)| world.faults.plan(*call, *fault));
            take(&world, &steps, &shuffled, false).await;
            prop_assert_eq!(end(&world, &paths).await, end(&straight, &paths).await, "order {:?}, {:?}", shuffled, faults);
            let (now, before) = (mails(&world), mails(&straight));
            prop_assert_eq!(told(&now), told(&before));
            // Each call that went wrong excuses one repeat.
            prop_assert!(now.len() <= before.len() + faults.len(), "{:?}, {:?}", now, faults);
            nobody_is_left(&world);
            Ok(())
        })?;
    }
}
