//! What was paid of an invoice, and whether that is enough.

use super::{Invoice, InvoicePayment, InvoiceStatus, Link};
use crate::{
    records::{ChargeFact, charge},
    time::Timestamp,
};

impl InvoicePayment {
    /// How much was paid in `currency`, as far as payment and refunded charges tell.
    fn amount(&self, currency: &str) -> i64 {
        let made = self.made.as_ref().filter(|(_, amount)| amount.currency == currency).map_or(0, |(_, amount)| amount.amount);
        made.max(charge::charged(&self.charges, currency))
    }

    /// How much of that has been given back.
    fn refunded(&self, currency: &str) -> i64 {
        charge::refunded(&self.charges, currency)
    }

    /// What was paid in `currency`, and then what each refund took of it, and each that failed brought back, with its time. What was refunded was paid before, also where no time of that
    /// is known, or a later one.
    fn movements(&self, currency: &str) -> Vec<(Timestamp, i64)> {
        let of_currency = || self.charges.values().filter(|charge| charge.currency == currency);
        let made = self.made.as_ref().filter(|(_, amount)| amount.currency == currency).map(|(at, _)| *at);
        let Some(paid_at) = made.or_else(|| of_currency().map(ChargeFact::first_refunded_at).min()) else { return Vec::new() };
        let back = of_currency().flat_map(|charge| charge.moved_since(paid_at)).map(|(at, amount)| (at, amount.saturating_neg()));
        [(paid_at, self.amount(currency))].into_iter().chain(back).filter(|(_, amount)| *amount != 0).collect()
    }

    /// When one of Stripe's invoices that it pays became paid. Where Stripe says that it pays this one, only what it says of this one counts.
    fn settled_at(&self) -> Option<Timestamp> {
        self.invoice_paid.filter(|_| self.link != Link::Stripe)
    }
}

impl Invoice {
    /// When it was paid first: by a word of its owner's or of Stripe's, by payments that reached the amount, or when it was put with nothing due.
    #[must_use]
    pub fn paid_at(&self) -> Option<Timestamp> {
        let put = self.put.as_ref().and_then(|put| put.said.paid_since);
        put.into_iter().chain(self.told_paid_at()).chain(self.owes_nothing_since()).min()
    }

    /// Since when nothing is due of it, as its owner has it.
    fn owes_nothing_since(&self) -> Option<Timestamp> {
        self.asks_since().filter(|_| self.due().is_some_and(|due| due.amount == 0))
    }

    /// The same without the owner's word.
    fn told_paid_at(&self) -> Option<Timestamp> {
        let said = self.said.paid.as_ref().map(|told| told.at);
        let settled = self.payments.values().filter_map(InvoicePayment::settled_at);
        said.into_iter().chain(settled).chain(self.reached_at()).min()
    }

    /// When what had been paid and not been given back by then reached the amount that is due.
    fn reached_at(&self) -> Option<Timestamp> {
        let due = self.due()?;
        let mut moved: Vec<_> = self.payments.values().flat_map(|payment| payment.movements(&due.currency)).collect();
        // Stripe's times are whole seconds: of one second, what was paid comes first.
        moved.sort_by_key(|(at, amount)| (*at, std::cmp::Reverse(*amount)));
        let mut sum = 0i64;
        moved.into_iter().find_map(|(at, amount)| {
            sum = sum.saturating_add(amount);
            (sum >= due.amount).then_some(at)
        })
    }

    /// How much its payments came to in its currency, what was given back included.
    #[must_use]
    pub fn amount_paid(&self) -> i64 {
        let Some(currency) = self.currency() else { return 0 };
        self.payments.values().map(|payment| payment.amount(currency)).fold(0, i64::saturating_add)
    }

    /// How much of its payments has been refunded, in its currency.
    #[must_use]
    pub fn refunded_amount(&self) -> i64 {
        let Some(currency) = self.currency() else { return 0 };
        self.payments.values().map(|payment| payment.refunded(currency)).fold(0, i64::saturating_add)
    }

    /// How much is still to be paid: nothing once it is paid. `None` while it is not known how much is due.
    #[must_use]
    pub fn amount_remaining(&self) -> Option<i64> {
        let due = self.due()?.amount;
        let kept = self.amount_paid().saturating_sub(self.refunded_amount());
        Some(if self.status() >= InvoiceStatus::Paid { 0 } else { due.saturating_sub(kept).max(0) })
    }

    /// Whether it was paid, and all that was paid has been given back.
    fn is_refunded(&self) -> bool {
        let was_paid = self.due().is_none() || self.told_paid_at().is_some();
        let paid = self.amount_paid();
        was_paid && paid > 0 && self.refunded_amount() >= paid
    }

    /// The state that follows from the facts.
    #[must_use]
    pub fn status(&self) -> InvoiceStatus {
        let failed = self.said.failed.is_some() || self.payments.values().any(|payment| payment.invoice_failed);
        let told = if self.is_refunded() {
            InvoiceStatus::Refunded
        } else if self.paid_at().is_some() {
            InvoiceStatus::Paid
        } else if failed {
            InvoiceStatus::Overdue
        } else {
            InvoiceStatus::Open
        };
        self.put.as_ref().map_or(told, |put| put.said.status.max(told))
    }
}
