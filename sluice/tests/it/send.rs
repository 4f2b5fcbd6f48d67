use std::{collections::BTreeSet, net::TcpListener};

use clap::error::ErrorKind;
use serde_json::Value;
use sluice::{
    cli::Exit,
    samples::{SAMPLES, Sample},
};
use sluice_core::{
    provider::{Route, by_name},
    settings::DEV_SECRET,
};
use sluice_signature::{Message, Scheme, Secret, Stripe, explain::Layout, explain::lay_out};

use super::{
    NOW, Ran, refused,
    server::{Arrived, Server},
    sluice, try_sluice,
};

fn ok(_: usize) -> &'static str {
    "200 OK"
}

fn signed_with(arrived: &Arrived, secret: &str) -> bool {
    let headers: Vec<(&str, &[u8])> = arrived.headers.iter().map(|(name, value)| (&name[..], value.as_bytes())).collect();
    let message = Message { method: "POST", url: "", headers: &headers, body: &arrived.body };
    Stripe::new().verify(&message, &[Secret::new(secret)], NOW).is_ok()
}

fn event(arrived: &Arrived) -> Value {
    serde_json::from_slice(&arrived.body).expect("JSON")
}

fn printed_event(ran: &Ran) -> Value {
    serde_json::from_str(ran.output.split_once("\n\n").expect("a head and a body").1).expect("JSON")
}

fn error(arguments: &[&str]) -> String {
    try_sluice(arguments, &[], b"").err().expect("nothing is sent").to_string()
}

#[test]
fn posts_a_signed_sample() {
    let server = Server::start(ok);
    let ran = sluice(&["send", "stripe", "payment_intent.succeeded", "--to", &server.url()]);
    assert_eq!(ran.exit, Exit::Success);
    assert!(ran.output.starts_with("200 OK {\"received\":true} ("), "{}", ran.output);
    let [arrived] = &server.arrived()[..] else { panic!("one request") };
    assert_eq!(arrived.line, "POST /webhooks/stripe HTTP/1.1");
    assert!(signed_with(arrived, DEV_SECRET));
    let body = String::from_utf8(arrived.body.clone()).expect("UTF-8");
    assert_eq!(lay_out(&body, Layout::Stripe), body);
    let mut sent = event(arrived);
    assert_eq!(sent["created"], NOW);
    let sample = Sample::find("stripe", "payment_intent.succeeded").expect("there").request();
    let original: Value = serde_json::from_str(&sample.body).expect("JSON");
    assert_ne!(sent["id"], original["id"]);
    for key in ["id", "created"] {
        sent[key] = original[key].clone();
    }
    assert_eq!(sent, original, "nothing else is changed");
    for (name, value) in sample.headers {
        assert!(arrived.headers.contains(&(name.to_ascii_lowercase(), value)), "{name}");
    }
}

#[test]
fn each_event_is_a_new_one_and_many_are_summed_up() {
    let server = Server::start(|before| if before % 4 == 3 { "500 Internal Server Error" } else { "200 OK" });
    let ran = sluice(&["send", "stripe", "customer.created", "--to", &server.url(), "--count", "40", "--concurrency", "8"]);
    assert_eq!(ran.exit, Exit::Failure);
    let lines: Vec<&str> = ran.output.lines().collect();
    assert!(lines[0].starts_with("30 ok, 10 failed, p50 "), "{}", ran.output);
    assert_eq!(lines[1..], ["10 × 500 Internal Server Error {\"received\":true}"]);
    let arrived = server.arrived();
    let ids: BTreeSet<String> = arrived.iter().map(|arrived| event(arrived)["id"].to_string()).collect();
    assert_eq!(ids.len(), 40);
    assert!(arrived.iter().all(|arrived| signed_with(arrived, DEV_SECRET)));
}

#[test]
fn few_get_a_line_each() {
    let server = Server::start(|before| if before == 1 { "400 Bad Request" } else { "200 OK" });
    let ran = sluice(&["send", "stripe", "customer.created", "--to", &server.url(), "--count", "3"]);
    assert_eq!(ran.exit, Exit::Failure);
    let starts: Vec<&str> = ran.output.lines().map(|line| &line[..4]).collect();
    assert_eq!(starts, ["200 ", "400 ", "200 "]);
}

#[test]
fn nobody_there() {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    // An error, and so the exit code 2: nothing was sent.
    let told = error(&["send", "stripe", "customer.created", "--to", &format!("http://{address}")]);
    assert!(told.starts_with(&format!("nothing listens at {address} (")), "{told}");
    let told = error(&["send", "stripe", "customer.created", "--to", &format!("http://{address}"), "--count", "20"]);
    assert!(told.starts_with(&format!("nothing listens at {address} (")), "{told}");
}

#[test]
fn without_an_address_it_goes_where_this_machine_listens() {
    let server = Server::start(ok);
    let url = server.url();
    let port = url.rsplit(':').next().expect("a port");
    for listen in [format!("127.0.0.1:{port}"), format!(" 0.0.0.0:{port} ")] {
        let ran = try_sluice(&["send", "stripe", "customer.created"], &[("SLUICE_LISTEN", &listen)], b"").expect("it is sent");
        assert_eq!(ran.exit, Exit::Success, "{}", ran.output);
    }
    assert_eq!(server.arrived().len(), 2);
    let printed = |listen: &str| {
        let ran = try_sluice(&["send", "stripe", "customer.created", "--print", "request"], &[("SLUICE_LISTEN", listen)], b"");
        ran.map(|ran| ran.output.lines().nth(1).map(str::to_owned)).map_err(|error| error.to_string())
    };
    assert_eq!(printed("[::]:4300"), Ok(Some("Host: [::1]:4300".to_owned())));
    assert_eq!(printed("192.0.2.7:4300"), Err("no secret to sign for 192.0.2.7:4300 with: give --secret, or set STRIPE_WEBHOOK_SECRET (the secret of `sluice dev` is for this machine only)".to_owned()));
    for wrong in ["4300", "127.0.0.1:0"] {
        assert!(printed(wrong).is_err_and(|error| error.starts_with("SLUICE_LISTEN") && error.contains("give --to")), "{wrong}");
    }
    let asked =
        |arguments: &[&str]| try_sluice(arguments, &[("SLUICE_LISTEN", "0.0.0.0:1")], b"").err().expect("nobody is there").to_string();
    for command in [&["dlq", "list"][..], &["replay", "--parked"], &["subscriptions", "list"], &["listen"]] {
        assert!(asked(command).starts_with("nothing listens at http://127.0.0.1:1 ("), "{}", asked(command));
    }
}

#[test]
fn a_replay_of_nothing_says_what_can_be_named() {
    let told = error(&["replay"]);
    assert!(told.contains("--parked") && told.contains("--waiting"), "{told}");
}

#[test]
fn what_set_adds_is_remarked() {
    let print = ["send", "stripe", "customer.created", "--print", "request"];
    let ran = sluice(&[&print[..], &["--set", "data.object.name=Ana", "--set", "data.object.nmae=Ana"]].concat());
    assert_eq!(ran.remarks, "note: the sample has nothing at data.object.nmae, and --set adds it; is the path right?\n");
    assert!(ran.output.starts_with("POST "), "the answer is as it is without: {}", ran.output);
}

#[test]
fn an_answer_that_breaks_off() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let closer = std::thread::spawn(move || drop(listener.accept()));
    let ran = sluice(&["send", "stripe", "customer.created", "--to", &format!("http://{address}")]);
    closer.join().expect("it accepted");
    assert_eq!(ran.exit, Exit::Failure);
    assert!(ran.output.starts_with(&format!("{address} did not answer (")), "{}", ran.output);
}

#[test]
fn set_changes_the_body_and_named_ids_stay() {
    let server = Server::start(ok);
    let to = format!("{}/hooks/acme?x=1", server.url());
    let ran = sluice(&[
        "send",
        "stripe",
        "payment_intent.succeeded",
        "--to",
        &to,
        "--secret",
        "whsec_mine",
        "--set",
        "id=evt_mine",
        "--set",
        "data.object.metadata.booking_id=777",
        "--set",
        "data.object.shipping.address.city=Zürich",
        "--set",
        "data.object.amount=5",
    ]);
    assert_eq!(ran.exit, Exit::Success);
    let [arrived] = &server.arrived()[..] else { panic!("one request") };
    assert_eq!(arrived.line, "POST /hooks/acme?x=1 HTTP/1.1");
    assert!(signed_with(arrived, "whsec_mine"));
    let event = event(arrived);
    assert_eq!(event["id"], "evt_mine");
    assert_eq!(event["data"]["object"]["metadata"]["booking_id"], "777");
    assert_eq!(event["data"]["object"]["shipping"]["address"]["city"], "Zürich");
    assert_eq!(event["data"]["object"]["amount"], 5);
}

#[test]
fn the_secret_of_this_machine_stays_on_it() {
    for to in ["https://example.com", "http://192.168.0.7:3000", "http://localhost.example.com", "http://127.0.0.1.example.com"] {
        let error = error(&["send", "stripe", "customer.created", "--to", to]);
        assert!(error.contains("give --secret, or set STRIPE_WEBHOOK_SECRET"), "{error}");
    }
    for to in ["http://localhost:3000", "http://127.9.9.9", "http://[::1]:3000"] {
        sluice(&["send", "stripe", "customer.created", "--to", to, "--print", "curl"]);
    }
    let elsewhere = ["send", "stripe", "customer.created", "--to", "https://example.com", "--print", "request"];
    let setting = [("STRIPE_WEBHOOK_SECRET", "whsec_first, whsec_second")];
    let with_setting = try_sluice(&elsewhere, &setting, b"").expect("there is a secret");
    let with_secret = sluice(&[&elsewhere[..], &["--secret", "whsec_first"]].concat());
    assert_eq!(with_setting.output, with_secret.output);
    assert!(!with_setting.output.contains("whsec_"));
}

/// Each source is signed for with its own secret: the operator's fits nowhere else.
#[test]
fn a_source_is_signed_for_with_its_own_secret() {
    let settings = [("STRIPE_WEBHOOK_SECRET", "whsec_own"), ("STRIPE_WEBHOOK_SECRET__ACME", "whsec_acme,whsec_older")];
    let printed = |more: &[&str]| {
        let arguments = [&["send", "stripe", "customer.created", "--print", "request"], more].concat();
        try_sluice(&arguments, &settings, b"").map(|ran| ran.output)
    };
    let signature = |more: &[&str]| {
        let output = printed(more).unwrap_or_else(|error| panic!("{more:?}: {error}"));
        let line = output.lines().find(|line| line.to_ascii_lowercase().starts_with("stripe-signature:"));
        line.expect("it is signed").to_owned()
    };
    let signed_with = |secret| signature(&["--secret", secret]);
    for to in ["https://hooks.acme.dev/webhooks/stripe/acme", "http://localhost:3000/api/v1/webhooks/stripe/acme"] {
        assert_eq!(signature(&["--to", to]), signed_with("whsec_acme"), "{to}");
        assert_eq!(signature(&["--to", to, "--source", "default"]), signed_with("whsec_own"), "{to}");
    }
    assert_eq!(signature(&["--source", "acme"]), signed_with("whsec_acme"));
    // Of what has no secret here, and of what is no endpoint, as ever.
    for to in ["http://localhost:3000/webhooks/stripe", "http://localhost:3000/webhooks/stripe/other", "http://localhost:3000/acme"] {
        assert_eq!(signature(&["--to", to]), signed_with("whsec_own"), "{to}");
    }
    for (provider, sample, path) in [
        ("stripe", "customer.created", "/webhooks/stripe/acme"),
        ("twilio", "sms", "/webhooks/twilio/sms/acme"),
        ("standard", "user.created", "/webhooks/standard/acme"),
    ] {
        let secrets =
            [("STRIPE_WEBHOOK_SECRET__ACME", "a"), ("TWILIO_AUTH_TOKEN__ACME", "a"), ("STANDARD_WEBHOOK_SECRET__ACME", "whsec_YWJj")];
        let ran =
            try_sluice(&["send", provider, sample, "--source", "acme", "--print", "request"], &secrets, b"").expect("it can be signed");
        assert!(ran.output.starts_with(&format!("POST {path} ")), "{}", ran.output);
    }
    let unset = printed(&["--source", "other"]).expect_err("nothing to sign with").to_string();
    assert!(unset.contains("STRIPE_WEBHOOK_SECRET__OTHER"), "{unset}");
}

#[test]
fn printed_as_a_request() {
    let ran = sluice(&["send", "stripe", "refund.created", "--print", "request"]);
    insta::assert_snapshot!(ran.output);
}

#[test]
fn printed_for_curl() {
    let ran = sluice(&["send", "stripe", "customer.created", "--print", "curl", "--set", "data.object.name=D'Arcy $HOME"]);
    insta::assert_snapshot!(ran.output);
}

#[test]
fn printed_for_api_gateway() {
    let ran = sluice(&["send", "stripe", "refund.created", "--print", "api-gateway"]);
    let event: Value = serde_json::from_str(&ran.output).expect("JSON");
    insta::assert_json_snapshot!(event);
}

#[test]
fn lists_the_samples() {
    let listed = sluice(&["send", "stripe", "--list"]).output;
    assert!(listed.lines().eq(Sample::of("stripe").map(|sample| sample.name)));
    let all = sluice(&["send", "--list"]).output;
    assert_eq!(all.lines().count(), SAMPLES.len());
    assert!(all.lines().any(|line| line == "shopify orders/create"));
}

#[test]
fn new_ids_differ_and_look_like_stripes() {
    let ran = sluice(&["send", "stripe", "customer.created", "--print", "request"]);
    assert_eq!(printed_event(&ran)["id"], "evt_10000000000000000000001");
}

#[test]
fn what_cannot_be_sent() {
    assert_eq!(
        error(&["send", "stripe", "customer.created", "--set", "type.x=1"]),
        "--set: \"x\" in \"type.x\" cannot be reached: what stands before it is a single value, not an object"
    );
    let unknown = error(&["send", "stripe", "customer.deleted"]);
    assert!(unknown.starts_with("stripe has no sample customer.deleted: there are charge.refund.updated, charge.refunded, "), "{unknown}");
    let with_name = error(&["send", "stripe", "customer.created", "--to", "http://127.0.0.1@example.com"]);
    assert!(with_name.starts_with("the URL has a user name in it"), "{with_name}");
    for to in ["example.com", "/webhooks", "ftp://127.0.0.1"] {
        let error = error(&["send", "stripe", "customer.created", "--to", to]);
        assert!(error.ends_with("is no URL to post to: write http://host:port or https://host"), "{error}");
    }
    let blank = error(&["send", "stripe", "customer.created", "--secret", " "]);
    assert!(blank.starts_with("the secret is empty"), "{blank}");
    assert_eq!(refused(&["send", "stripe"]).kind(), ErrorKind::MissingRequiredArgument);
    assert_eq!(refused(&["send", "stripe", "x", "--count", "0"]).kind(), ErrorKind::ValueValidation);
    assert_eq!(refused(&["send", "stripe", "x", "--set", "a"]).kind(), ErrorKind::ValueValidation);
    assert_eq!(refused(&["send", "stripe", "x", "--print", "curl", "--count", "2"]).kind(), ErrorKind::ArgumentConflict);
}

/// Sends every sample twice, and looks at what came as ingest looks at it.
#[test]
fn every_sample_is_signed_and_a_new_event_each_time() {
    let server = Server::start(ok);
    let url = server.url();
    for sample in SAMPLES {
        let ran = sluice(&["send", sample.provider, sample.name, "--to", &url, "--count", "2"]);
        assert_eq!(ran.exit, Exit::Success, "{}: {}", sample.name, ran.output);
    }
    let arrived = server.arrived();
    assert_eq!(arrived.len(), SAMPLES.len() * 2);
    let port = url.rsplit_once(':').expect("a port").1;
    for (sample, twice) in SAMPLES.iter().zip(arrived.chunks(2)) {
        let by = by_name(sample.provider).expect("there");
        let provider = by_name(sample.provider).expect("there");
        let mut keys = BTreeSet::new();
        for arrived in twice {
            let path = sample.request().path;
            assert_eq!(arrived.line, format!("POST {path} HTTP/1.1"));
            let headers: Vec<(&str, &[u8])> = arrived.headers.iter().map(|(name, value)| (&name[..], value.as_bytes())).collect();
            let url = format!("http://localhost:{port}{path}");
            let message = Message { method: "POST", url: &url, headers: &headers, body: &arrived.body };
            assert!(by.scheme().verify(&message, &[by.read_secret(by.dev_secret())], NOW).is_ok(), "{}", sample.name);
            let channel = path.strip_prefix("/webhooks/twilio/").unwrap_or_default();
            keys.insert(provider.name_event(&Route { channel, source: "default" }, &message).expect(sample.name).key);
        }
        assert_eq!(keys.len(), 2, "{}: {keys:?}", sample.name);
        // GitHub's deliveries go by their bodies, too.
        assert!(sample.provider != "github" || twice[0].body != twice[1].body, "{}", sample.name);
    }
}

#[test]
fn parameters_and_headers_can_be_set() {
    let server = Server::start(ok);
    let to = ["--to", &server.url()];
    let again = ["--set", "MessageSid=SM7", "--set", "MessageStatus=on its way+é", "--header", "i-twilio-idempotency-token: t1"];
    sluice(&[&["send", "twilio", "sms-status.delivered"], &to[..], &again[..]].concat());
    sluice(&[&["send", "github", "push.form", "--set", "ref=refs/heads/next"], &to[..]].concat());
    let [status, push] = &server.arrived()[..] else { panic!("two requests") };
    let body = String::from_utf8(status.body.clone()).expect("UTF-8");
    assert!(body.contains("MessageSid=SM7") && body.contains("&MessageStatus=on+its+way%2B%C3%A9&"), "{body}");
    let tokens: Vec<_> = status.headers.iter().filter(|(name, _)| name == "i-twilio-idempotency-token").collect();
    assert!(matches!(tokens[..], [(_, value)] if value == "t1"), "{tokens:?}");
    let body = String::from_utf8(push.body.clone()).expect("UTF-8");
    assert!(body.starts_with("payload=%7B%22ref%22%3A%22refs%2Fheads%2Fnext%22%2C"), "{body}");
}

#[test]
fn twilio_signs_the_url_that_it_was_given() {
    let signature = |to: &str, settings: &[(&str, &str)]| {
        let arguments = ["send", "twilio", "sms", "--to", to, "--secret", "token", "--print", "request"];
        let printed = try_sluice(&arguments, settings, b"").expect("it is shown").output;
        printed.lines().find(|line| line.starts_with("X-Twilio-Signature: ")).expect("signed").to_owned()
    };
    let here = signature("http://localhost:3000", &[]);
    for to in ["http://127.0.0.1:3000", "http://[::1]:3000"] {
        assert_eq!(signature(to, &[]), here, "{to}");
    }
    let public = signature("https://hooks.example.com", &[]);
    assert_ne!(public, here);
    let setting = [("SLUICE_PUBLIC_URL", "https://hooks.example.com/")];
    assert_eq!(signature("http://127.0.0.1:3000", &setting), public);
    assert_ne!(signature("https://example.net", &setting), public, "another machine has a URL of its own");
}

#[test]
fn a_form_printed_as_a_request() {
    let ran = sluice(&["send", "twilio", "sms", "--print", "request"]);
    insta::assert_snapshot!(ran.output);
}

#[test]
fn a_form_printed_for_curl() {
    let ran = sluice(&["send", "twilio", "sms-status.undelivered", "--print", "curl"]);
    insta::assert_snapshot!(ran.output);
}

#[test]
fn a_form_printed_for_api_gateway() {
    let ran = sluice(&["send", "twilio", "voice", "--to", "https://hooks.example.com", "--secret", "token", "--print", "api-gateway"]);
    let event: Value = serde_json::from_str(&ran.output).expect("JSON");
    insta::assert_json_snapshot!(event);
}

#[test]
fn each_sender_writes_its_own_headers() {
    let shown = [("github", "ping"), ("shopify", "shop/redact"), ("sendro", "email.bounced"), ("standard", "user.created")]
        .map(|(provider, sample)| sluice(&["send", provider, sample, "--print", "request"]).output);
    insta::assert_snapshot!(shown.map(|output| output.split_once("\n\n").expect("a head").0.to_owned()).join("\n\n"));
}
