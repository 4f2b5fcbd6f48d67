use std::collections::BTreeMap;

use serde::Serialize;

use super::Customer;
use crate::{
    address::phone,
    kind::{Filter, Served},
    ports::{Index, Key, PortError, Stored},
    record::Record,
    records::{AddressMark, AddressState, Card, History, HistoryEntry, Phone},
    schema::described,
    time::Timestamp,
};

described! {
    /// A customer as the API shows it.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct ShownCustomer as "Customer" {
        id: String,
        stripe_customer_id: Option<String>,
        tenant: Option<String>,
        name: Option<String>,
        email: Option<String>,
        phone: Option<String>,
        stripe: Contact,
        billing_status: Option<String>,
        default_payment_method: Option<Method>,
        sms_opt_out: bool,
        email_state: Option<AddressState>,
        metadata: BTreeMap<String, String>,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

described! {
    /// What Stripe has of it, also where the owner's word is another.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    struct Contact as "Contact" {
        name: Option<String>,
        email: Option<String>,
        phone: Option<String>,
    }
}

described! {
    /// The payment method that Stripe charges unless told otherwise.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    struct Method as "DefaultPaymentMethod" {
        id: String,
        ..card: Card,
    }
}

impl Served for Customer {
    const NAME: &'static str = "customer";
    const LIST: &'static str = Self::KIND;
    const UNMATCHED: &'static str = Self::UNMATCHED;
    const FILTERS: &'static [Filter] = &[
        Filter::state("billing_status", &[]),
        Filter::held_by::<Self>("stripe_customer_id", Self::put_with_it),
        Filter::group("email", Index::Group),
        Filter::group("phone", Index::Group2),
        Filter::group("tenant", Index::Group3),
    ];
    type Shown = ShownCustomer;

    fn shown(&self) -> ShownCustomer {
        let put = self.put.as_ref().map(|put| &put.said);
        let said = self.said();
        let contact = |field: &str| self.contact(field).map(str::to_owned);
        let stripe = Contact { name: contact("name"), email: contact("email"), phone: contact("phone") };
        ShownCustomer {
            id: self.id.clone(),
            stripe_customer_id: self.stripe_id().map(str::to_owned),
            tenant: put.and_then(|put| put.tenant.clone()),
            name: self.name().map(str::to_owned),
            email: self.email().map(str::to_owned),
            phone: self.phone().map(str::to_owned),
            stripe,
            billing_status: said.billing_status().map(str::to_owned),
            default_payment_method: said
                .default_method()
                .map(|(id, method)| Method { id: id.to_owned(), card: method.card.clone().unwrap_or_default() }),
            sms_opt_out: false,
            email_state: None,
            metadata: put.map(|put| put.metadata.clone()).unwrap_or_default(),
            created_at: self.heard.first,
            updated_at: self.heard.last,
        }
    }

    fn lies_in_space_of(shown: &mut ShownCustomer, tenant: &str) {
        shown.tenant = Some(tenant.to_owned());
    }

    fn beside(&self) -> Vec<Key> {
        let address = self.email().map(|address| AddressMark::key(&AddressMark::id_of(address)));
        self.beside_outside().into_iter().chain(address).collect()
    }

    fn beside_outside(&self) -> Vec<Key> {
        self.phone().and_then(phone).map(|number| Phone::key(&number)).into_iter().collect()
    }

    fn complete(shown: &mut ShownCustomer, beside: &[&Stored], outside: &[&Stored]) -> Result<(), PortError> {
        let number = |documents: &[&Stored]| {
            let found = documents.iter().find(|stored| stored.document.key.kind == Phone::KIND);
            found.map(|stored| Phone::from_stored(stored)).transpose()
        };
        shown.sms_opt_out = Phone::refuses_texts(number(beside)?.as_ref(), number(outside)?.as_ref());
        for stored in beside.iter().filter(|stored| stored.document.key.kind == AddressMark::KIND) {
            shown.email_state = AddressMark::from_stored(stored)?.state();
        }
        Ok(())
    }

    fn history_beside(beside: &[Stored]) -> Result<Vec<HistoryEntry>, PortError> {
        let mut entries = Vec::new();
        for stored in beside {
            entries.extend(match stored.document.key.kind.as_ref() {
                Phone::KIND => Phone::from_stored(stored)?.history(),
                _ => AddressMark::from_stored(stored)?.history(),
            });
        }
        Ok(entries)
    }

    fn told_under(&self) -> Vec<Key> {
        self.stripe_id().filter(|id| *id != self.id).map(Self::key).into_iter().collect()
    }

    fn history_under(&self, other: &Stored) -> Result<Option<History>, PortError> {
        Self::from_stored(other).map(|stripe| Some(stripe.history))
    }

    /// Its Stripe id is what it was put with.
    fn retold(entry: &HistoryEntry) -> Option<HistoryEntry> {
        Some(entry.clone().without("stripe_customer_id"))
    }

    /// What Stripe says of it counts for as long as it is put with that id.
    fn keeps(&self, _: &HistoryEntry) -> bool {
        self.stripe_id() == Some(self.id.as_str())
    }

    fn group(&self, field: &str) -> Option<&str> {
        match field {
            "email" => self.email(),
            "phone" => self.phone(),
            "tenant" => self.put.as_ref().and_then(|put| put.said.tenant.as_deref()),
            _ => None,
        }
    }

    fn is_served(&self) -> bool {
        self.put.is_some()
    }
}
