use super::{Draft, NoDraft, Outgoing, for_staff, unknown};
use crate::{
    effect::Effect,
    event::EventRecord,
    money::Money,
    ports::{PortError, Store},
    record::Record,
    records::{Order, Shop, ShopCustomer},
    rules::DataRequest,
    template::{MailTemplate, OrderConfirmed, ShopDataRequest},
};

impl Outgoing {
    /// Words what a buyer is told of an order, as the order is now.
    pub(super) fn draft_for_order(&self, effect: &Effect, order: &Order) -> Result<Draft, NoDraft> {
        if effect.template != MailTemplate::OrderConfirmed.name() {
            return Err(unknown(effect));
        }
        // Cancelled, deleted or erased since: there is nothing to confirm any more.
        if !order.is_worth_a_mail() {
            return Ok(Draft::Superseded);
        }
        let (fact, buyer) = (order.said.fact(), order.buyer());
        let words = self.templates.mail(&OrderConfirmed {
            business_name: self.people.business_name.clone(),
            customer_name: buyer.and_then(|buyer| buyer.name.clone()),
            order_name: fact.and_then(|fact| fact.name.clone()).unwrap_or_else(|| order.id.clone()),
            total: total(order),
        })?;
        Ok(Draft::Mail { to: buyer.and_then(|buyer| buyer.email.clone()), words })
    }

    /// Tells the owner of a shop what is held of a customer who has asked.
    pub(super) async fn draft_for_shop(&self, store: &dyn Store, event: &EventRecord, effect: &Effect) -> Result<Draft, NoDraft> {
        if effect.template != MailTemplate::ShopDataRequest.name() {
            return Err(unknown(effect));
        }
        let asked = event.body().unpack().ok().as_deref().and_then(DataRequest::read);
        let asked = asked.ok_or_else(|| NoDraft::NothingToSay("the request was erased before it could be answered".to_owned()))?;
        let of = effect.about.record.id.as_str();
        let shop = get::<Shop>(store, of).await?;
        let owner = shop.as_ref().and_then(|shop| shop.said.fact()).and_then(|fact| fact.email.clone());
        let mut held = Vec::new();
        if let Some(id) = &asked.customer
            && let Some(customer) = get::<ShopCustomer>(store, id).await?.filter(|customer| customer.said.is_known_of(of))
        {
            held.push(of_customer(&customer));
        }
        for id in &asked.orders {
            if let Some(order) = get::<Order>(store, id).await?.filter(|order| order.said.is_known_of(of)) {
                held.push(of_order(&order));
            }
        }
        let words = self.templates.mail(&ShopDataRequest {
            shop: if owner.is_some() { of.to_owned() } else { for_staff(event, of) },
            to_owner: owner.is_some(),
            request_id: asked.id,
            customer_id: asked.customer,
            held,
            event_id: event.id.clone(),
        })?;
        Ok(Draft::Mail { to: Some(owner.unwrap_or_else(|| self.people.support_email.clone())), words })
    }
}

async fn get<R: Record>(store: &dyn Store, id: &str) -> Result<Option<R>, PortError> {
    store.get(&[R::key(id)]).await?.pop().flatten().as_ref().map(R::from_stored).transpose()
}

fn total(order: &Order) -> Option<Money> {
    let fact = order.said.fact()?;
    Some(Money::new(fact.total?, fact.currency.as_deref()?.parse().ok()?))
}

/// What is known, and nothing of what is not.
fn listed(what: String, parts: impl IntoIterator<Item = Option<String>>) -> String {
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { what } else { format!("{what}: {}", parts.join(", ")) }
}

fn of_customer(customer: &ShopCustomer) -> String {
    let fact = customer.said.fact();
    let parts = [
        fact.and_then(|fact| fact.name.clone()),
        fact.and_then(|fact| fact.email.clone()),
        fact.and_then(|fact| fact.phone.clone()),
        fact.and_then(|fact| fact.state.as_ref()).map(|state| format!("account {state}")),
    ];
    listed(format!("Customer {}", customer.id), parts)
}

fn of_order(order: &Order) -> String {
    let (fact, buyer) = (order.said.fact(), order.buyer());
    let parts = [
        total(order).map(|total| total.to_string()),
        fact.and_then(|fact| fact.financial_status.clone()),
        fact.and_then(|fact| fact.created_at).map(|at| at.to_string()),
        buyer.and_then(|buyer| buyer.name.clone()),
        buyer.and_then(|buyer| buyer.email.clone()),
        buyer.and_then(|buyer| buyer.phone.clone()),
    ];
    listed(format!("Order {}", fact.and_then(|fact| fact.name.as_deref()).unwrap_or(&order.id)), parts)
}
