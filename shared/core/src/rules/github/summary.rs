//! One line on each of GitHub's common events, for the inspector and the log.

use crate::rules::fields::Fields;

/// The longest title that is quoted, characters.
const LONGEST: usize = 80;

/// What happened, in one line.
pub(super) fn of(event: &str, body: Fields<'_>) -> String {
    let who = body.at("sender").text("login").unwrap_or("somebody");
    let repository = body.at("repository").text("full_name");
    let of = repository.map(|name| format!(" of {name}")).unwrap_or_default();
    let action = body.text("action").unwrap_or("sent").replace('_', " ");
    let done = |what: String| format!("{who} {action} {what}{of}");
    match event {
        "push" => push(who, &of, body),
        "pull_request" => {
            let pull_request = body.at("pull_request");
            let action = if action == "closed" && pull_request.is("merged") { "merged".to_owned() } else { action };
            format!("{who} {action} pull request {}{of}{}", number(pull_request), title(pull_request.text("title")))
        }
        "issues" => format!("{}{}", done(format!("issue {}", number(body.at("issue")))), title(body.at("issue").text("title"))),
        "issue_comment" => {
            format!("{}{}", done(format!("a comment on {}", number(body.at("issue")))), title(body.at("issue").text("title")))
        }
        "commit_comment" => done("a comment on a commit".to_owned()),
        "pull_request_review" => {
            let state = body.at("review").text("state").unwrap_or("reviewed").replace('_', " ");
            format!("{} ({state})", done(format!("a review of pull request {}", number(body.at("pull_request")))))
        }
        "pull_request_review_comment" => done(format!("a comment in a review of pull request {}", number(body.at("pull_request")))),
        "pull_request_review_thread" => done(format!("a thread in a review of pull request {}", number(body.at("pull_request")))),
        "discussion" | "discussion_comment" => {
            let discussion = body.at("discussion");
            let what = if event == "discussion" { "discussion" } else { "a comment in discussion" };
            format!("{}{}", done(format!("{what} {}", number(discussion))), title(discussion.text("title")))
        }
        "release" => done(format!("release {}", quoted(body.at("release").text("tag_name")))),
        "create" | "delete" => {
            let verb = if event == "create" { "created" } else { "deleted" };
            format!("{who} {verb} {} {}{of}", body.text("ref_type").unwrap_or("branch"), quoted(body.text("ref").or(repository)))
        }
        "fork" => format!("{who} forked {} as {}", quoted(repository), quoted(body.at("forkee").text("full_name"))),
        "star" => format!("{who} {} {}", if action == "deleted" { "took back the star of" } else { "starred" }, quoted(repository)),
        "watch" => format!("{who} watches {}", quoted(repository)),
        "public" => format!("{who} made {} public", quoted(repository)),
        "repository" => format!("{who} {action} repository {}", quoted(repository)),
        "gollum" => format!("{who} changed {} wiki page(s){of}", body.count("pages")),
        "member" | "membership" => done(format!("member {}", quoted(body.at("member").text("login")))),
        "team" | "team_add" => done(format!("team {}", quoted(body.at("team").text("name")))),
        "label" => done(format!("label {}", quoted(body.at("label").text("name")))),
        "milestone" => done(format!("milestone {}", quoted(body.at("milestone").text("title")))),
        "installation" | "installation_repositories" => {
            format!("{who} {action} an installation for {}", quoted(body.at("installation").at("account").text("login")))
        }
        "workflow_run" | "workflow_job" | "check_run" | "check_suite" => check(event, &of, &action, body.at(event)),
        "status" => format!("{} is {}{of}", quoted(body.text("context")), body.text("state").unwrap_or("unknown")),
        "deployment" => done(format!("a deployment to {}", quoted(body.at("deployment").text("environment")))),
        "deployment_status" => {
            let to = body.at("deployment").text("environment");
            format!("the deployment to {}{of} is {}", quoted(to), body.at("deployment_status").text("state").unwrap_or("unknown"))
        }
        "dependabot_alert" | "code_scanning_alert" | "secret_scanning_alert" | "repository_vulnerability_alert" => {
            format!("{} {} {action}{of}", event.replace('_', " "), number(body.at("alert")))
        }
        _ => {
            let action = body.text("action").map(|action| format!(" {}", action.replace('_', " "))).unwrap_or_default();
            format!("{}{action}{of}, by {who}", event.replace('_', " "))
        }
    }
}

fn push(who: &str, of: &str, body: Fields<'_>) -> String {
    let reference = body.text("ref").unwrap_or_default();
    let (what, name) = match reference.strip_prefix("refs/tags/") {
        Some(tag) => ("tag", tag),
        None => ("branch", reference.strip_prefix("refs/heads/").unwrap_or(reference)),
    };
    if body.is("deleted") {
        return format!("{who} deleted {what} {name}{of}");
    }
    let forced = if body.is("forced") { " by force" } else { "" };
    match body.count("commits") {
        1 => format!("{who} pushed 1 commit{forced} to {name}{of}"),
        0 => format!("{who} pushed {what} {name}{forced}{of}"),
        commits => format!("{who} pushed {commits} commits{forced} to {name}{of}"),
    }
}

fn check(event: &str, of: &str, action: &str, check: Fields<'_>) -> String {
    let outcome = check.text("conclusion").or(check.text("status")).unwrap_or(action).replace('_', " ");
    let name = check.text("name").or(check.at("app").text("name"));
    let branch = check.text("head_branch").map(|branch| format!(" on {branch}")).unwrap_or_default();
    format!("{} {}{of}{branch}: {outcome}", event.replace('_', " "), quoted(name))
}

fn number(of: Fields<'_>) -> String {
    of.id("number").map_or_else(|| "without a number".to_owned(), |number| format!("#{number}"))
}

fn quoted(text: Option<&str>) -> String {
    text.map_or_else(|| "without a name".to_owned(), short)
}

fn title(text: Option<&str>) -> String {
    text.map(|text| format!(": {}", short(text))).unwrap_or_default()
}

/// On one line, and not endless.
pub(super) fn short(text: &str) -> String {
    let text = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if text.chars().count() <= LONGEST { text } else { format!("{}...", text.chars().take(LONGEST - 3).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn line(event: &str, mut body: Value) -> String {
        body["sender"] = json!({ "login": "octocat" });
        body["repository"] = json!({ "full_name": "acme/site" });
        of(event, Fields::new(&body))
    }

    #[test]
    fn common_events_in_one_line() {
        let pull_request = json!({ "number": 7, "title": "Mend\nthe roof", "merged": true });
        let lines = [
            line("push", json!({ "ref": "refs/heads/main", "commits": [{}, {}] })),
            line("push", json!({ "ref": "refs/tags/v1", "deleted": true })),
            line("push", json!({ "ref": "refs/heads/fix", "commits": [{}], "forced": true })),
            line("pull_request", json!({ "action": "opened", "pull_request": pull_request })),
            line("pull_request", json!({ "action": "closed", "pull_request": pull_request })),
            line(
                "pull_request_review",
                json!({ "action": "submitted", "review": { "state": "changes_requested" }, "pull_request": pull_request }),
            ),
            line("issues", json!({ "action": "opened", "issue": { "number": 3, "title": "x".repeat(200) } })),
            line("release", json!({ "action": "published", "release": { "tag_name": "v1.2.0" } })),
            line("create", json!({ "ref_type": "branch", "ref": "fix" })),
            line("fork", json!({ "forkee": { "full_name": "octocat/site" } })),
            line(
                "workflow_run",
                json!({ "action": "completed", "workflow_run": { "name": "CI", "conclusion": "success", "head_branch": "main" } }),
            ),
            line("status", json!({ "context": "ci/build", "state": "failure" })),
            line("something_new", json!({ "action": "began" })),
            of("issues", Fields::new(&json!([]))),
        ];
        insta::assert_snapshot!(lines.join("\n"));
    }
}
