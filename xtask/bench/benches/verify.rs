//! What verifying and naming a webhook costs, followed over time: `cargo bench -p sluice-bench`. Beside the Node SDKs: `cargo xtask bench verify`.

#[path = "../src/verify/cases.rs"]
#[expect(dead_code, reason = "what only the comparison with the SDKs asks for")]
mod cases;

use std::hint::black_box;

use cases::{SCHEMES, SIZES};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Any time will do: the requests are signed at it and verified at it.
const NOW: i64 = 1_795_327_200;

fn verify_and_name(criterion: &mut Criterion) {
    for scheme in SCHEMES {
        let mut group = criterion.benchmark_group(scheme.name);
        for size in SIZES {
            let case = scheme.sign(size, NOW);
            group.throughput(Throughput::Bytes(case.body.len() as u64));
            group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
                case.with(|message| bencher.iter(|| case.name(black_box(message))));
            });
        }
    }
}

criterion_group!(benches, verify_and_name);
criterion_main!(benches);
