use std::{convert::Infallible, sync::Arc};

use sluice_aws::{Mailbox, SesConfig, SesMailer};
use sluice_clients::{stripe::StripeClient, twilio::TwilioSms};
use sluice_core::{
    outgoing::{Gates, Outgoing},
    ports::{Key, Mailer, Sms, Store, StripeApi},
    process::{Incarnation, Processor, Turns},
    settings::{
        MailSettings, Mode, OutgoingSettings, QueueSettings, Reader, RuleSettings, StripeApiSettings, read_max_receives, read_table,
    },
};
use sluice_system::read_templates;

use crate::{Batch, Environment, SqsEvent, StartError, invocation::serve, rooms::webhooks, wiring::Wiring};

struct Settings {
    table: String,
    queues: QueueSettings,
    max_receives: u32,
    rules: RuleSettings,
    outgoing: OutgoingSettings,
    stripe_api: StripeApiSettings,
}

impl Settings {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            table: read_table(reader),
            queues: QueueSettings::read(reader),
            max_receives: read_max_receives(reader),
            rules: RuleSettings::read(reader, Mode::Lambda),
            outgoing: OutgoingSettings::read(reader, Mode::Lambda),
            stripe_api: StripeApiSettings::read(reader, Mode::Lambda),
        }
    }
}

/// Handles what came in: each message planned, committed, and its effects done.
///
/// # Errors
/// [`StartError`] if it can't start.
pub async fn consumer(environment: Environment) -> Result<(), StartError> {
    let (settings, wiring) = Wiring::read(environment, &[], Settings::read).await?;
    let store = wiring.store(&settings.table);
    let stripe = StripeClient::from_settings(&settings.stripe_api, Arc::clone(&wiring.clock)).map_err(StartError::Settings)?;
    let processor = Processor {
        outgoing: Arc::new(outgoing(&settings.outgoing, &wiring).map_err(StartError::Settings)?),
        stripe: stripe.map(|stripe| Arc::new(stripe) as Arc<dyn StripeApi>),
        interest: Some(webhooks::interest()),
        queue: wiring.queue(&settings.queues),
        policy: settings.rules.policy(settings.outgoing.channels()),
        store: store.clone(),
        clock: Arc::clone(&wiring.clock),
        ids: Arc::clone(&wiring.ids),
        metrics: wiring.metrics.clone(),
        incarnation: Incarnation::OneOfMany,
        turns: Turns::default(),
    };
    let batch = Batch {
        handler: Arc::new(processor),
        receipts: wiring.receipts(&settings.queues.inbound),
        clock: Arc::clone(&wiring.clock),
        ids: Arc::clone(&wiring.ids),
        metrics: wiring.metrics.clone(),
        max_receives: settings.max_receives,
    };
    wiring.warm_up(store.get(&[Key::new("health", "-")])).await;
    serve(&wiring, async |event: SqsEvent, deadline| Ok::<_, Infallible>(batch.handle(event, deadline).await)).await
}

/// What goes out to people: mail through SES, text messages through Twilio.
fn outgoing(settings: &OutgoingSettings, wiring: &Wiring) -> Result<Outgoing, Vec<String>> {
    let mut problems = Vec::new();
    let mut noted = |wrong: Vec<String>| problems.extend(wrong);
    let mailer = mailer(&settings.mail, wiring).map_err(&mut noted);
    let sms = TwilioSms::from_settings(&settings.sms).map_err(&mut noted);
    let templates = read_templates(settings.templates.as_deref()).map_err(&mut noted);
    match (mailer, sms, templates) {
        (Ok(mailer), Ok(sms), Ok(templates)) => Ok(Outgoing {
            mailer: mailer.map(|mailer| Arc::new(mailer) as Arc<dyn Mailer>),
            sms: sms.map(|sms| Arc::new(sms) as Arc<dyn Sms>),
            templates: Arc::new(templates),
            people: settings.people.clone(),
            gates: Gates::default(),
        }),
        _ => Err(problems),
    }
}

fn mailer(settings: &MailSettings, wiring: &Wiring) -> Result<Option<SesMailer>, Vec<String>> {
    let MailSettings::Ses { from, reply_to, configuration_set } = settings else { return Ok(None) };
    let mailbox = |setting: &str, text: &str| text.parse::<Mailbox>().map_err(|bad| format!("{setting}: {bad}"));
    let from = mailbox("SLUICE_MAIL_FROM", from);
    let reply_to = reply_to.as_deref().map(|text| mailbox("SLUICE_MAIL_REPLY_TO", text)).transpose();
    match (from, reply_to) {
        (Ok(from), Ok(reply_to)) => {
            let config = SesConfig { from, reply_to, configuration_set: configuration_set.clone() };
            Ok(Some(SesMailer::new(wiring.clients.ses(), config)))
        }
        (from, reply_to) => Err([from.err(), reply_to.err()].into_iter().flatten().collect()),
    }
}
