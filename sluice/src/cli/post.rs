use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use http::StatusCode;
use http_body_util::{BodyExt, Full, Limited};

use super::{
    Error, Exit, Surroundings,
    client::{DEADLINE, HttpClient, START_SLUICE, http_client, in_words},
    send::{Sender, Target},
    usage,
};
use crate::samples::Request;

/// Up to here every answer gets a line; beyond, all get a summary.
const LINES: u32 = 10;
/// As much of an answer is read.
const ANSWER_LIMIT: usize = 64 << 10;

/// Posts `count` new events, the first of them already made.
pub(super) fn all(
    sender: &Sender<'_>,
    first: Request,
    count: u32,
    concurrency: u16,
    surroundings: &mut Surroundings<'_>,
) -> Result<Exit, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| usage(format!("cannot start the HTTP client: {error}")))?;
    runtime.block_on(async {
        let client = Poster::new(&sender.target);
        let mut first = Some(first);
        let started = stopwatch();
        let mut tally = Tally::default();
        {
            let shared = &*surroundings;
            let requests = (0..count).map(|_| first.take().map_or_else(|| sender.make(shared), Ok));
            let mut answers = stream::iter(requests)
                .map(|request| {
                    let client = &client;
                    async { Ok::<_, Error>(client.post(request?).await) }
                })
                .buffer_unordered(usize::from(concurrency));
            while let Some(answer) = answers.next().await {
                tally.add(answer?);
            }
        }
        if let Some(problem) = tally.why_nothing_was_sent() {
            return Err(usage(problem));
        }
        let exit = if tally.failed() == 0 { Exit::Success } else { Exit::Failure };
        let text = if count > LINES { tally.summary(started.elapsed()) } else { tally.lines() };
        surroundings.output.write_all(text.as_bytes())?;
        Ok(exit)
    })
}

#[expect(clippy::disallowed_methods, reason = "the command measures what it sent; nothing is decided by it")]
fn stopwatch() -> Instant {
    Instant::now()
}

/// Why there is no answer to a request.
enum NoAnswer {
    /// It never left: nobody has seen it.
    NotSent(String),
    /// It left, or may have left.
    Unknown(String),
}

/// What came of one request.
struct Answer {
    outcome: Result<(StatusCode, String), NoAnswer>,
    took: Duration,
}

impl Answer {
    fn is_good(&self) -> bool {
        matches!(&self.outcome, Ok((status, _)) if status.is_success())
    }

    fn text(&self) -> String {
        match &self.outcome {
            Ok((status, body)) => format!("{status} {body}").trim_end().to_owned(),
            Err(NoAnswer::NotSent(problem) | NoAnswer::Unknown(problem)) => problem.clone(),
        }
    }
}

struct Poster<'a> {
    client: HttpClient,
    target: &'a Target,
}

impl<'a> Poster<'a> {
    fn new(target: &'a Target) -> Self {
        Self { client: http_client(), target }
    }

    async fn post(&self, request: Request) -> Answer {
        let started = stopwatch();
        let outcome = match tokio::time::timeout(DEADLINE, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(NoAnswer::Unknown(format!("no answer from {} within {} s", self.target.authority, DEADLINE.as_secs()))),
        };
        Answer { outcome, took: started.elapsed() }
    }

    async fn exchange(&self, request: Request) -> Result<(StatusCode, String), NoAnswer> {
        let scheme = self.target.url.scheme_str().unwrap_or("http");
        let mut builder =
            http::Request::builder().method(request.method.as_str()).uri(format!("{scheme}://{}{}", self.target.authority, request.path));
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let request =
            builder.body(Full::from(request.body)).map_err(|error| NoAnswer::NotSent(format!("this request cannot be sent: {error}")))?;
        let response = self.client.request(request).await.map_err(|error| {
            let why = in_words(&error, &self.target.authority, START_SLUICE);
            if error.is_connect() { NoAnswer::NotSent(why) } else { NoAnswer::Unknown(why) }
        })?;
        let status = response.status();
        let body = match Limited::new(response.into_body(), ANSWER_LIMIT).collect().await {
            Ok(body) => on_one_line(&String::from_utf8_lossy(&body.to_bytes())),
            Err(error) => format!("(the answer's body was not read: {error})"),
        };
        Ok((status, body))
    }
}

/// What a stranger's server said, fit for a terminal.
fn on_one_line(text: &str) -> String {
    const LENGTH: usize = 300;
    let visible = |character: char| if character.is_control() { ' ' } else { character };
    let mut line: String = text.trim().chars().map(visible).take(LENGTH).collect();
    if text.trim().chars().count() > LENGTH {
        line.push('…');
    }
    line
}

#[derive(Default)]
struct Tally(Vec<Answer>);

impl Tally {
    fn add(&mut self, answer: Answer) {
        self.0.push(answer);
    }

    fn failed(&self) -> usize {
        self.0.iter().filter(|answer| !answer.is_good()).count()
    }

    /// Why, if not one request has left.
    fn why_nothing_was_sent(&self) -> Option<String> {
        let whys = self.0.iter().map(|answer| match &answer.outcome {
            Err(NoAnswer::NotSent(why)) => Some(why.as_str()),
            Ok(_) | Err(NoAnswer::Unknown(_)) => None,
        });
        whys.collect::<Option<Vec<_>>>()?.first().map(|why| (*why).to_owned())
    }

    fn lines(&self) -> String {
        self.0.iter().map(|answer| format!("{} ({})\n", answer.text(), millis(answer.took))).collect()
    }

    fn summary(&self, took: Duration) -> String {
        let failed = self.failed();
        let mut times: Vec<Duration> = self.0.iter().map(|answer| answer.took).collect();
        times.sort_unstable();
        let mut text = format!(
            "{} ok, {failed} failed, p50 {}, p99 {}, {:.0} per second\n",
            self.0.len() - failed,
            millis(percentile(&times, 50)),
            millis(percentile(&times, 99)),
            self.0.len() as f64 / took.as_secs_f64().max(f64::EPSILON)
        );
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for answer in self.0.iter().filter(|answer| !answer.is_good()) {
            *reasons.entry(answer.text()).or_default() += 1;
        }
        for (reason, times) in reasons.iter().take(5) {
            text.push_str(&format!("{times} × {reason}\n"));
        }
        if reasons.len() > 5 {
            text.push_str(&format!("and {} other answers\n", reasons.len() - 5));
        }
        text
    }
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// The smallest time that `percent` of all do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, millis: u64) -> Answer {
        Answer { outcome: Ok((StatusCode::from_u16(status).expect("a status"), "{}".to_owned())), took: Duration::from_millis(millis) }
    }

    #[test]
    fn percentiles() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&times[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }

    #[test]
    fn a_summary_counts_what_failed_by_reason() {
        let mut tally = Tally::default();
        for number in 1..=20 {
            tally.add(answer(if number % 4 == 0 { 400 } else { 200 }, number));
        }
        assert_eq!(
            tally.summary(Duration::from_secs(2)),
            "15 ok, 5 failed, p50 10.0 ms, p99 20.0 ms, 10 per second\n5 × 400 Bad Request {}\n"
        );
    }

    #[test]
    fn an_answer_cannot_play_with_the_terminal() {
        assert_eq!(on_one_line(" a\x1b[2Jb\r\nc "), "a [2Jb  c");
        assert_eq!(on_one_line(&"é".repeat(400)).chars().count(), 301);
    }
}
