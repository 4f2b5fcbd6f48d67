//! Where the functions of a deployment find each other. The deployment sets these, nobody by hand.

use super::Reader;

/// The queues of a deployment, as far as a function uses them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// The URL of the queue `inbound`.
    pub inbound: String,
    /// The URL of the queue `outbound`.
    pub outbound: Option<String>,
    /// The URL of the dead-letter queue behind `inbound`.
    pub inbound_dead_letters: Option<String>,
    /// The URL of the dead-letter queue behind `outbound`.
    pub outbound_dead_letters: Option<String>,
}

impl QueueSettings {
    /// Reads them. Only `inbound` is required: a function that is not given a queue says so when it is to use it.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let url = |reader: &mut Reader<'_>, setting: &str| {
            reader.read(setting, |url| {
                let fits = url.starts_with("https://") || url.starts_with("http://");
                if fits { Ok(url.to_owned()) } else { Err("must be the URL of a queue; the template sets it".to_owned()) }
            })
        };
        let inbound = url(reader, "SLUICE_INBOUND_QUEUE_URL");
        if reader.text("SLUICE_INBOUND_QUEUE_URL").is_none() {
            reader.problem("SLUICE_INBOUND_QUEUE_URL", "is missing: set it to the URL of the queue; the template does");
        }
        Self {
            inbound: inbound.unwrap_or_default(),
            outbound: url(reader, "SLUICE_OUTBOUND_QUEUE_URL"),
            inbound_dead_letters: url(reader, "SLUICE_INBOUND_DLQ_URL"),
            outbound_dead_letters: url(reader, "SLUICE_OUTBOUND_DLQ_URL"),
        }
    }
}

/// Reads the name of the table that holds the records.
pub fn read_table(reader: &mut Reader<'_>) -> String {
    reader.required_if(true, "SLUICE_TABLE", "", "the name of the table; the template does")
}

/// Reads after how many receives the queue gives a message up to the dead letters: what its redrive policy says.
pub fn read_max_receives(reader: &mut Reader<'_>) -> u32 {
    let receives = reader.parsed("SLUICE_MAX_RECEIVES", 20, "a number, the same as in the queue's redrive policy");
    if receives == 0 {
        reader.problem("SLUICE_MAX_RECEIVES", "must be 1 or more, the same as in the queue's redrive policy");
    }
    receives
}
