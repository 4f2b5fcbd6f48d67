//! Effects of many steps: how far one has come is stored after each, on the version held, so that whoever was overtaken goes no further.

use super::{CALL_TIMEOUT, Processor, Trouble, handle::Handling};
use crate::{
    event::EventRecord,
    outgoing::Performed,
    ports::{Key, PortError},
    record::Record,
    webhooks::{CatchUp, CatchUpPage, CatchUpProgress, FanOut, InterestBoard, Published, Subscription},
};

/// Why what has come some steps further waits.
const GOES_ON: &str = "it goes on in a moment: there is more than one handling has time for";

/// What is done step by step.
pub(super) enum Steps<'a> {
    /// An event is fanned out.
    FanOut(&'a InterestBoard, Published),
    /// A subscription catches up.
    CatchUp(CatchUp, Subscription),
}

/// How far a step has come, as it is stored.
enum Step {
    More(Option<String>),
    Last(Option<String>),
}

impl Processor {
    /// Goes on where the effect stopped, until it is done or the time is up.
    pub(super) async fn step_by_step(
        &self,
        steps: &Steps<'_>,
        record: &mut EventRecord,
        position: usize,
        version: &mut u64,
        handling: &Handling,
    ) -> Result<Performed, Trouble> {
        loop {
            match self.step(steps, &record.id, record.effects[position].cursor.as_deref()).await {
                Ok(Step::Last(cursor)) => {
                    record.effects[position].cursor = cursor;
                    return Ok(Performed::Sent);
                }
                Ok(Step::More(cursor)) => {
                    record.effects[position].cursor = cursor;
                    *version = self.mark(record, *version, Vec::new(), handling).await?;
                }
                Err(error @ PortError::Temporary(_)) => return Ok(Performed::Later(error.to_string())),
                Err(error @ PortError::Permanent(_)) => return Ok(Performed::Failed(error.to_string())),
            }
            if !self.has_time_for_a_call(handling) {
                // However much there is: each step counts, and so no receive does.
                return Ok(Performed::Waits(self.clock.now(), GOES_ON));
            }
        }
    }

    async fn step(&self, steps: &Steps<'_>, event: &str, cursor: Option<&str>) -> Result<Step, PortError> {
        let out = FanOut { store: &*self.store, queue: &*self.queue, clock: &*self.clock, ids: &*self.ids };
        match steps {
            Steps::FanOut(interest, published) => {
                let next = out.page(interest, published, cursor).await?;
                Ok(if next.is_some() { Step::More(next) } else { Step::Last(cursor.map(str::to_owned)) })
            }
            Steps::CatchUp(job, subscription) => Ok(match job.page(&out, subscription, event, CatchUpProgress::read(cursor)).await? {
                CatchUpPage::More(progress) => Step::More(Some(progress.to_text())),
                CatchUpPage::Last(progress) => Step::Last(Some(progress.to_text())),
            }),
        }
    }

    /// Whether a call of the longest kind would end before the handling must have ended.
    pub(super) fn has_time_for_a_call(&self, handling: &Handling) -> bool {
        self.clock.now() + CALL_TIMEOUT <= handling.deadline
    }

    /// The record that an effect is about; `None` if it is gone.
    ///
    /// # Errors
    /// What becomes of the effect, where it can't be read.
    pub(super) async fn needed<R: Record>(&self, key: &Key) -> Result<Option<R>, Performed> {
        let found = self.store.get(std::slice::from_ref(key)).await.map_err(|error| Performed::Later(error.to_string()))?;
        let found = found.into_iter().next().flatten();
        found.as_ref().map(R::from_stored).transpose().map_err(|error| Performed::Failed(error.to_string()))
    }
}
