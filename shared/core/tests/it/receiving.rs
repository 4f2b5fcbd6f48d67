//! The examples of docs/RECEIVING.md, run on a webhook as it is delivered, where what runs them is there.

use std::process::{Command, Stdio};

use axum::http::Method;
use serde_json::json;
use sluice_core::testing::{Got, World};

use crate::support::{call, start};

const TEXT: &str = include_str!("../../../../docs/RECEIVING.md");

/// The code of the example in this language that has this in it.
fn example(language: &str, part: &str) -> &'static str {
    let blocks = TEXT.split("```").skip(1).step_by(2);
    let mut code = blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'));
    code.find(|code| code.contains(part)).unwrap_or_else(|| panic!("no example in {language} with {part}"))
}

/// A delivery of now, with the secret that it is signed with.
async fn delivered() -> (Got, String) {
    let world = World::new(start(), false);
    let subscription = json!({ "url": "https://receiver.example/hook", "event_types": ["*"] });
    let made = call(&world, Method::POST, "/api/v1/subscriptions", Some(subscription)).await.json;
    let event = json!({ "type": "order.created", "data": { "order": 7, "name": "é 🛶" } });
    call(&world, Method::POST, "/api/v1/events", Some(event)).await;
    world.run_until_quiet().await;
    let got = world.receivers.got().pop().expect("delivered");
    (got, made["secret"].as_str().expect("shown once").to_owned())
}

/// What a program says to a webhook that it is given as JSON; `None` if there is no such program here.
fn says(program: &str, arguments: &[&str], got: &Got, secret: &str, body: &str) -> Option<String> {
    let present = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    present.ok().filter(std::process::ExitStatus::success)?;
    let given = json!({ "secret": secret, "headers": got.headers, "body": body }).to_string();
    let output = Command::new(program).args(arguments).env("GIVEN", given).output().expect("it can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).trim().to_lowercase())
}

#[tokio::test]
async fn verifying_by_hand_in_python_and_node() {
    let (got, secret) = delivered().await;
    let body = std::str::from_utf8(&got.body).expect("text").to_owned();
    let python = format!(
        "import json, os\n{}\ngiven = json.loads(os.environ['GIVEN'])\nprint(verified(given['secret'], given['headers'], given['body'].encode()))",
        example("python", "def verified")
    );
    let node = format!(
        "{}\nconst given = JSON.parse(process.env.GIVEN);\nconsole.log(verified(given.secret, given.headers, Buffer.from(given.body)));",
        example("js", "function verified")
    );
    let changed = body.replace("\"order\":7", "\"order\":8");
    assert_ne!(changed, body);
    for (program, arguments) in [("python3", ["-c", &python]), ("node", ["--eval", &node])] {
        if let Some(said) = says(program, &arguments, &got, &secret, &body) {
            assert_eq!(said, "true", "{program}");
            assert_eq!(says(program, &arguments, &got, &secret, &changed).as_deref(), Some("false"), "{program}");
            assert_eq!(
                says(program, &arguments, &got, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &body).as_deref(),
                Some("false"),
                "{program}"
            );
        }
    }
}
