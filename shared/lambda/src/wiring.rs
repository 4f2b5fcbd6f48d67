//! The AWS adapters that the rooms stand on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use sluice_aws::{
    AwsEnvironment, Clients, DynamoStore, Patience, QueueUrls, SqsQueue, SqsReceipts, Timeouts,
    secrets::{AwsSecrets, fill},
};
use sluice_core::{
    ports::{Clock, Ids, QueueName},
    provider::Providers,
    settings::{QueueSettings, Reader},
};
use sluice_system::{SystemClock, SystemIds};

use crate::{Environment, StartError, metrics::EmfMetrics};

/// How long a function waits at its start for connections to stand. What does not stand by then is opened by the first call that needs it.
const WARM_UP: Duration = Duration::from_millis(1_500);

/// The clients of the services, and what goes with them.
pub(crate) struct Wiring {
    pub(crate) clients: Clients,
    /// Where references lead.
    pub(crate) secrets: Arc<AwsSecrets>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) patience: Arc<Patience>,
    pub(crate) metrics: Arc<EmfMetrics>,
}

impl Wiring {
    /// Reads a function's settings, those that are references to secrets fetched first, and makes what they are used with.
    ///
    /// The signing secrets of `signing` are left as they are: they are kept fresh while the function runs.
    pub(crate) async fn read<S>(
        environment: Environment,
        signing: Providers,
        read: impl FnOnce(&mut Reader<'_>) -> S,
    ) -> Result<(S, Self), StartError> {
        let aws = AwsEnvironment::read(&environment).map_err(texts);
        let clients = aws.and_then(|aws| Clients::new(&aws, Timeouts::default()).map_err(|problem| texts([problem])));
        let (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>) = (Arc::new(SystemClock), Arc::new(SystemIds));
        let secrets = clients
            .as_ref()
            .map(|clients| AwsSecrets::new(clients.secrets_manager(), clients.parameter_store(), Arc::clone(&clock), Arc::clone(&ids)));
        let function = environment.get("AWS_LAMBDA_FUNCTION_NAME").cloned().unwrap_or_default();
        let mut problems = Vec::new();
        let environment = match &secrets {
            Ok(secrets) => match fill_references(&environment, secrets, signing).await {
                Ok(filled) => filled,
                Err(missing) => {
                    problems.extend(missing);
                    environment
                }
            },
            // Without access to AWS what is wrong with the rest can be said all the same.
            Err(without_access) => {
                problems.extend_from_slice(without_access);
                environment
            }
        };
        let settings = read_settings(&environment, read).map_err(|wrong| problems.extend(wrong));
        let (Ok(settings), Ok(secrets), Ok(clients), true) = (settings, secrets.map(Arc::new), &clients, problems.is_empty()) else {
            return Err(StartError::Settings(problems));
        };
        let patience = Arc::new(Patience::new(Arc::clone(&clock), Arc::clone(&ids), Patience::LONGEST));
        let metrics = Arc::new(EmfMetrics::new(function));
        Ok((settings, Self { clients: clients.clone(), secrets, clock, ids, patience, metrics }))
    }

    /// The records.
    pub(crate) fn store(&self, table: &str) -> Arc<DynamoStore> {
        Arc::new(DynamoStore::new(self.clients.dynamo(), table, Arc::clone(&self.clock), Arc::clone(&self.patience)))
    }

    /// The queues that are set.
    pub(crate) fn queue(&self, settings: &QueueSettings) -> Arc<SqsQueue> {
        let inbound = QueueUrls { queue: settings.inbound.clone(), dead_letters: settings.inbound_dead_letters.clone() };
        let mut urls = BTreeMap::from([(QueueName::Inbound, inbound)]);
        if let Some(queue) = settings.outbound.clone() {
            urls.insert(QueueName::Outbound, QueueUrls { queue, dead_letters: settings.outbound_dead_letters.clone() });
        }
        Arc::new(SqsQueue::new(self.clients.sqs(), urls, Arc::clone(&self.clock), Arc::clone(&self.patience)))
    }

    /// The messages that were received from the queue at `url`.
    pub(crate) fn receipts(&self, url: &str) -> Arc<SqsReceipts> {
        Arc::new(SqsReceipts::new(self.clients.sqs(), url, Arc::clone(&self.patience)))
    }

    /// Opens connections while the function starts, when it has a whole core and nobody waits. Whether it succeeds does not matter.
    pub(crate) async fn warm_up<T>(&self, call: impl Future<Output = T>) {
        if let Either::Right(_) = select(std::pin::pin!(call), self.clock.sleep(WARM_UP)).await {
            tracing::debug!("a connection did not stand within {WARM_UP:?}");
        }
    }
}

async fn fill_references(environment: &Environment, secrets: &AwsSecrets, signing: Providers) -> Result<Environment, Vec<String>> {
    let own = |name: &str| ["SLUICE_", "TWILIO_", "STRIPE_SECRET_KEY"].iter().any(|own| name.starts_with(own));
    let kept_fresh = |name: &str| signing.iter().any(|provider| name.starts_with(provider.secret_setting()));
    fill(environment, secrets, |name| kept_fresh(name) || !own(name)).await.map_err(texts)
}

fn read_settings<S>(environment: &Environment, read: impl FnOnce(&mut Reader<'_>) -> S) -> Result<S, Vec<String>> {
    let mut reader = Reader::new(environment);
    reader.refuse_unknown();
    reader.doubts().iter().for_each(|doubt| tracing::warn!("{doubt}"));
    let settings = read(&mut reader);
    reader.finish(settings).map_err(texts)
}

/// Problems as people read them.
pub(crate) fn texts<P: ToString>(problems: impl IntoIterator<Item = P>) -> Vec<String> {
    problems.into_iter().map(|problem| problem.to_string()).collect()
}
