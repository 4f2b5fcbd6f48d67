//! A deployed stack.

use std::{path::Path, process::Command};

use serde_json::Value;

use super::{built::Variant, running::Emulator};
use crate::{
    steps::{Steps, cannot_run},
    template::{REGION, Tools},
};

/// Where `sam` puts the functions for CloudFormation to find.
const BUCKET: &str = "functions";

/// The parameters of every stack.
const PARAMETERS: [&str; 8] = [
    "AlertEmail=alerts@example.com",
    "MailFrom=bookings@example.com",
    "MailFromName=Bookings",
    "BusinessName=Harbour-Boats",
    "SupportEmail=support@example.com",
    "SmsFrom=+15005550001",
    "TwilioAccountSid=AC0123456789abcdef0123456789abcdef",
    "StripeTestMode=on",
];

/// A stack on the emulator.
pub(crate) struct Stack<'a> {
    name: &'static str,
    tools: &'a Tools,
    emulator: &'a Emulator,
}

impl<'a> Stack<'a> {
    /// Deploys a template as `sam deploy` deploys it to an account.
    pub(crate) fn deploy(
        steps: &mut Steps,
        tools: &'a Tools,
        emulator: &'a Emulator,
        variant: &Variant,
        template: &Path,
    ) -> Result<Self, String> {
        let stack = Self { name: variant.name, tools, emulator };
        emulator.make_bucket(BUCKET)?;
        let mut deploy = stack.sam("deploy");
        deploy.arg("--template-file").arg(template).args([
            "--s3-bucket",
            BUCKET,
            "--no-confirm-changeset",
            "--capabilities",
            "CAPABILITY_IAM",
        ]);
        deploy.arg("--parameter-overrides").args(PARAMETERS).args(variant.parameters);
        steps.run_quietly("deploying a stack", &mut deploy)?;
        Ok(stack)
    }

    /// The outputs of the template, by their names.
    pub(crate) fn outputs(&self) -> Result<Value, String> {
        let mut list = self.tools.command("sam");
        list.args(["list", "stack-outputs", "--output", "json", "--stack-name", self.name, "--region", REGION]);
        list.env("AWS_ENDPOINT_URL", self.emulator.url());
        let output = list.output().map_err(|error| cannot_run(&list, &error))?;
        let outputs: Vec<Value> = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("the outputs can't be read: {error}: {}", String::from_utf8_lossy(&output.stderr)))?;
        let pair = |output: &Value| Some((output["OutputKey"].as_str()?.to_owned(), output["OutputValue"].clone()));
        Ok(Value::Object(outputs.iter().filter_map(pair).collect()))
    }

    /// Removes it.
    pub(crate) fn delete(self, steps: &mut Steps) -> Result<(), String> {
        steps.run_quietly("removing a stack", self.sam("delete").arg("--no-prompts"))
    }

    fn sam(&self, verb: &str) -> Command {
        let mut command = self.tools.command("sam");
        command.args([verb, "--stack-name", self.name, "--region", REGION]).env("AWS_ENDPOINT_URL", self.emulator.url());
        command
    }
}
