//! An event costs no more than it is to.

use sluice_cost::{Bill, CASES, Case, run};

fn bill(name: &str) -> (&'static Case, Bill) {
    let case = CASES.iter().find(|case| case.name.starts_with(name)).expect("a kind of that name");
    (case, run(case).expect("it runs as it says"))
}

fn quantity(bill: &Bill, what: &str) -> f64 {
    bill.lines.iter().find(|line| line.what == what).map_or(0.0, |line| line.quantity / 1e6)
}

#[test]
fn every_aim_is_held() {
    let mut held = 0;
    for (case, bill) in sluice_cost::all().expect("all kinds run as they say") {
        if let Some(aim) = case.aim {
            assert!(
                bill.dollars() <= aim,
                "{}: {:.2} dollars for a million, at most {aim:.2}: {:#?}",
                case.name,
                bill.dollars(),
                bill.lines
            );
            held += 1;
        }
    }
    assert_eq!(
        held, 7,
        "only recorded, a status and a mail with one record, a refund with one, two with a booking, a payment and a mail, a new order"
    );
}

/// What makes up the bill of the usual events: should one of these move, it is on purpose or a mistake.
#[test]
fn an_event_that_is_only_recorded_is_one_write() {
    let (_, bill) = bill("only recorded");
    assert_eq!(quantity(&bill, "DynamoDB, put event"), 1.0, "one kilobyte, no transaction");
    assert_eq!(quantity(&bill, "DynamoDB, indexes of event"), 1.0, "the list");
    assert!(bill.lines.iter().all(|line| !line.what.contains("read")), "nothing is read: {:?}", bill.lines);
}

#[test]
fn a_payment_is_a_transaction_of_three_and_a_mark() {
    let (_, bill) = bill("payment_intent.succeeded");
    assert_eq!(quantity(&bill, "DynamoDB, put event"), 3.0, "two in the transaction, and one for the mark of its mail: within a kilobyte");
    assert_eq!((quantity(&bill, "DynamoDB, put booking"), quantity(&bill, "DynamoDB, put transaction")), (2.0, 2.0));
    assert_eq!(quantity(&bill, "DynamoDB, indexes of booking"), 0.0, "a booking that is paid keeps its place in the list");
}

#[test]
fn the_report_tells_every_line() {
    let (case, bill) = bill("status of a text message");
    let text = sluice_cost::report(&[(case, bill.clone())]);
    for line in &bill.lines {
        assert!(text.contains(&line.what), "{} in {text}", line.what);
    }
    assert!(text.contains("list prices of 2026-11-22") && text.contains(&format!("{:.2}  in all", bill.dollars())), "{text}");
}
