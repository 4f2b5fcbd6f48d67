//! A signing secret is rotated while webhooks come in.

use sluice_tests::{Booking, Event, Home};

use super::brisk;
use crate::bodies::ACME;

const PATH: &str = "/webhooks/stripe/acme";
const NEW: &str = "whsec_of_acme_from_now_on";

/// Every environment of the function has its own copy of the secrets; those that are asked at once are several.
fn deliver_at_once(stack: &dyn Home, secrets: &[&str]) {
    std::thread::scope(|scope| {
        for secret in secrets.iter().cycle().take(6) {
            scope.spawn(move || {
                for _ in 0..3 {
                    let event = Event::paid(&Booking::fresh());
                    drop(stack.client().webhook(PATH, &event.signed(secret)).expect(200));
                }
            });
        }
    });
}

#[test]
#[ignore = "wants a deployed stack: cargo xtask e2e"]
fn a_rotated_secret_is_in_force_without_a_deploy_or_a_refused_webhook() {
    let stack = brisk();
    deliver_at_once(&*stack, &[ACME]);
    stack.put_secret(stack.secret(), &format!("{NEW},{ACME}"));
    // For as long as Stripe signs with both, or a webhook that was signed before is still on its way.
    deliver_at_once(&*stack, &[NEW, ACME]);
    stack.put_secret(stack.secret(), NEW);
    deliver_at_once(&*stack, &[NEW]);
    stack.client().webhook(PATH, &Event::paid(&Booking::fresh()).signed("whsec_of_somebody_else")).expect(400);
}
