use super::{Mode, Reader};

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The least important level that is logged: `error`, `warn`, `info` or `debug`.
    pub level: tracing::Level,
    /// How.
    pub format: LogFormat,
}

impl LogSettings {
    /// Reads them.
    pub fn read(reader: &mut Reader<'_>, mode: Mode) -> Self {
        let otherwise = if mode == Mode::Dev { LogFormat::Text } else { LogFormat::Json };
        Self {
            level: reader.parsed("SLUICE_LOG", tracing::Level::INFO, "error, warn, info or debug"),
            format: reader.choice("SLUICE_LOG_FORMAT", &[("text", LogFormat::Text), ("json", LogFormat::Json)]).unwrap_or(otherwise),
        }
    }
}
