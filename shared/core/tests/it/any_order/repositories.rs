//! What GitHub says of a repository.

use super::*;
use crate::{
    github::{pull_request, pushed, release, repository},
    support::github,
};

#[tokio::test]
async fn repositories_in_every_order() {
    let at = |minute| start() + minutes(minute);
    let renamed = json!({ "action": "renamed", "repository": repository(at(5), "acme/shop") });
    let steps = [
        event(github("d1", "push", at(1), pushed(at(1), "aaa"))),
        event(github("d2", "push", at(2), pushed(at(2), "bbb"))),
        event(github("d3", "pull_request.opened", at(3), pull_request(1, "opened", at(3)))),
        event(github("d4", "pull_request.closed", at(4), pull_request(1, "closed", at(4)))),
        event(github("d5", "repository.renamed", at(5), renamed)),
        event(github("d6", "release.published", at(6), release(1, "v1", "published", at(6)))),
    ];
    every_order(&steps, &["repositories/186853002"], Mails::Same, false, |_| ()).await;
}
