use sluice_core::settings::{LogFormat, LogSettings};
use tracing::Level;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Logs from now on, to standard error. The libraries below speak from warnings on.
pub fn init(settings: LogSettings) {
    let others = settings.level.min(Level::WARN);
    let targets = Targets::new().with_default(LevelFilter::from_level(others)).with_targets(
        ["sluice", "sluice_core", "sluice_embedded", "sluice_clients"].map(|target| (target, LevelFilter::from_level(settings.level))),
    );
    let registry = tracing_subscriber::registry().with(targets);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    match settings.format {
        LogFormat::Text => registry.with(layer.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))).init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).init(),
    }
}
