use sluice_core::settings::{LogFormat, LogSettings};
use tracing::{Level, Subscriber};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    fmt::MakeWriter,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Logs from now on, to standard output, which Lambda keeps.
pub(crate) fn init(settings: LogSettings) {
    subscriber(settings, std::io::stdout).init();
}

/// What makes lines of the log and writes them to `writer`. The libraries below speak from warnings on.
pub fn subscriber<W>(settings: LogSettings, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let others = settings.level.min(Level::WARN);
    let own = ["sluice_core", "sluice_aws", "sluice_clients", "sluice_lambda"];
    let targets = Targets::new()
        .with_default(LevelFilter::from_level(others))
        .with_targets(own.map(|target| (target, LevelFilter::from_level(settings.level))));
    let lines = tracing_subscriber::fmt::layer().with_target(false).with_ansi(false).with_writer(writer);
    let lines = match settings.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    tracing_subscriber::registry().with(targets).with(lines)
}
