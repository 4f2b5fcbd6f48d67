//! What a function needs around it to run by itself on a developer's machine: the template's table, queues and secrets, on an emulator.

mod watch;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use self::watch::Watch;

use crate::{
    e2e::{
        built::{self, Variant},
        free_address,
        running::Emulator,
        stack::Stack,
    },
    emulator, functions,
    steps::{Steps, cannot_run, cargo, target},
    tally::{Ended, Tally},
    template::{REGION, Tools},
};

/// The template without what would call its functions: they are run by hand, and what is queued waits for them.
const BY_HAND: Variant = Variant {
    name: "sluice-local",
    changed: &[
        // `sam local` sets only what the template declares.
        ("        SLUICE_LOG: !Ref LogLevel\n", "        SLUICE_LOG: !Ref LogLevel\n        AWS_ENDPOINT_URL: \"\"\n"),
        (
            "      Events:\n        Inbound:\n          Type: SQS\n          Properties:\n            Queue: !GetAtt InboundQueue.Arn\n            BatchSize: 10\n            \
             # Only what failed comes back.\n            FunctionResponseTypes: [ReportBatchItemFailures]\n            \
             # A hundred events at once. Bounds what a burst asks of Twilio, SES and the account's concurrency; the rest waits in the queue.\n            \
             ScalingConfig: {MaximumConcurrency: 10}\n",
            "",
        ),
        ("      Events:\n        EveryMinute:\n          Type: Schedule\n          Properties: {Schedule: rate(1 minute)}\n", ""),
    ],
    parameters: &[],
};

/// What every secret is set to. Each provider's scheme takes it: it is a text, and the base64 that Standard Webhooks wants.
const SECRET: &str = "whsec_b25seSBmb3IgdGhpcyBtYWNoaW5l";
/// The sender of the parameters, whose owner AWS would ask by mail.
const SENDER: &str = "Action=VerifyEmailIdentity&Version=2010-12-01&EmailAddress=bookings%40example.com";
/// The file of all functions' environments, as `sam local` reads it, and the folder of their programs.
const ENVIRONMENTS: &str = "env.json";
const FUNCTIONS: &str = "functions";
/// How often is looked whether the emulator still runs.
const LOOK: Duration = Duration::from_secs(1);

/// Starts the emulator with what the template describes, says how functions reach it, and runs until Ctrl-C.
pub(crate) fn up() -> Result<String, String> {
    let mut local = Local::start(&mut Steps::default())?;
    tell(&local.environments, &local.folder);
    until_told(&mut local.emulator)?;
    local.emulator.stop()?;
    Ok("the emulator has ended, and all that was in it is gone".to_owned())
}

/// Has `cargo lambda watch` build and run a function, as the developer of one does, and sends it webhooks.
pub(crate) fn test(steps: &mut Steps) -> Result<(Tally, Ended), String> {
    steps.run("building the command", &mut cargo(&["build", "--locked", "--package", "sluice"]))?;
    let local = Local::start(steps)?;
    let address = free_address()?;
    let watch = Watch::start(steps, &address, &local.environment()?)?;
    let send = |secret: &str| {
        let mut send = Command::new(target()?.join("debug/sluice"));
        send.args(["send", "stripe", "payment_intent.succeeded", "--to", &format!("http://{address}/lambda-url/stripe/webhooks/stripe")]);
        let output = send.args(["--secret", secret]).stdin(Stdio::null()).output().map_err(|error| cannot_run(&send, &error))?;
        Ok::<_, String>((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
    };
    watch.until_built(|| Ok(send(SECRET)?.0 == Some(0)))?;
    let (code, said) = send("whsec_of_somebody_else")?;
    if code != Some(1) || !said.starts_with("400") {
        return Err(format!("a wrong signature was answered {said}"));
    }
    let waiting = local.waiting()?;
    drop(watch);
    local.emulator.stop()?;
    if waiting == 0 { Err("the queue is empty: the function has queued nothing".to_owned()) } else { Ok((Tally::default(), Ended::Well)) }
}

/// The emulator, and what is on it.
struct Local {
    emulator: Emulator,
    environments: BTreeMap<String, BTreeMap<String, String>>,
    folder: PathBuf,
}

impl Local {
    fn start(steps: &mut Steps) -> Result<Self, String> {
        let tools = Tools::installed(steps)?;
        let program = emulator::installed(steps)?;
        let folder = target()?.join("aws");
        fs::create_dir_all(&folder).map_err(|error| format!("{} can't be made: {error}", folder.display()))?;
        let placeholders = placeholders(&folder)?;
        let template = built::write(&BY_HAND, |name| placeholders.join(name), None, &folder)?;
        let emulator = Emulator::start(&program, &folder)?;
        Stack::deploy(steps, &tools, &emulator, &BY_HAND, &template).map(|_| ())?;
        let environments = environments(&emulator)?;
        set_secrets(&emulator, &environments)?;
        emulator.call("ses", &[("Content-Type", "application/x-www-form-urlencoded")], SENDER)?;
        let list = folder.join(ENVIRONMENTS);
        let text = serde_json::to_string_pretty(&environments).map_err(|error| error.to_string())?;
        fs::write(&list, text).map_err(|error| format!("{} can't be written: {error}", list.display()))?;
        Ok(Self { emulator, environments, folder })
    }

    /// The environment of Stripe's function.
    fn environment(&self) -> Result<BTreeMap<String, String>, String> {
        self.environments.get("StripeFunction").cloned().ok_or_else(|| "the stack has no function for Stripe".to_owned())
    }

    /// How many messages the queue `inbound` holds.
    fn waiting(&self) -> Result<u64, String> {
        let request = json!({ "QueueUrl": self.environment()?["SLUICE_INBOUND_QUEUE_URL"], "AttributeNames": ["All"] });
        let headers = [("X-Amz-Target", "AmazonSQS.GetQueueAttributes"), ("Content-Type", "application/x-amz-json-1.0")];
        let answer = self.emulator.call("sqs", &headers, &request.to_string())?;
        let answer: Value = serde_json::from_str(&answer).map_err(|error| format!("{error}: {answer}"))?;
        let count = answer["Attributes"]["ApproximateNumberOfMessages"].as_str().and_then(|count| count.parse().ok());
        count.ok_or_else(|| format!("the queue does not tell how many messages it holds: {answer}"))
    }
}

/// Something that can be deployed in the functions' place: nothing calls them.
fn placeholders(folder: &Path) -> Result<PathBuf, String> {
    let functions = folder.join(FUNCTIONS);
    for name in functions::names()? {
        let program = functions.join(&name).join("bootstrap");
        let made = fs::create_dir_all(functions.join(&name))
            .and_then(|()| fs::write(&program, "#!/bin/sh\nexit 1\n"))
            .and_then(|()| fs::set_permissions(&program, fs::Permissions::from_mode(0o755)));
        made.map_err(|error| format!("{} can't be written: {error}", program.display()))?;
    }
    Ok(functions)
}

/// The environment of each function by its name in the template, as it is deployed, and how the emulator is reached.
fn environments(emulator: &Emulator) -> Result<BTreeMap<String, BTreeMap<String, String>>, String> {
    let mut environments = BTreeMap::new();
    for function in emulator.functions()? {
        let name = function["FunctionName"].as_str().unwrap_or_default();
        let Some(name) = name.strip_prefix(&format!("{}-", BY_HAND.name)).and_then(|name| name.split('-').next()) else { continue };
        let variables = function["Environment"]["Variables"].as_object().cloned().unwrap_or_default();
        let mut environment: BTreeMap<String, String> =
            variables.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect();
        let own = [("AWS_ENDPOINT_URL", emulator.url().as_str()), ("AWS_REGION", REGION)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        environment.extend(own);
        environment.extend(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name.to_owned(), "test".to_owned())));
        environments.insert(name.to_owned(), environment);
    }
    if environments.is_empty() { Err("the emulator knows no functions".to_owned()) } else { Ok(environments) }
}

/// Sets every secret that a function refers to.
fn set_secrets(emulator: &Emulator, environments: &BTreeMap<String, BTreeMap<String, String>>) -> Result<(), String> {
    let mut secrets: Vec<_> =
        environments.values().flat_map(BTreeMap::values).filter(|value| value.starts_with("arn:aws:secretsmanager:")).collect();
    secrets.sort_unstable();
    secrets.dedup();
    for secret in secrets {
        let headers = [("X-Amz-Target", "secretsmanager.PutSecretValue"), ("Content-Type", "application/x-amz-json-1.1")];
        let request: Value = json!({ "SecretId": secret, "SecretString": SECRET });
        emulator.call("secretsmanager", &headers, &request.to_string())?;
    }
    Ok(())
}

/// What to export and to run. The functions' own settings don't contradict each other, so one environment serves all.
#[expect(clippy::print_stdout, reason = "a command talks to the terminal")]
fn tell(environments: &BTreeMap<String, BTreeMap<String, String>>, folder: &Path) {
    let all: BTreeMap<&String, &String> = environments.values().flatten().collect();
    println!("\n# Paste this into another terminal:\n");
    all.iter().for_each(|(name, value)| println!("export {name}='{value}'"));
    let (processor, architecture) = if cfg!(target_arch = "aarch64") { ("--arm64", "arm64") } else { ("--x86-64", "x86_64") };
    let (list, template, functions) = (folder.join(ENVIRONMENTS), folder.join(format!("{}.yaml", BY_HAND.name)), folder.join(FUNCTIONS));
    let (list, template, functions) = (list.display(), template.display(), functions.display());
    println!(
        "\n# A function of your choice, built anew whenever it changes:\n\
         cargo lambda watch --package sluice-fn-stripe\n\
         cargo run -- send stripe payment_intent.succeeded --to http://127.0.0.1:9000/lambda-url/stripe/webhooks/stripe --secret '{SECRET}'\n\
         \n# The same as AWS's own tools run it (needs Docker; the container reaches this machine by the host's network):\n\
         cargo lambda build --package sluice-fn-stripe --lambda-dir {functions} {processor}\n\
         cargo run -- send stripe payment_intent.succeeded --secret '{SECRET}' --print api-gateway |\n  \
         sam local invoke StripeFunction --template {template} --parameter-overrides Architecture={architecture} --docker-network host \
         --env-vars {list} --event -\n\
         \n# The emulator runs until Ctrl-C."
    );
}

/// Waits for Ctrl-C, or to be told to end.
fn until_told(emulator: &mut Emulator) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| format!("signals can't be waited for: {error}"));
        let (mut interrupted, mut ended) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        loop {
            tokio::select! {
                _ = interrupted.recv() => return Ok(()),
                _ = ended.recv() => return Ok(()),
                () = pause() => {
                    if emulator.has_ended() {
                        return Err("the emulator has ended by itself; its log says why".to_owned());
                    }
                }
            }
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "another process is looked after")]
async fn pause() {
    tokio::time::sleep(LOOK).await;
}
