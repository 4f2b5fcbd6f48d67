//! Sluice's Stripe function beside the same job in Node, under the same emulators, in one run.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use super::function::Function;
use crate::{
    e2e::{free_address, running::Emulator},
    emulator,
    package::{self, Processor},
    steps::{Steps, cannot_run, cargo, root, target},
    template::{REGION, Tools},
};

/// How often a function is started; the median is told.
const STARTS: usize = 9;
/// How many events one environment is given before the clock runs, and while it does.
const WARM_UP: usize = 200;
const EVENTS: usize = 1_000;
const SECRET: &str = "whsec_of_the_bench_alone";

/// What was measured of a function.
struct Figures {
    cold_cpu: Duration,
    first_answer: Duration,
    warm_cpu: Duration,
    p50: Duration,
    p99: Duration,
    memory: u64,
}

/// Builds both, measures both, and tells how they compare. `built` is a program that was packaged before.
pub(crate) fn run(built: Option<&str>) -> Result<String, String> {
    let mut steps = Steps::default();
    let tools = Tools::installed(&mut steps)?;
    let emulator = emulator::installed(&mut steps)?;
    let folder = target()?.join("bench-lambda");
    fs::create_dir_all(&folder).map_err(|error| format!("{} can't be made: {error}", folder.display()))?;
    let sluice = match built {
        Some(program) => PathBuf::from(program),
        None => package::program(&mut steps, Processor::of_this_machine(), "stripe", &folder)?,
    };
    let node = peer(&mut steps, &folder)?;
    steps.run("building the command", &mut cargo(&["build", "--locked", "--package", "sluice"]))?;
    let events = events(WARM_UP + EVENTS)?;

    let emulator = Emulator::start(&emulator, &folder)?;
    let tls = Tls::start(&mut steps, &emulator, &folder)?;
    let environment = tls.environment(&queue(&emulator)?);
    let interface = tools.interface_emulator()?;
    let sluice = measure(&interface, &sluice, &environment, &events)?;
    let node = measure(&interface, &node, &environment, &events)?;
    drop(tls);
    emulator.stop()?;
    Ok(report(&sluice, &node))
}

/// The peer with its packages, installed as its lock file says.
fn peer(steps: &mut Steps, folder: &Path) -> Result<PathBuf, String> {
    let (source, own) = (root().join("bench/peers/lambda"), folder.join("node"));
    let copied = fs::create_dir_all(&own).and_then(|()| {
        fs::read_dir(&source)?.try_for_each(|file| file.and_then(|file| fs::copy(file.path(), own.join(file.file_name())).map(drop)))
    });
    copied.map_err(|error| format!("{} can't be copied: {error}", source.display()))?;
    let mut npm = Command::new("npm");
    steps.run("installing the peer's packages", npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(&own).stdin(Stdio::null()))?;
    Ok(own.join("bootstrap.mjs"))
}

/// Signed events as an HTTP API hands them over, each with an id of its own.
fn events(count: usize) -> Result<Vec<String>, String> {
    let program = target()?.join("debug/sluice");
    let one = |_| {
        let mut send = Command::new(&program);
        send.args(["send", "stripe", "payment_intent.succeeded", "--secret", SECRET, "--print", "api-gateway"]).stdin(Stdio::null());
        let output = send.output().map_err(|error| cannot_run(&send, &error))?;
        String::from_utf8(output.stdout).map_err(|error| error.to_string())
    };
    (0..count).map(one).collect()
}

/// A queue on the emulator: the path of its URL.
fn queue(emulator: &Emulator) -> Result<String, String> {
    let headers = [("X-Amz-Target", "AmazonSQS.CreateQueue"), ("Content-Type", "application/x-amz-json-1.0")];
    let answer = emulator.call("sqs", &headers, &json!({ "QueueName": "inbound" }).to_string())?;
    let answer: Value = serde_json::from_str(&answer).map_err(|error| format!("{error}: {answer}"))?;
    let url = answer["QueueUrl"].as_str().unwrap_or_default();
    url.splitn(4, '/').nth(3).map(str::to_owned).ok_or_else(|| format!("no URL of a queue: {url}"))
}

/// What ends TLS before the emulator. It ends when this is dropped.
struct Tls {
    process: Child,
    address: String,
    certificate: PathBuf,
}

impl Tls {
    fn start(steps: &mut Steps, emulator: &Emulator, folder: &Path) -> Result<Self, String> {
        let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout"]);
        steps.run_quietly("a certificate", openssl.arg(&key).arg("-out").arg(&certificate).stdin(Stdio::null()))?;
        let address = free_address()?;
        let port = |address: &str| address.rsplit(':').next().unwrap_or_default().to_owned();
        let mut node = Command::new("node");
        node.arg(folder.join("node/tls.mjs")).arg(&key).arg(&certificate).args([port(&address), port(&emulator.url())]);
        node.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = node.spawn().map_err(|error| cannot_run(&node, &error))?;
        let said = process.stdout.take().expect("it was asked for");
        let own = Self { process, address, certificate };
        match BufReader::new(said).lines().next() {
            Some(Ok(_)) => Ok(own),
            _ => Err("what ends TLS does not start".to_owned()),
        }
    }

    /// The environment of both functions.
    fn environment(&self, queue: &str) -> BTreeMap<String, String> {
        let endpoint = format!("https://{}", self.address);
        let certificate = self.certificate.display().to_string();
        let variables = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", &endpoint),
            ("AWS_CA_BUNDLE", &certificate),
            ("NODE_EXTRA_CA_CERTS", &certificate),
            ("AWS_LAMBDA_FUNCTION_NAME", "stripe"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_TIMEOUT", "10"),
            ("_HANDLER", "bootstrap"),
            ("SLUICE_PUBLIC_URL", "https://hooks.example.com"),
            ("SLUICE_INBOUND_QUEUE_URL", &format!("{endpoint}/{queue}")),
            ("STRIPE_WEBHOOK_SECRET", SECRET),
        ];
        variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn measure(interface: &Path, program: &Path, environment: &BTreeMap<String, String>, events: &[String]) -> Result<Figures, String> {
    let (mut cpus, mut answers) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let function = Function::start(interface, program, environment)?;
        answers.push(function.invoke(&events[0])?);
        cpus.push(function.cpu()?);
    }
    let function = Function::start(interface, program, environment)?;
    let (before, timed) = events.split_at(WARM_UP);
    for event in before {
        function.invoke(event)?;
    }
    let began = function.cpu()?;
    let mut took = timed.iter().map(|event| function.invoke(event)).collect::<Result<Vec<_>, _>>()?;
    let warm_cpu = (function.cpu()? - began) / u32::try_from(timed.len()).unwrap_or(1);
    took.sort_unstable();
    Ok(Figures {
        cold_cpu: median(cpus),
        first_answer: median(answers),
        warm_cpu,
        p50: took[took.len() / 2],
        p99: took[took.len() * 99 / 100],
        memory: function.peak_memory()?,
    })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn report(sluice: &Figures, node: &Figures) -> String {
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let rows = [
        ("CPU until the first answer, ms", millis(sluice.cold_cpu), millis(node.cold_cpu), Some(25.0)),
        ("first answer after, ms", millis(sluice.first_answer), millis(node.first_answer), None),
        ("CPU of a further event, ms", millis(sluice.warm_cpu), millis(node.warm_cpu), Some(8.0)),
        ("answer p50, ms", millis(sluice.p50), millis(node.p50), None),
        ("answer p99, ms", millis(sluice.p99), millis(node.p99), None),
        ("peak memory, MB", sluice.memory as f64 / 1e6, node.memory as f64 / 1e6, Some(7.0)),
    ];
    let mut text = format!("{:<34} {:>9} {:>9}\n", "", "Sluice", "Node");
    for (what, own, peer, aim) in rows {
        let times = peer / own;
        let verdict = aim.map_or_else(String::new, |aim| {
            format!("   {times:.1} times less; at least {aim:.0}: {}", if times >= aim { "held" } else { "MISSED" })
        });
        text += &format!("{what:<34} {own:>9.2} {peer:>9.2}{verdict}\n");
    }
    let most = if sluice.cold_cpu <= Duration::from_millis(15) { "held" } else { "MISSED" };
    text + &format!(
        "from a process's start to its first answer, with TLS, at most 15 ms of CPU: {most}\n\
        medians of {STARTS} starts; {EVENTS} events after {WARM_UP}, one after the other; both queue over TLS to the same emulator"
    )
}
