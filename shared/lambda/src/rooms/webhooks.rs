//! What the rooms of webhooks out share.

use std::sync::Arc;

use sluice_clients::poster::{GuardedPoster, SystemResolver};
use sluice_core::{
    settings::{Mode, Reader, WebhookSettings},
    webhooks::{ChangedBy, InHand, InterestBoard, UnderTest, Webhooks, sealed::Keyring},
};

/// Reads the settings of webhooks out.
pub(super) fn read(reader: &mut Reader<'_>) -> WebhookSettings {
    // The address under which the outside reaches Sluice, where no webhook may go.
    let public_url = reader.text("SLUICE_PUBLIC_URL").unwrap_or_default().to_owned();
    WebhookSettings::read(reader, Mode::Lambda, &public_url)
}

/// What the consumer and the other rooms know of subscriptions that any of them may change.
pub(super) fn interest() -> Arc<InterestBoard> {
    Arc::new(InterestBoard::new(ChangedBy::Others))
}

/// Puts webhooks out together.
pub(super) fn wire(settings: &WebhookSettings) -> Arc<Webhooks> {
    Arc::new(Webhooks {
        poster: Arc::new(GuardedPoster::new(settings.rules.clone(), Arc::new(SystemResolver::default()))),
        keyring: Keyring::new(&settings.master_keys),
        rules: settings.rules.clone(),
        interest: interest(),
        retry_schedule: settings.retry_schedule.clone(),
        in_hand: InHand::default(),
        under_test: UnderTest::default(),
    })
}
