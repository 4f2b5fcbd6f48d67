//! The types of events as they are checked in and served are what the code and the samples make of them.

use std::{collections::BTreeMap, path::Path};

use axum::http::{Method, StatusCode};
use sluice_core::{
    api::{ProviderSample, event_types},
    testing::World,
};

use crate::{
    samples::samples,
    support::{call, in_lines, start},
};

/// One sample for each type that is published: that with the shortest name, as others say behind the type what is special about them.
fn of_each_type() -> Vec<ProviderSample> {
    let mut samples = samples();
    samples.retain(|sample| !sample.trial);
    samples.sort_by_key(|sample| sample.name.len());
    let mut by_type = BTreeMap::new();
    for sample in &samples {
        let data = || ProviderSample { provider: sample.provider.name(), kind: sample.named.kind.clone(), data: sample.data() };
        by_type.entry((sample.provider.name(), sample.named.kind.clone())).or_insert_with(data);
    }
    by_type.into_values().collect()
}

#[tokio::test]
async fn what_is_checked_in_is_what_the_samples_make() {
    let samples = of_each_type();
    let made = event_types(&samples);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/event-types.json");
    let text = in_lines(&made, 2);
    if std::fs::read_to_string(&path).unwrap_or_default() != text {
        std::fs::write(&path, &text).expect("docs can be written");
        panic!("docs/event-types.json was not what the samples make; it is written anew: look at the change and commit it");
    }
    let world = World::new(start(), false);
    let served = call(&world, Method::GET, "/api/v1/event-types", None).await;
    assert_eq!((served.status, &served.json), (StatusCode::OK, &made));
    for sample in samples {
        let kind = format!("{}.{}", sample.provider, sample.kind);
        let item = made["items"].as_array().expect("items").iter().find(|item| item["type"] == kind.as_str()).expect("listed");
        assert_eq!(item["example"].as_object(), Some(&sample.data), "{kind}");
        assert!(item["schema"]["properties"].as_object().is_some_and(|properties| properties.len() == sample.data.len()), "{kind}");
    }
}
