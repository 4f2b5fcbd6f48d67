use super::{Booking, BookingPut, BookingStatus};
use crate::{
    form::{self, Form},
    kind::{Owned, put_record},
    plan::{Stop, View},
    rules,
    time::Timestamp,
};

impl Owned for Booking {
    type Put = BookingPut;
    const FIELDS: &'static [&'static str] =
        &["customer_name", "customer_email", "customer_phone", "status", "deposit_amount", "currency", "starts_at", "tenant", "metadata"];

    fn read_put(form: &mut Form<'_>, now: Timestamp) -> BookingPut {
        let status = form.optional("status", form::one_of("pending, confirmed, payment_pending or cancelled")).unwrap_or_default();
        BookingPut {
            at: now,
            customer_name: form.required("customer_name", form::line(200)),
            customer_email: form.optional("customer_email", form::email),
            customer_phone: form.optional("customer_phone", form::phone),
            status,
            cancelled_at: (status == BookingStatus::Cancelled).then_some(now),
            deposit_amount: form.required("deposit_amount", form::amount),
            currency: form.required("currency", form::currency),
            starts_at: form.optional("starts_at", form::time),
            tenant: form.optional("tenant", form::id),
            metadata: form.optional("metadata", form::metadata).unwrap_or_default(),
        }
    }

    put_record!();

    fn join_put(&mut self, at: Timestamp, put: BookingPut) {
        self.join_put(BookingPut { at, ..put });
    }

    fn settle(self, view: &mut View<'_>) -> Result<(), Stop> {
        rules::settle_put_booking(view, self)
    }
}
