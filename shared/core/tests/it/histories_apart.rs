//! What is in no history: what was said of others, and what a correction has left to them.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::testing::World;

use crate::{
    any_order::orders,
    histories::{events, put, told, world},
    support::call,
};

/// A subscription of Stripe's customer cus_1.
fn subscription(id: &str, status: &str) -> Value {
    json!({ "id": id, "object": "subscription", "customer": "cus_1", "status": status })
}

/// The subscription with that number came to be, or was changed so that nobody shows it.
async fn subscribed(world: &World, number: usize, changed: bool) {
    let (event, object) = match changed {
        false => (format!("evt_{number}"), subscription(&format!("sub_{number}"), "active")),
        true => (format!("evt_{number}_changed"), subscription(&format!("sub_{number}"), "active")),
    };
    let kind = if changed { "customer.subscription.updated" } else { "customer.subscription.created" };
    told(world, &event, kind, number as u64 + if changed { 5 } else { 0 }, object).await;
}

#[tokio::test]
async fn a_tenant_whose_stripe_customer_pays_for_another_one_has_nothing_of_the_other_s_in_its_history() {
    for put_with_customer in [true, false] {
        for order in orders(4) {
            let world = world();
            for step in &order {
                let number = step % 2 + 1;
                match step {
                    0 | 1 if put_with_customer => {
                        let word = json!({ "name": "A", "stripe_customer_id": "cus_1", "stripe_subscription_id": format!("sub_{number}") });
                        assert_eq!(put(&world, &format!("tenants/t{number}"), word).await, StatusCode::CREATED);
                    }
                    0 | 1 => {
                        assert_eq!(put(&world, &format!("tenants/t{number}"), json!({ "name": "A" })).await, StatusCode::CREATED);
                        let session = json!({ "id": format!("cs_{number}"), "object": "checkout.session", "client_reference_id": format!("t{number}"),
                            "subscription": format!("sub_{number}"), "customer": "cus_1", "payment_status": "paid" });
                        told(&world, &format!("evt_{number}_bought"), "checkout.session.completed", number as u64, session).await;
                    }
                    _ => subscribed(&world, number, false).await,
                }
            }
            for number in [1, 2] {
                subscribed(&world, number, true).await;
            }
            for (number, other) in [(1, 2), (2, 1)] {
                let events = events(&world, &format!("tenants/t{number}")).await;
                assert!(events.iter().all(|event| !event.starts_with(&format!("evt_{other}"))), "{order:?}: {events:?}");
                // What changed it while it was there is in it.
                let position = |step| order.iter().position(|at| *at == step);
                assert_eq!(events.contains(&format!("evt_{number}")), position(number - 1) < position(number + 1), "{order:?}: {events:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_tenant_that_alone_pays_with_its_stripe_customer_has_all_that_was_said_of_its_subscriptions() {
    for known_as in [json!({ "stripe_customer_id": "cus_1" }), json!({ "stripe_customer_id": "cus_1", "stripe_subscription_id": "sub_2" })]
    {
        let world = world();
        for number in [1, 2] {
            subscribed(&world, number, false).await;
        }
        let mut word = known_as.clone();
        word["name"] = json!("Alder Studio");
        assert_eq!(put(&world, "tenants/t1", word).await, StatusCode::CREATED);
        for number in [1, 2] {
            subscribed(&world, number, true).await;
        }
        assert_eq!(events(&world, "tenants/t1").await, ["evt_1", "evt_1_changed", "evt_2", "evt_2_changed"], "{known_as}");
        let shown = call(&world, Method::GET, "/api/v1/tenants/t1", None).await.json;
        assert_eq!(shown["subscription_status"], "active");
    }
}
