//! GitHub by example: the repository's record, and a line on each event.

use axum::http::Method;
use serde_json::{Value, json};
use sluice_core::{testing::World, time::Timestamp};

use crate::support::{call, github, minutes, start, with};

pub(crate) fn repository(updated: Timestamp, full_name: &str) -> Value {
    json!({ "id": 186_853_002, "full_name": full_name, "default_branch": "main", "private": false, "archived": false, "updated_at": updated, "owner": { "login": "acme" } })
}

pub(crate) fn pushed(at: Timestamp, commit: &str) -> Value {
    let mut repository = repository(at, "acme/site");
    repository["pushed_at"] = json!(at.seconds());
    json!({ "ref": "refs/heads/main", "after": commit, "pusher": { "name": "octocat" }, "commits": [{}], "repository": repository })
}

pub(crate) fn pull_request(number: u64, action: &str, at: Timestamp) -> Value {
    let state = if action == "closed" { "closed" } else { "open" };
    json!({ "action": action, "pull_request": { "number": number, "title": format!("Change {number}"), "state": state, "updated_at": at }, "repository": repository(at, "acme/site") })
}

pub(crate) fn release(id: u64, tag: &str, action: &str, published: Timestamp) -> Value {
    let release = json!({ "id": id, "tag_name": tag, "name": tag, "prerelease": false, "published_at": published });
    json!({ "action": action, "release": release, "repository": repository(published, "acme/site") })
}

async fn shown(world: &World) -> Value {
    call(world, Method::GET, "/api/v1/repositories/186853002", None).await.json
}

#[tokio::test]
async fn a_push_is_the_last_push_of_its_repository() {
    let world = World::new(start(), false);
    with(&world, github("d2", "push", start() + minutes(2), pushed(start() + minutes(2), "bbb"))).await;
    with(&world, github("d1", "push", start() + minutes(1), pushed(start() + minutes(1), "aaa"))).await;
    let repository = shown(&world).await;
    assert_eq!(repository["full_name"], "acme/site");
    assert_eq!(
        repository["last_push"],
        json!({ "at": "2026-11-22T06:02:00Z", "ref": "refs/heads/main", "commit": "bbb", "by": "octocat" })
    );
    let events = call(&world, Method::GET, "/api/v1/inbound?provider=github&key=d1", None).await.json;
    assert_eq!(events["items"][0]["summary"], "octocat pushed 1 commit to main of acme/site");
}

#[tokio::test]
async fn open_pull_requests_are_those_not_closed_since() {
    let world = World::new(start(), false);
    for (delivery, number, action, minute) in
        [("d1", 1, "opened", 1), ("d2", 2, "opened", 2), ("d4", 1, "closed", 4), ("d3", 1, "edited", 3)]
    {
        let body = pull_request(number, action, start() + minutes(minute));
        with(&world, github(delivery, &format!("pull_request.{action}"), start() + minutes(minute), body)).await;
    }
    let repository = shown(&world).await;
    assert_eq!(repository["open_pull_request_count"], 1);
    assert_eq!(repository["open_pull_requests"], json!([{ "number": 2, "title": "Change 2" }]));
    with(&world, github("d5", "pull_request.reopened", start() + minutes(5), pull_request(1, "reopened", start() + minutes(5)))).await;
    assert_eq!(shown(&world).await["open_pull_request_count"], 2);
}

#[tokio::test]
async fn the_last_release_is_the_latest_that_is_there() {
    let world = World::new(start(), false);
    with(&world, github("d1", "release.published", start(), release(1, "v1", "published", start()))).await;
    with(&world, github("d2", "release.published", start(), release(2, "v2", "published", start() + minutes(1)))).await;
    assert_eq!(shown(&world).await["last_release"]["tag"], "v2");
    with(&world, github("d3", "release.deleted", start(), release(2, "v2", "deleted", start() + minutes(1)))).await;
    assert_eq!(shown(&world).await["last_release"]["tag"], "v1");
}

#[tokio::test]
async fn a_repository_goes_by_its_number_and_keeps_its_latest_name() {
    let world = World::new(start(), false);
    let renamed = json!({ "action": "renamed", "repository": repository(start() + minutes(2), "acme/shop") });
    with(&world, github("d1", "repository.renamed", start(), renamed)).await;
    with(&world, github("d2", "push", start(), pushed(start() + minutes(1), "aaa"))).await;
    assert_eq!(shown(&world).await["full_name"], "acme/shop");
    let listed = call(&world, Method::GET, "/api/v1/repositories?full_name=acme/shop", None).await.json;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    let history = call(&world, Method::GET, "/api/v1/repositories/186853002/history", None).await.json;
    assert_eq!(history["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn other_events_are_told_in_a_line_and_change_no_repository() {
    let world = World::new(start(), false);
    let body =
        json!({ "action": "opened", "issue": { "number": 3, "title": "The door sticks" }, "repository": repository(start(), "acme/site") });
    with(&world, github("d1", "issues.opened", start(), body)).await;
    assert_eq!(world.events()[0].summary, "octocat opened issue #3 of acme/site: The door sticks");
    assert!(world.documents("repository").is_empty());
}
