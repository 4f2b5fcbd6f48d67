use crate::{
    event::EventRecord,
    outgoing::Performed,
    process::{Processor, Trouble, handle::Handling, steps::Steps},
    record::Record,
    webhooks::{CatchUp, Subscription, What},
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
        let subscription = match self.needed::<Subscription>(&Subscription::key(&job.subscription_id)).await {
            Ok(Some(subscription)) if subscription.active() => subscription,
            // Whoever enabled it has thought better of it.
            Ok(_) if job.what == What::Waiting => return Ok(Performed::Superseded),
            Ok(Some(_)) => return Ok(Performed::Failed("the subscription is disabled".to_owned())),
            Ok(None) => return Ok(Performed::Failed("the subscription is gone".to_owned())),
            Err(performed) => return Ok(performed),
        };
        self.step_by_step(&Steps::CatchUp(job, subscription), record, position, version, handling).await
    }
}
