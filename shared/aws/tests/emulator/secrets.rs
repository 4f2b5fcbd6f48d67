use std::{sync::Arc, time::Duration};

use aws_sdk_ssm::types::ParameterType;
use sluice_aws::secrets::{AwsSecrets, Fetch, Reference, RefreshingSecrets};
use sluice_core::{
    ports::Clock,
    provider,
    secrets::{FixedSecrets, Secrets, SourceTenants},
    testing::{CountingIds, ManualClock},
    time::Timestamp,
};
use sluice_signature::Secret;
use sluice_system::SystemClock;

use crate::home::Home;

fn reference(text: &str) -> Reference {
    Reference::read(text).expect("fine").expect("a reference")
}

#[tokio::test]
async fn values_come_out_of_both_services() {
    let home = Home::new().await;
    let (secrets, parameters) = (home.clients.secrets_manager(), home.clients.parameter_store());
    let (secret, parameter) = (Home::name("secret"), format!("/{}/stripe", Home::name("parameter")));
    let created = secrets.create_secret().name(&secret).secret_string("{\"signing\":\"whsec_a\"}").send().await.expect("a new secret");
    let arn = created.arn.expect("its ARN");
    let put = parameters.put_parameter().name(&parameter).value("whsec_b,whsec_c").r#type(ParameterType::SecureString);
    put.send().await.expect("a new parameter");

    let fetch = AwsSecrets::new(secrets.clone(), parameters.clone(), Arc::new(SystemClock), Arc::new(CountingIds::new()));
    for (text, value) in [
        (format!("secretsmanager:{secret}#signing"), "whsec_a"),
        (format!("{arn}#signing"), "whsec_a"),
        (arn.clone(), "{\"signing\":\"whsec_a\"}"),
        (format!("ssm:{parameter}"), "whsec_b,whsec_c"),
    ] {
        assert_eq!(fetch.fetch(&reference(&text)).await.expect("it is there").reveal(), value, "{text}");
    }
    let missing = fetch.fetch(&reference("secretsmanager:sluice-test-no-such-secret")).await.expect_err("it is not there");
    assert!(missing.to_string().contains("ResourceNotFound"), "{missing}");
    assert!(fetch.fetch(&reference("ssm:/sluice-test-no-such-parameter")).await.is_err());

    secrets.delete_secret().secret_id(&arn).force_delete_without_recovery(true).send().await.expect("it is there");
    parameters.delete_parameter().name(&parameter).send().await.expect("it is there");
}

#[tokio::test]
async fn a_rotated_secret_is_in_force_without_a_restart() {
    let home = Home::new().await;
    let client = home.clients.secrets_manager();
    let name = Home::name("rotated");
    client.create_secret().name(&name).secret_string("whsec_old").send().await.expect("a new secret");
    let mut fixed = FixedSecrets::default();
    fixed.insert("stripe", "default", vec![Secret::new(format!("secretsmanager:{name}"))]);
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_795_000_000)));
    let fetch =
        Arc::new(AwsSecrets::new(client.clone(), home.clients.parameter_store(), Arc::new(SystemClock), Arc::new(CountingIds::new())));
    let secrets = RefreshingSecrets::start(
        provider::ALL,
        &fixed,
        &SourceTenants::default(),
        fetch,
        Arc::clone(&clock) as Arc<dyn Clock>,
        Duration::from_secs(300),
    )
    .await
    .expect("it is there");
    let reveal =
        |secrets: Option<Arc<[Secret]>>| secrets.map(|secrets| secrets.iter().map(|secret| secret.reveal().to_owned()).collect::<Vec<_>>());
    assert_eq!(reveal(secrets.active("stripe", "default")), Some(vec!["whsec_old".to_owned()]));

    client.put_secret_value().secret_id(&name).secret_string("whsec_new,whsec_old").send().await.expect("it is there");
    clock.advance(Duration::from_secs(10));
    let both = Some(vec!["whsec_new".to_owned(), "whsec_old".to_owned()]);
    assert_eq!(reveal(secrets.refreshed("stripe", "default").await), both);
    client.delete_secret().secret_id(&name).force_delete_without_recovery(true).send().await.expect("it is there");
    clock.advance(Duration::from_secs(300));
    secrets.keep_fresh().await;
    assert_eq!(reveal(secrets.active("stripe", "default")), both, "what can't be fetched stays");
}
