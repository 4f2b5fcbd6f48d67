use serde_json::{Value, json};

use super::service::Service;

/// A queue of a stack.
pub struct Queue {
    service: Service,
    url: String,
}

/// How many messages a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Those that can be received.
    pub visible: u64,
    /// Those that somebody has in hand, or that were put off.
    pub hidden: u64,
    /// Those that were sent with a delay.
    pub delayed: u64,
}

impl Waiting {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.visible + self.hidden + self.delayed
    }
}

impl Queue {
    pub(super) fn at(service: &Service, url: &str) -> Self {
        Self { service: service.clone(), url: url.to_owned() }
    }

    /// How many messages it holds. SQS knows it roughly, the emulator exactly.
    ///
    /// # Panics
    /// If it does not tell.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        let answer = self.call("GetQueueAttributes", json!({ "AttributeNames": ["All"] }));
        let count = |name: &str| {
            let name = format!("ApproximateNumberOfMessages{name}");
            answer["Attributes"][&name]
                .as_str()
                .and_then(|count| count.parse().ok())
                .unwrap_or_else(|| panic!("{name} is missing: {answer}"))
        };
        Waiting { visible: count(""), hidden: count("NotVisible"), delayed: count("Delayed") }
    }

    fn call(&self, operation: &str, mut request: Value) -> Value {
        request["QueueUrl"] = json!(self.url);
        self.service.call("sqs", &format!("AmazonSQS.{operation}"), &request)
    }
}
