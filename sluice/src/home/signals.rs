use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Becomes true once the process is asked to stop (SIGTERM, or SIGINT from a terminal). Asked a second time, it stops at once.
pub(super) fn stop() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    let signals = signal(SignalKind::terminate()).and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
    match signals {
        Ok((mut terminate, mut interrupt)) => {
            tokio::spawn(async move {
                for first in [true, false] {
                    tokio::select! {
                        _ = terminate.recv() => {}
                        _ = interrupt.recv() => {}
                    }
                    if first {
                        tracing::info!("stopping: no new work is begun; ask again to stop at once");
                        stop.send_replace(true);
                    }
                }
                tracing::warn!("stopped at once; what was being handled is handled again after the next start");
                std::process::exit(130);
            });
        }
        Err(error) => tracing::error!(%error, "signals can't be listened to; the process can only be killed, which loses nothing"),
    }
    stopped
}
