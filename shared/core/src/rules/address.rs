//! What all rules do with a mail address.

use crate::{
    plan::{Stop, View},
    records::{AddressMark, AddressState},
    time::Timestamp,
};

/// Marks an address, so that no more mail goes there.
pub(super) fn mark(view: &mut View<'_>, address: &str, state: AddressState, at: Timestamp) -> Result<(), Stop> {
    let id = AddressMark::id_of(address);
    if !crate::address::is_mail_address(&id) {
        return Ok(());
    }
    let before = view.read::<AddressMark>(&id)?;
    let mut mark = before.clone().unwrap_or_else(|| AddressMark::new(&id));
    mark.join(state, at);
    if before.as_ref() != Some(&mark) {
        view.write(&mark)?;
    }
    Ok(())
}
