use sluice_core::settings::{LogFormat, LogSettings};
use tracing::Level;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Logs from now on, to standard output, which Lambda keeps. The libraries below speak from warnings on.
pub(crate) fn init(settings: LogSettings) {
    let others = settings.level.min(Level::WARN);
    let own = ["sluice_core", "sluice_aws", "sluice_clients", "sluice_lambda"];
    let targets = Targets::new()
        .with_default(LevelFilter::from_level(others))
        .with_targets(own.map(|target| (target, LevelFilter::from_level(settings.level))));
    let registry = tracing_subscriber::registry().with(targets);
    let layer = tracing_subscriber::fmt::layer().with_target(false).with_ansi(false);
    match settings.format {
        LogFormat::Text => registry.with(layer).init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true).with_span_list(false)).init(),
    }
}
