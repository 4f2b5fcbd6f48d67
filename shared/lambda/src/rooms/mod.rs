//! The rooms: what each function does, from its settings to its last invocation.

mod api;
mod consumer;
mod deliver;
mod ingest;
mod sweeper;
mod webhooks;

pub use api::api;
pub use consumer::consumer;
pub use deliver::deliver;
pub use ingest::ingest;
pub use sweeper::sweeper;

#[cfg(test)]
mod tests {
    use sluice_core::provider::Stripe;

    use crate::{Environment, StartError};

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The names of the settings that are wrong.
    fn wrong(refused: Result<(), StartError>) -> Vec<String> {
        let Err(StartError::Settings(problems)) = refused else { panic!("{refused:?}") };
        problems.iter().filter_map(|problem| problem.split(':').next().map(str::to_owned)).collect()
    }

    const AWS: [&str; 3] = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

    #[tokio::test]
    async fn each_room_names_all_that_it_lacks_and_nothing_else() {
        let nothing = || environment(&[]);
        let room = |own: &[&str]| AWS.iter().chain(own).map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(wrong(super::ingest(&[&Stripe], nothing()).await), room(&["SLUICE_INBOUND_QUEUE_URL", "STRIPE_WEBHOOK_SECRET"]));
        assert_eq!(wrong(super::sweeper(nothing()).await), room(&["SLUICE_INBOUND_QUEUE_URL", "SLUICE_TABLE"]));
        assert_eq!(
            wrong(super::deliver(nothing()).await),
            room(&["SLUICE_INBOUND_QUEUE_URL", "SLUICE_MASTER_KEY", "SLUICE_OUTBOUND_QUEUE_URL", "SLUICE_TABLE"])
        );
        assert_eq!(wrong(super::api(nothing()).await), room(&["SLUICE_INBOUND_QUEUE_URL", "SLUICE_MAIL", "SLUICE_TABLE"]));
        assert_eq!(
            wrong(super::consumer(nothing()).await),
            room(&["SLUICE_BUSINESS_NAME", "SLUICE_INBOUND_QUEUE_URL", "SLUICE_MAIL", "SLUICE_SUPPORT_EMAIL", "SLUICE_TABLE"])
        );
    }

    #[tokio::test]
    async fn what_only_the_adapters_can_tell_is_told_before_the_first_message() {
        let variables = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("SLUICE_TABLE", "sluice"),
            ("SLUICE_INBOUND_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/123456789012/inbound"),
            ("SLUICE_MAIL", "ses"),
            ("SLUICE_MAIL_FROM", "Bookings"),
            ("SLUICE_MAIL_REPLY_TO", "nowhere"),
            ("SLUICE_BUSINESS_NAME", "Harbour Boats"),
            ("SLUICE_SUPPORT_EMAIL", "support@example.com"),
            ("SLUICE_SMS_FROM", "0"),
            ("TWILIO_ACCOUNT_SID", "AC1"),
            ("TWILIO_AUTH_TOKEN", "token"),
            ("SLUICE_TEMPLATES", "/there/is/no/such/folder"),
        ];
        let named = wrong(super::consumer(environment(&variables)).await);
        assert_eq!(named, ["SLUICE_MAIL_FROM", "SLUICE_MAIL_REPLY_TO", "TWILIO_ACCOUNT_SID", "SLUICE_SMS_FROM", "SLUICE_TEMPLATES"]);
    }
}
