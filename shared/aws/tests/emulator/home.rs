//! Where the tests run, and what they make there.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType, ScalarAttributeType,
    TableStatus,
};
use sluice_aws::{AwsEnvironment, Clients, Patience, Timeouts, schema};
use sluice_core::ports::{Clock, Ids};
use sluice_system::{SystemClock, SystemIds};

use crate::emulator::Emulator;

/// An AWS to test on.
pub(crate) struct Home {
    pub(crate) clients: Clients,
    /// None if the tests run elsewhere.
    pub(crate) emulator: Option<Arc<Emulator>>,
}

#[expect(clippy::disallowed_methods, reason = "these tests are told by variables where to run")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::disallowed_methods, reason = "these tests are told by variables where to run")]
fn variables() -> BTreeMap<String, String> {
    std::env::vars().collect()
}

impl Home {
    pub(crate) async fn new() -> Self {
        let (environment, emulator) = match variable("SLUICE_TEST_AWS").as_deref() {
            Some("environment") => (variables(), None),
            Some(other) => panic!("SLUICE_TEST_AWS is {other:?}; it can only be `environment`"),
            None => {
                let emulator = Emulator::shared().await;
                let url = emulator.url();
                let variables = [
                    ("AWS_REGION", "us-east-1"),
                    ("AWS_ACCESS_KEY_ID", "test"),
                    ("AWS_SECRET_ACCESS_KEY", "test"),
                    ("AWS_ENDPOINT_URL", &url),
                ];
                (variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(), Some(emulator))
            }
        };
        let environment = AwsEnvironment::read(&environment).expect("a complete environment");
        // An emulator on a busy machine is slow.
        let timeouts = Timeouts { attempt: Duration::from_secs(30), ..Timeouts::default() };
        Self { clients: Clients::new(&environment, timeouts).expect("no bundle of certificates"), emulator }
    }

    pub(crate) fn patience() -> Arc<Patience> {
        Arc::new(Patience::new(Arc::new(SystemClock), Arc::new(SystemIds), Duration::from_secs(60)))
    }

    /// A name that nothing else has.
    pub(crate) fn name(what: &str) -> String {
        format!("sluice-test-{what}-{:016x}", SystemIds.random() as u64)
    }

    /// Makes the table as the schema describes it.
    pub(crate) async fn create_table(&self, name: &str) {
        let text = |name: &str| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().expect("complete")
        };
        let key = |name: &str, kind: KeyType| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("complete");
        let client = self.clients.dynamo();
        let mut call = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
        call = call.attribute_definitions(text(schema::KEY)).key_schema(key(schema::KEY, KeyType::Hash));
        for index in schema::INDEXES {
            let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
            let secondary = GlobalSecondaryIndex::builder().index_name(index.name).projection(keys_only);
            let secondary = secondary.key_schema(key(index.partition, KeyType::Hash)).key_schema(key(index.sort, KeyType::Range));
            call = call.attribute_definitions(text(index.partition)).attribute_definitions(text(index.sort));
            call = call.global_secondary_indexes(secondary.build().expect("complete"));
        }
        call.send().await.expect("a new table");
        for _ in 0..1_200 {
            let described = client.describe_table().table_name(name).send().await.expect("the table is there");
            if described.table.and_then(|table| table.table_status) == Some(TableStatus::Active) {
                return;
            }
            SystemClock.sleep(Duration::from_millis(100)).await;
        }
        panic!("the table is not active after two minutes");
    }

    pub(crate) async fn delete_table(&self, name: &str) {
        self.clients.dynamo().delete_table().table_name(name).send().await.expect("the table is there");
    }
}
