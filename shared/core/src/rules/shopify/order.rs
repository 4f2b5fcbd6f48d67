//! <https://shopify.dev/docs/api/admin-rest/latest/resources/order>

use super::{Read, insist_deletion, insist_own};
use crate::{
    effect::EffectKind,
    money::{Currency, Money},
    plan::{Stop, View},
    records::{Buyer, Order, OrderFact, Shop},
    rules::fields::Fields,
    template::MailTemplate,
};

/// An order was made, or has changed.
pub(super) fn told(read: &Read<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    let (id, at) = (read.id()?, read.changed_at());
    let mut order = heard_of(read, &id, view)?;
    let currency = read.body.text("currency").and_then(|code| code.parse::<Currency>().ok());
    let total = read.body.text("total_price").or_else(|| read.body.text("current_total_price"));
    let total = currency.zip(total).and_then(|(currency, text)| Money::parse(text, currency));
    order.made |= read.event.kind == "orders/create";
    order.said.join(
        at,
        OrderFact {
            shop: read.shop.to_owned(),
            name: read.body.owned("name"),
            currency: currency.map(|currency| currency.code().to_owned()),
            total: total.map(|total| total.amount),
            financial_status: read.body.owned("financial_status"),
            fulfillment_status: read.body.owned("fulfillment_status"),
            created_at: read.body.time("created_at"),
            cancelled_at: read.body.time("cancelled_at"),
            test: read.body.is("test"),
            buyer: Some(buyer(read.body)),
        },
    );
    // The shop's erasure went through its orders before this one was heard of. It is long over when anything still comes that it is about.
    if let Some(redacted_at) = view.peek::<Shop>(read.shop)?.and_then(|shop| shop.said.redacted_at).filter(|redacted_at| at <= *redacted_at)
    {
        order.said.redact(redacted_at);
    }
    if order.said.is_redacted() {
        view.erase_body();
    }
    if view.policy.mail
        && let Some(about) = order.announce()
    {
        view.effect(EffectKind::Mail, MailTemplate::OrderConfirmed, about);
    }
    let paid = order.said.fact().and_then(|fact| fact.financial_status.clone()).unwrap_or_else(|| "payment unknown".to_owned());
    let name = read.body.text("name").unwrap_or(&id);
    view.summarize(match total {
        Some(total) => format!("order {name} of {}: {total}, {paid}", read.shop),
        None => format!("order {name} of {}: {paid}", read.shop),
    });
    view.write(&order)
}

fn heard_of(read: &Read<'_>, id: &str, view: &mut View<'_>) -> Result<Order, Stop> {
    let received_at = read.event.received_at;
    let mut order = view.read::<Order>(id)?.unwrap_or_else(|| Order::first_heard(id, received_at));
    insist_own(read, &mut order.said)?;
    order.heard.join(received_at);
    view.tell::<Order>(id);
    Ok(order)
}

fn buyer(order: Fields<'_>) -> Buyer {
    let customer = order.at("customer");
    let names = ["first_name", "last_name"].map(|name| customer.text(name));
    let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let mail = |text: Option<&str>| text.filter(|text| crate::address::is_mail_address(text)).map(str::to_owned);
    Buyer {
        customer_id: customer.id("id"),
        name: Some(name).filter(|name| !name.is_empty()),
        email: mail(order.text("email")).or_else(|| mail(order.text("contact_email"))).or_else(|| mail(customer.text("email"))),
        phone: order.owned("phone").or_else(|| customer.owned("phone")),
    }
}

/// An order was deleted.
pub(super) fn deleted(read: &Read<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    insist_deletion(read)?;
    let id = read.id()?;
    let mut order = heard_of(read, &id, view)?;
    order.said.join_deleted(read.happened_at());
    view.summarize(format!("order {id} of {} deleted", read.shop));
    view.write(&order)
}
