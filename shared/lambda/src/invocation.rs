//! One invocation after the other.

use std::{fmt::Display, time::Duration};

use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use sluice_core::time::Timestamp;
use tower::util::ThenLayer;
use tracing::{Instrument, Span};

use crate::{StartError, wiring::Wiring};

/// How long before the end of an invocation calls of services are given up, so that there is time for an answer.
const ANSWER: Duration = Duration::from_millis(500);

/// How long the template lets an invocation take at most.
const LONGEST: Duration = Duration::from_mins(1);

/// Handles invocations for as long as Lambda sends some. `handle` is given what came and when the invocation ends; an error counts as a failed invocation.
///
/// What came is read here: the runtime would keep track of where in it an error is, which takes longer than reading it.
pub(crate) async fn serve<A, B, E>(wiring: &Wiring, handle: impl AsyncFn(A, Timestamp) -> Result<B, E>) -> Result<(), StartError>
where
    A: DeserializeOwned,
    B: Serialize,
    E: Display,
{
    let service = service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let LambdaEvent { payload, context } = event;
        let payload = serde_json::from_str(payload.get()).map_err(|error| format!("what Lambda hands over can't be read: {error}"))?;
        let deadline = deadline(context.deadline, wiring.clock.now());
        wiring.patience.end_at(deadline - ANSWER);
        let answer = handle(payload, deadline).instrument(span(&context.request_id)).await;
        wiring.metrics.write(&context.request_id, wiring.clock.now());
        answer.map_err(|error| error.to_string())
    });
    let runtime = Runtime::new(service).layer(ThenLayer::new(connection_freed));
    runtime.run().await.map_err(|error| StartError::Runtime(error.to_string()))
}

/// Passes on how the posting of an answer ended, once its connection is free again.
///
/// The runtime asks for the next invocation as soon as it has the head of what Lambda says to an answer. The client has not read the end of it by then, and
/// would open a second connection for each invocation.
async fn connection_freed<T>(posted: T) -> T {
    tokio::task::yield_now().await;
    posted
}

/// When an invocation ends that begins `now`, by what the runtime states, in milliseconds since 1970.
///
/// `cargo lambda watch` states ten minutes after 1970. An invocation never begins after its end, so such a one has as long as the template's longest.
fn deadline(stated: u64, now: Timestamp) -> Timestamp {
    let stated = Timestamp::from_millis(i64::try_from(stated).unwrap_or(i64::MAX));
    if stated > now { stated } else { now + LONGEST }
}

/// What the lines of an invocation's log have in common.
#[must_use]
pub fn span(request_id: &str) -> Span {
    tracing::info_span!("invocation", request_id)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        convert::Infallible,
        env,
        io::{BufRead, BufReader, Read, Write},
        net::TcpListener,
        process::{Command, Stdio},
    };

    use serde::de::IgnoredAny;

    use super::*;

    #[test]
    fn an_end_that_has_passed_is_none() {
        let now = Timestamp::from_millis(1_795_327_261_234);
        assert_eq!(deadline(1_795_327_271_234, now), now + Duration::from_secs(10));
        assert_eq!(deadline(600_000, now), now + LONGEST);
        assert_eq!(deadline(u64::MAX, now), Timestamp::MAX);
    }

    const INVOCATIONS: usize = 20;

    /// Runs [`answers_invocations`] in a process of its own, as the runtime reads where Lambda is from the environment.
    #[test]
    fn all_invocations_come_over_one_connection() {
        let lambda = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = lambda.local_addr().expect("an address").to_string();
        let mut function = Command::new(env::current_exe().expect("this program"));
        function.args(["--exact", "invocation::tests::answers_invocations", "--ignored"]).env("AWS_LAMBDA_RUNTIME_API", address);
        for name in ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] {
            function.env(name, "128");
        }
        let mut function = function.stdout(Stdio::null()).spawn().expect("it starts");
        lambda.set_nonblocking(true).expect("no waiting");
        let connection = loop {
            if let Ok((connection, _)) = lambda.accept() {
                break connection;
            }
            assert_eq!(function.try_wait().expect("a process"), None, "it runs until it is ended");
            std::thread::yield_now();
        };
        connection.set_nonblocking(false).expect("waiting");
        let mut answer = connection.try_clone().expect("a handle");
        let mut requests = BufReader::new(connection);
        let mut read = || {
            let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
            requests.read_line(&mut first).expect("a request");
            while requests.read_line(&mut line).expect("a header") > 2 {
                length =
                    line.to_lowercase().strip_prefix("content-length: ").map_or(length, |length| length.trim().parse().expect("a length"));
                line.clear();
            }
            let mut body = vec![0; length];
            requests.read_exact(&mut body).expect("a body");
            first
        };
        for number in 0..INVOCATIONS {
            assert!(read().starts_with("GET /2018-06-01/runtime/invocation/next "));
            let head = "HTTP/1.1 200 OK\r\nLambda-Runtime-Deadline-Ms: 4102444800000\r\nContent-Length: 2\r\n";
            write!(answer, "{head}Lambda-Runtime-Aws-Request-Id: {number}\r\n\r\n{{}}").expect("it is read");
            assert!(read().starts_with(&format!("POST /2018-06-01/runtime/invocation/{number}/response ")));
            write!(answer, "HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{{\"status\":\"OK\"}}\n").expect("it is read");
        }
        assert!(read().starts_with("GET "));
        assert!(lambda.accept().is_err(), "a second connection was opened");
        function.kill().expect("it still runs");
        function.wait().expect("it ends");
    }

    #[tokio::test]
    #[ignore = "is started by the test above"]
    async fn answers_invocations() {
        let aws = [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        let environment: BTreeMap<_, _> = aws.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let ((), wiring) = Wiring::read(environment, &[], |_| ()).await.expect("nothing is missing");
        serve(&wiring, async |_: IgnoredAny, _| Ok::<_, Infallible>(())).await.expect("Lambda is there");
    }
}
