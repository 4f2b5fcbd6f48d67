//! Two things at the same moment: one after the other, and each begun first and interrupted by the other at every one of its calls.

use std::{fmt::Debug, future::Future, pin::pin, task::Poll};

use sluice_core::testing::{Fault, World};

/// Lets `work` begin, and `other` happen as soon as it waits for its turn; then lets it end.
pub(crate) async fn interrupted<T>(work: impl Future<Output = T>, other: impl Future<Output = ()>) {
    let mut work = pin!(work);
    let begun = std::future::poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
    other.await;
    if begun.is_pending() {
        work.await;
    }
}

/// Neither misses the other, at whichever call of theirs they meet: the end is always the same. `begin`: the world in which they happen.
pub(crate) async fn never_miss_each_other<T: Debug + PartialEq>(
    begin: impl AsyncFn() -> World,
    first: impl AsyncFn(&World),
    second: impl AsyncFn(&World),
    end: impl AsyncFn(&World) -> T,
) {
    let run = async |interrupt: Option<(u64, bool)>| {
        let world = begin().await;
        let began = world.faults.calls();
        let (first, second) = (first(&world), second(&world));
        match interrupt {
            None => {
                first.await;
                second.await;
            }
            Some((call, swapped)) => {
                world.faults.plan(began + call, Fault::Yield);
                if swapped { interrupted(second, first).await } else { interrupted(first, second).await }
            }
        }
        let calls = world.faults.calls() - began;
        world.run_until_quiet().await;
        (end(&world).await, calls)
    };
    let (expected, calls) = run(None).await;
    for call in 0..calls {
        for swapped in [false, true] {
            assert_eq!(run(Some((call, swapped))).await.0, expected, "interrupted at call {call}, swapped: {swapped}");
        }
    }
}
