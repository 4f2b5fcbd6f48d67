//! What verifying and naming a webhook costs, beside the official Node SDKs in the same run.

mod cases;
mod peers;

use std::{hint::black_box, time::Duration};

use cases::{SCHEMES, SIZES, Scheme};
use peers::Peers;

use crate::clock;

/// Each figure is the least of so many rounds of each pass: what the code costs when nothing else disturbs it.
const ROUNDS: usize = 40;
/// How often Sluice and its peer are measured in turn: a machine may be slower for a while, and for one of them alone.
const PASSES: usize = 3;
/// How long a round takes at least.
const ROUND: Duration = Duration::from_millis(5);
/// At most so many microseconds for the smallest body.
const AIM_MICROSECONDS: f64 = 10.0;
/// At least so many times faster than the SDK for the smallest body.
const AIM_FACTOR: f64 = 5.0;

/// How `cargo xtask bench verify` is called.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Without Node: only what Sluice takes
    #[arg(long)]
    alone: bool,
}

/// What one request of one scheme costs, in microseconds.
struct Row {
    scheme: &'static Scheme,
    size: usize,
    verify: f64,
    named: f64,
    peer: Option<peers::Figures>,
}

/// Measures, and prints the table.
#[expect(clippy::print_stdout, reason = "a bench says what it measured")]
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let now = clock::unix();
    let peers = if options.alone { None } else { Some(Peers::install()?) };
    let mut rows = Vec::new();
    for scheme in SCHEMES {
        let cases: Vec<_> = SIZES.map(|size| (size, scheme.sign(size, now))).into();
        let mut measured = Vec::from(SIZES.map(|size| Row { scheme, size, verify: f64::MAX, named: f64::MAX, peer: None }));
        for _ in 0..PASSES {
            let figures = match (&peers, scheme.peer) {
                (Some(peers), Some(peer)) => peers.measure(peer, scheme.name, &cases, now)?,
                _ => Vec::new(),
            };
            for (row, (size, case)) in measured.iter_mut().zip(&cases) {
                let verify = case.with(|message| least(|| case.verify(black_box(message))));
                let named = case.with(|message| least(|| drop(black_box(case.name(black_box(message))))));
                row.take_in(verify, named, figures.iter().find(|figures| figures.size == *size));
            }
        }
        rows.append(&mut measured);
    }
    println!("µs to verify (and to verify and name) one webhook; the least of {ROUNDS} rounds in each of {PASSES} passes\n");
    println!("{:22}{:>8}{:>10}{:>10}{:>12}{:>12}{:>9}", "", "body", "verify", "+ name", "Node", "+ parse", "factor");
    rows.iter().for_each(|row| println!("{}", row.line()));
    let missed: Vec<_> = rows.iter().filter_map(Row::missed).collect();
    if !missed.is_empty() {
        println!("\nnot as aimed at (2 KB: at most {AIM_MICROSECONDS} µs, at least {AIM_FACTOR} times faster):\n  {}", missed.join("\n  "));
    }
    Ok(())
}

impl Row {
    /// Takes in what another pass has measured.
    fn take_in(&mut self, verify: f64, named: f64, peer: Option<&peers::Figures>) {
        (self.verify, self.named) = (self.verify.min(verify), self.named.min(named));
        if let Some(peer) = peer {
            let before = self.peer.unwrap_or(*peer);
            self.peer = Some(peers::Figures { verify: before.verify.min(peer.verify), named: before.named.min(peer.named), ..*peer });
        }
    }

    fn line(&self) -> String {
        let Self { scheme, size, verify, named, peer } = self;
        let kilobytes = format!("{} KB", size >> 10);
        let ours = format!("{:22}{kilobytes:>8}{verify:>10.2}{named:>10.2}", scheme.name);
        match peer {
            Some(peer) => format!("{ours}{:>12.2}{:>12.2}{:>8.1}x", peer.verify, peer.named, peer.named / named),
            None => ours,
        }
    }

    /// Which aim it misses. Only the smallest body has any: the larger, the more of the time is the hash itself, for everyone.
    fn missed(&self) -> Option<String> {
        if self.size != SIZES[0] || !self.scheme.bounded {
            return None;
        }
        let factor = self.peer.map_or(f64::MAX, |peer| peer.named / self.named);
        (self.named > AIM_MICROSECONDS || factor < AIM_FACTOR).then(|| format!("{}: {:.2} µs, {factor:.1}x", self.scheme.name, self.named))
    }
}

/// Microseconds.
fn least(work: impl Fn()) -> f64 {
    let mut least = f64::MAX;
    for _ in 0..ROUNDS {
        let started = clock::now();
        let mut times = 0;
        while started.elapsed() < ROUND {
            for _ in 0..8 {
                work();
            }
            times += 8;
        }
        least = least.min(started.elapsed().as_secs_f64() * 1e6 / f64::from(times));
    }
    least
}
