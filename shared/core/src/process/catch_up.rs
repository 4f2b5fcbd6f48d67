use crate::{
    event::EventRecord,
    outgoing::Performed,
    process::{Processor, Trouble, handle::Handling, steps::Steps},
    record::Record,
    webhooks::{CatchUp, Subscription},
};

impl Processor {
    /// Catches up on what a subscription has missed, page by page; how far it has come is stored after each.
    pub(super) async fn catch_up(
        &self,
        record: &mut EventRecord,
        position: usize,
        version: &mut u64,
        handling: &Handling,
    ) -> Result<Performed, Trouble> {
        let body = record.body().unpack().map_err(|error| Trouble::Damaged(error.to_string()))?;
        let job: CatchUp = match serde_json::from_slice(&body) {
            Ok(job) => job,
            Err(error) => return Ok(Performed::Failed(format!("the job can't be read: {error}"))),
        };
        let subscription: Subscription = match self.needed(&Subscription::key(&job.subscription_id), "the subscription").await {
            Ok(subscription) => subscription,
            Err(performed) => return Ok(performed),
        };
        if !subscription.active() {
            return Ok(Performed::Failed("the subscription is disabled".to_owned()));
        }
        self.step_by_step(&Steps::CatchUp(job, subscription), record, position, version, handling).await
    }
}
