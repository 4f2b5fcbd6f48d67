//! Requests that API Gateway answers by itself, and never hands to a function.

use bytes::Bytes;
use http::Method;
use sluice_tests::{Event, Home};

use super::dev;
use crate::bodies::answers::{accepted, wrong_method};

#[test]
fn a_slash_at_the_end_is_no_other_path() {
    let home = dev().start();
    let event = Event::stripe("customer.created");
    accepted(home.client().webhook("/webhooks/stripe/", &event.signed(home.secret())));
    assert_eq!(home.settled(&event)["source"], "default");
}

#[test]
fn options_is_a_wrong_method_like_any_other() {
    wrong_method(dev().start().client().ask(Method::OPTIONS, "/webhooks/stripe", Bytes::new()));
}
