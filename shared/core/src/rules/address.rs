//! What all rules do with a mail address.

use crate::{
    plan::{Stop, View},
    records::{AddressMark, AddressState, ToldBy},
};

/// Marks the address of a mailbox, so that no more mail goes there. What is no mailbox gets none.
pub(super) fn mark(view: &mut View<'_>, mailbox: &str, state: AddressState, by: ToldBy) -> Result<(), Stop> {
    let Some(id) = crate::address::mailbox(mailbox).map(AddressMark::id_of) else { return Ok(()) };
    let before = view.read::<AddressMark>(&id)?;
    let mut mark = before.clone().unwrap_or_else(|| AddressMark::new(&id));
    mark.join(state, by);
    if before.as_ref() != Some(&mark) {
        view.write(&mark)?;
    }
    Ok(())
}
