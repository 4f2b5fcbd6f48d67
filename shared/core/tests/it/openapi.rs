//! The description of the API is what is served, what is checked in, and what the router does.

use std::{collections::BTreeSet, path::Path};

use axum::http::{Method, StatusCode};
use serde_json::Value;
use sluice_core::{api::openapi, testing::World};

use crate::support::{call, in_lines, start};

/// Where routes are declared.
const SOURCES: [&str; 3] =
    [include_str!("../../src/api/mod.rs"), include_str!("../../src/api/webhooks/mod.rs"), include_str!("../../src/api/records.rs")];

#[tokio::test]
async fn what_is_checked_in_is_what_is_served() {
    let world = World::new(start(), false);
    let made = openapi();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let text = in_lines(&made, 3);
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    if checked_in != text {
        std::fs::write(&path, &text).expect("docs can be written");
        panic!("docs/openapi.json was not what the API is; it is written anew: look at the change and commit it");
    }
    let served = call(&world, Method::GET, "/api/v1/openapi.json", None).await;
    assert_eq!((served.status, served.json), (StatusCode::OK, made));
}

#[tokio::test]
async fn the_router_takes_what_is_described_and_nothing_else() {
    let world = World::new(start(), false);
    let document = openapi();
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    for (path, item) in document["paths"].as_object().expect("paths") {
        // Only there where something is captured.
        if path == "/dev/outbox" {
            continue;
        }
        let asked = format!("/api/v1{}", path.replace("{id}", "nothing").replace("{job}", "nothing"));
        for method in &methods {
            let answer = call(&world, method.clone(), &asked, None).await;
            let described = item[method.as_str().to_lowercase()].is_object();
            let known = &item[method.as_str().to_lowercase()]["responses"][answer.status.as_str()];
            assert!(!described || known.is_object(), "{method} {path} answers {}, which is not described", answer.status);
            let detail = answer.json["detail"].as_str().unwrap_or_default().to_owned();
            assert_eq!(answer.status != StatusCode::METHOD_NOT_ALLOWED, described, "{method} {path}");
            assert!(detail != "there is nothing at this path", "{method} {path}");
        }
    }
}

#[test]
fn every_route_is_described() {
    let document = openapi();
    let described: BTreeSet<&String> = document["paths"].as_object().expect("paths").keys().collect();
    let declared = SOURCES.iter().flat_map(|source| source.split(".route(\"").skip(1)).filter_map(|rest| rest.split('"').next());
    let missing: Vec<_> = declared
        .filter(|path| !["/healthz"].contains(path) && !path.starts_with("/api/"))
        .filter(|path| !described.contains(&(*path).to_owned()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let refers = document.to_string();
    for name in refers.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    let properties = |name: &str| document["components"]["schemas"][name]["properties"].clone();
    assert!(
        matches!(properties("Booking"), Value::Object(fields) if fields.contains_key("deposit_paid") && fields.contains_key("version"))
    );
}
