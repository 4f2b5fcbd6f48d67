use super::Reader;
use crate::{
    ids::{is_source, record_id},
    secrets::{DEFAULT_SOURCE, SourceTenants},
};

/// The setting, before the source.
pub(super) const SETTING: &str = "SLUICE_TENANT";

/// Reads which source is whose. Which sources there are is looked at by who knows all of them.
pub fn read_tenants(reader: &mut Reader<'_>) -> SourceTenants {
    let mut tenants = SourceTenants::default();
    for (source, setting, values) in reader.family(SETTING) {
        if source == DEFAULT_SOURCE {
            reader.problem(&setting, "binds the source without a name, which is the operator's; name one, such as SLUICE_TENANT__ACME");
        } else if !is_source(&source) {
            reader.problem(&setting, "names a source that can't be one: after __ come 1 to 32 of A-Z, 0-9 and _");
        }
        match &values[..] {
            [tenant] => match record_id(tenant) {
                Ok(tenant) => tenants.bind(&source, tenant),
                Err(problem) => reader.problem(&setting, format!("is no id that a tenant can have: {problem}")),
            },
            _ => reader.problem(&setting, "names several tenants; a source is that of one"),
        }
    }
    tenants
}

/// Notes every source that is bound and that nothing comes from: a slip of the pen, which would leave what was meant with the operator.
pub(super) fn insist_on_sources(reader: &mut Reader<'_>, tenants: &SourceTenants, is_served: impl Fn(&str) -> bool) {
    for (source, _) in tenants.iter().filter(|(source, _)| *source != DEFAULT_SOURCE && is_source(source) && !is_served(source)) {
        let name = source.to_uppercase();
        reader.problem(
            &format!("{SETTING}__{name}"),
            format!("names the source {source}, which has no secret: set one, such as STRIPE_WEBHOOK_SECRET__{name}, or leave it out"),
        );
    }
}
