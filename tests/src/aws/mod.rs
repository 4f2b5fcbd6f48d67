//! The home on AWS: a stack that `cargo xtask e2e` has deployed, driven from outside, through its HTTP API and the services' own.

mod interface;
mod queue;
mod service;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
    time::Duration,
};

use serde_json::{Value, json};
use sluice_core::provider;

use self::service::Service;
pub use self::{
    interface::Interface,
    queue::{Queue, Waiting},
};
use crate::{Channel, Client, Home, Sent, TextServer, wait::until_or};

/// The secret that Stripe's events without a source are signed with.
const SECRET: &str = "whsec_of_the_stack";
/// What the stack texts with, and Twilio signs with.
const TWILIO_TOKEN: &str = "a token";
/// The other providers, and what the template's outputs call them.
const OTHERS: [(&str, &str); 5] =
    [("github", "GitHub"), ("shopify", "Shopify"), ("sendro", "Sendro"), ("standard", "Standard"), ("slack", "Slack")];
/// An event may have to wait for what a killed process had in hand, and for the emulator, which has two processors for everything.
const LIMIT: Duration = Duration::from_mins(4);

/// What `cargo xtask e2e` has deployed, by what it tells in the file that `SLUICE_TEST_STACKS` names.
static FACTS: LazyLock<Value> = LazyLock::new(|| {
    #[expect(clippy::disallowed_methods, reason = "the tests' own setting, not one of the gateway")]
    let list = std::env::var("SLUICE_TEST_STACKS").expect("these tests want deployed stacks: run them with `cargo xtask e2e`");
    let text = std::fs::read_to_string(&list).unwrap_or_else(|error| panic!("{list}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{list}: {error}"))
});

/// The Twilio that all stacks send their texts to.
static TEXTS: LazyLock<TextServer> = LazyLock::new(|| TextServer::start_at(FACTS["texts"].as_str().expect("an address")));

/// A deployed stack, shared by the tests that run at the same time.
///
/// When the last of them ends, the world must be clean: nothing is left in its queue or among the dead letters.
pub struct Stack {
    name: String,
    outputs: Value,
    service: Service,
    client: Client,
    queue: Queue,
    dead_letters: Queue,
    public_url: String,
    /// The queue of deliveries, and what ended whoever delivers.
    outbound: [Queue; 2],
}

impl Stack {
    /// The stack of that name.
    ///
    /// # Panics
    /// If it is not deployed.
    #[must_use]
    pub fn shared(name: &str) -> Arc<Self> {
        static RUNNING: Mutex<BTreeMap<String, Weak<Stack>>> = Mutex::new(BTreeMap::new());
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stack) = running.get(name).and_then(Weak::upgrade) {
            return stack;
        }
        let stack = Arc::new(Self::open(name));
        running.insert(name.to_owned(), Arc::downgrade(&stack));
        stack
    }

    fn open(name: &str) -> Self {
        LazyLock::force(&TEXTS);
        let outputs = FACTS["stacks"][name].clone();
        let output = |name: &str| outputs[name].as_str().unwrap_or_else(|| panic!("the stack has no output {name}")).to_owned();
        let service = Service::at(FACTS["endpoint"].as_str().expect("an address"));
        // As after a first deploy: the sender's address is confirmed by who gets a mail from SES, and the secrets are put in.
        service.verify_sender("bookings@example.com");
        service.put_secret(id(&output("TwilioSecretCommand")), TWILIO_TOKEN);
        for (provider, called) in OTHERS {
            service.put_secret(id(&output(&format!("{called}SecretCommand"))), dev_secret(provider));
        }
        let stack = Self {
            client: service.api(&output("ApiUrl"), &service.secret(id(&output("ApiKeyCommand")))),
            queue: Queue::at(&service, &output("InboundQueueUrl")),
            dead_letters: Queue::at(&service, &output("InboundDeadLettersUrl")),
            public_url: service.environment(&format!("{name}-TwilioFunction"))["SLUICE_PUBLIC_URL"].clone(),
            outbound: ["OutboundQueueUrl", "OutboundDeadLettersUrl"].map(|name| Queue::at(&service, &output(name))),
            name: name.to_owned(),
            outputs,
            service,
        };
        stack.put_secret(SECRET, "whsec_of_acme");
        stack
    }

    /// Puts the signing secrets in, as an operator does: those of the default source, and those of the source `acme`.
    pub fn put_secret(&self, default: &str, acme: &str) {
        let command = self.outputs["StripeSecretCommand"].as_str().expect("an output");
        self.service.put_secret(id(command), &json!({ "default": default, "acme": acme }).to_string());
    }

    /// The Twilio that texts go to.
    #[must_use]
    pub fn texts(&self) -> &'static TextServer {
        &TEXTS
    }

    /// The queue `inbound`.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The queue of what ended the consumer every time.
    #[must_use]
    pub fn dead_letters(&self) -> &Queue {
        &self.dead_letters
    }

    /// One of the functions (`Stripe`, `Consumer`, …) under AWS's runtime interface emulator, with the environment that it was deployed with.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn under_interface_emulator(&self, function: &str) -> Interface {
        let fact = |name: &str| Path::new(FACTS[name].as_str().expect("a path"));
        let given = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", self.service.endpoint()),
            ("AWS_LAMBDA_FUNCTION_NAME", function),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_TIMEOUT", "60"),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let deployed = self.service.environment(&format!("{}-{function}Function", self.name));
        let bootstrap = fact("functions").join(function.to_lowercase()).join("bootstrap");
        Interface::start(fact("interface_emulator"), &bootstrap, deployed.into_iter().chain(given))
    }
}

fn dev_secret(provider: &str) -> &'static str {
    provider::by_name(provider).expect("a provider").dev_secret()
}

/// The id of a secret in a command of the outputs.
fn id(command: &str) -> &str {
    let words = command.split(' ');
    words.skip_while(|word| *word != "--secret-id").nth(1).expect("the command names a secret")
}

impl Home for Stack {
    fn client(&self) -> Client {
        self.client.clone()
    }

    fn secret(&self) -> &str {
        SECRET
    }

    fn secret_of(&self, provider: &str) -> String {
        let secret = match provider {
            "stripe" => SECRET,
            "twilio" => TWILIO_TOKEN,
            other => dev_secret(other),
        };
        secret.to_owned()
    }

    fn public_url(&self) -> String {
        self.public_url.clone()
    }

    /// What SES captured and Twilio took. Neither tells of which event it was.
    fn sent(&self) -> Vec<Sent> {
        let mails = self.service.mails();
        let text = |mail: &Value, field: &str| mail[field].as_str().unwrap_or_default().to_owned();
        let mails = mails.iter().map(|mail| Sent {
            channel: Channel::Mail,
            to: mail["To"][0].as_str().unwrap_or_default().to_owned(),
            subject: text(mail, "Subject"),
            text: text(mail, "BodyText"),
            event: None,
        });
        TEXTS.taken().into_iter().chain(mails).collect()
    }

    fn limit(&self) -> Duration {
        LIMIT
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let mut left = <[Waiting; 4]>::default();
        let clean = until_or("all to be quiet", LIMIT, || {
            left = [&self.queue, &self.dead_letters, &self.outbound[0], &self.outbound[1]].map(Queue::waiting);
            (left == <[Waiting; 4]>::default()).then_some(())
        });
        if let Err(in_vain) = clean {
            panic!("{in_vain}; what is left in the queues, each with its dead letters: {left:?}");
        }
    }
}
