//! API keys, however many there are.

use axum::http::{Method, StatusCode};
use sluice_core::{
    api::{ApiKey, Origin, Scope, install_keys},
    ports::{Clock, Commit, Condition, Ids, Store, Write},
    record::Record,
    testing::{CountingIds, World},
};

use crate::support::{call, minutes, start};

/// More than are read at once.
const MANY: usize = 1_001;

async fn put(world: &World, key: &ApiKey) {
    let write = Write::Put { document: key.document(), condition: Condition::Absent };
    let token = world.ids.random().to_string();
    world.store.commit(Commit { token, writes: vec![write] }).await.expect("the store answers");
}

/// Puts keys that are all newer than those before them.
async fn put_many(world: &World) {
    world.clock.advance(minutes(1));
    for number in 0..MANY {
        put(world, &ApiKey::new(&number.to_string(), Origin::Api, vec![Scope::Read], world.clock.now())).await;
    }
}

#[tokio::test]
async fn the_oldest_of_many_can_be_revoked() {
    let world = World::new(start(), false);
    let oldest = ApiKey::new("the oldest", Origin::Api, vec![Scope::Read], world.clock.now());
    put(&world, &oldest).await;
    put_many(&world).await;
    let path = format!("/api/v1/keys/{}", oldest.name());
    assert_eq!(call(&world, Method::GET, &path, None).await.json["id"], oldest.name());
    assert_eq!(call(&world, Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.store.get(&[ApiKey::key(&oldest.id)]).await.expect("the store answers"), [None]);
}

#[tokio::test]
async fn a_setting_is_replaced_behind_many() {
    let world = World::new(start(), false);
    let ids = CountingIds::default();
    let install = async |key| install_keys(&*world.store, &ids, &[key], world.clock.now()).await.expect("keys are stored");
    install("before").await;
    put_many(&world).await;
    install("after").await;
    let keys = ["before", "after"].map(|key| ApiKey::key(&ApiKey::new(key, Origin::Settings, Vec::new(), start()).id));
    let kept: Vec<_> = world.store.get(&keys).await.expect("the store answers").iter().map(Option::is_some).collect();
    assert_eq!(kept, [false, true]);
}
