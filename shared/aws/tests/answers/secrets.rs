use std::{sync::Arc, time::Duration};

use serde_json::json;
use sluice_aws::secrets::{AwsSecrets, Fetch, Reference};
use sluice_core::{ports::Clock, testing::CountingIds};
use sluice_system::SystemClock;

use crate::fake::{Answer, Fake};

fn reference(text: &str) -> Reference {
    Reference::read(text).expect("fine").expect("a reference")
}

fn secrets(fake: &Fake) -> AwsSecrets {
    let clients = fake.clients();
    AwsSecrets::new(clients.secrets_manager(), clients.parameter_store(), Arc::new(SystemClock), Arc::new(CountingIds::new()))
}

/// A function that starts needs its secrets: one call that fails in passing is no reason not to.
#[tokio::test]
async fn a_secret_is_asked_for_again() {
    let (secret, parameter) = (json!({ "SecretString": "whsec_a" }), json!({ "Parameter": { "Value": "whsec_a" } }));
    for (text, found) in [("secretsmanager:sluice/stripe", secret), ("ssm:/sluice/stripe", parameter)] {
        for answer in
            [Answer::error(400, "ThrottlingException"), Answer::error(500, "InternalServiceError"), Answer::Hangup, Answer::Silence]
        {
            let fake = Fake::answering([answer.clone(), answer.clone(), Answer::json(200, &found)]).await;
            let value = secrets(&fake).fetch(&reference(text)).await.unwrap_or_else(|error| panic!("{text}, {answer:?}: {error}"));
            assert_eq!((value.reveal(), fake.requests().len()), ("whsec_a", 3), "{text}, {answer:?}");
        }
    }
}

/// What the operator has to mend is told at once, and a service that is down does not take the ten seconds of a start.
#[tokio::test]
async fn a_secret_that_can_not_be_had_is_told_in_time() {
    let refused = Fake::answering([Answer::error(400, "AccessDeniedException")]).await;
    let down = Fake::answering([Answer::error(500, "InternalServiceError")]).await;
    for (fake, asked) in [(&refused, 1..=1), (&down, 2..=usize::MAX)] {
        let began = SystemClock.now();
        assert!(secrets(fake).fetch(&reference("secretsmanager:sluice/stripe")).await.is_err());
        assert!(asked.contains(&fake.requests().len()), "{:?}", fake.requests());
        assert!(SystemClock.now().since(began) < Duration::from_secs(5));
    }
}
