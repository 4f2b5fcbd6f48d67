use super::Reader;
use crate::{
    ids::{is_source, record_id},
    provider::{Provider, Providers},
    secrets::{DEFAULT_SOURCE, FixedSecrets, Secrets, SourceTenants},
};

/// The setting, before the source.
pub(super) const SETTING: &str = "SLUICE_TENANT";

/// Reads which source is whose. Which sources there are is looked at by who knows all of them.
pub fn read_tenants(reader: &mut Reader<'_>) -> SourceTenants {
    let mut tenants = SourceTenants::default();
    // What its source sends would be the operator's again, with the secret still in the tenant's hands.
    for setting in reader.blank(SETTING) {
        reader.problem(&setting, "is set and names no tenant; to end the binding take the source's secrets out, and then this");
    }
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

/// Notes every source of a tenant's that has a secret in common with one that is not that tenant's: whoever knows it for the one signs for the other, too.
pub(super) fn insist_on_own_secrets(reader: &mut Reader<'_>, tenants: &SourceTenants, providers: Providers, secrets: &FixedSecrets) {
    let of = |provider: &'static dyn Provider| secrets.sources(provider.name()).map(move |source| (provider, source));
    let all: Vec<_> = providers.iter().flat_map(|provider| of(*provider)).collect();
    let of_all: Vec<_> = all.iter().map(|(provider, source)| secrets.active(provider.name(), source).unwrap_or_default()).collect();
    for (at, (provider, source)) in all.iter().enumerate() {
        for (before, (other_provider, other)) in all[..at].iter().enumerate() {
            if !tenants.share((source, &of_all[at]), (other, &of_all[before])) {
                continue;
            }
            let (one, two) = (setting_of(*provider, source), setting_of(*other_provider, other));
            // A mistake is noted where a tenant's secret stands.
            let (bound, beside) = if tenants.of(source).is_some() { (one, two) } else { (two, one) };
            let problem = format!(
                "has a secret in common with {beside}, which is not that tenant's: whoever knows it can sign for both; give each its own"
            );
            reader.problem(&bound, problem);
        }
    }
}

fn setting_of(provider: &dyn Provider, source: &str) -> String {
    match source {
        DEFAULT_SOURCE => provider.secret_setting().to_owned(),
        _ => format!("{}__{}", provider.secret_setting(), source.to_uppercase()),
    }
}
