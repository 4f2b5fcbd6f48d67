use std::fmt::Write;

use crate::{
    BATCH,
    bill::{Bill, Line},
    cases::Case,
    prices,
};

/// The bills, for people.
#[must_use]
pub fn report(bills: &[(&Case, Bill)]) -> String {
    let mut text = format!(
        "Dollars for a million events: us-east-1, list prices of {}, no free tier, functions on arm64, batches of {BATCH}.\n\
         Without mail and text messages themselves, and without what a stack costs at rest.\n",
        prices::DAY
    );
    for (case, bill) in bills {
        write!(text, "\n{}\n", case.name).expect("writing to a String cannot fail");
        bill.lines.iter().for_each(|line| put(&mut text, line));
        let verdict = case
            .aim
            .map_or_else(String::new, |aim| format!("   at most {aim:.2}: {}", if bill.dollars() <= aim { "held" } else { "MISSED" }));
        writeln!(text, "{:>10.2}  in all{verdict}", bill.dollars()).expect("writing to a String cannot fail");
        let kept = bill.kept.iter().filter(|line| line.dollars >= 0.005);
        kept.for_each(|line| put(&mut text, line));
    }
    text
}

fn put(text: &mut String, line: &Line) {
    let Line { what, quantity, unit, dollars } = line;
    writeln!(text, "{dollars:>10.3}  {what:<36} {quantity:>14.0} {unit}").expect("writing to a String cannot fail");
}
