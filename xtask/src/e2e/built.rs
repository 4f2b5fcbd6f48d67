//! The template as it is deployed for the tests: `template.yaml` itself, but for some lines and the alarms on expressions.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{functions::names, steps::root};

/// A stack.
pub(crate) struct Variant {
    /// Its name.
    pub(crate) name: &'static str,
    /// Lines of the template, and what stands in their place: times that a test would wait for in vain.
    pub(crate) changed: &'static [(&'static str, &'static str)],
    /// Parameters besides those that every stack is given.
    pub(crate) parameters: &'static [&'static str],
}

/// The template as it stands, and the same with less patience.
pub(crate) const VARIANTS: &[Variant] = &[
    Variant { name: "sluice", changed: &[], parameters: &[] },
    Variant {
        name: "sluice-brisk",
        changed: &[
            // Less than it takes to commit and to call outside once would put every text off.
            ("      Timeout: 60\n", "      Timeout: 28\n"),
            // A killed consumer's lease ends 31 s after the invocation began; messages come back after that.
            ("      VisibilityTimeout: 360\n", "      VisibilityTimeout: 36\n"),
            ("        maxReceiveCount: 20\n", "        maxReceiveCount: 4\n"),
            ("          SLUICE_MAX_RECEIVES: \"20\"\n", "          SLUICE_MAX_RECEIVES: \"4\"\n"),
        ],
        parameters: &["Hold=45s"],
    },
];

/// What every stack has besides: a second Stripe account, which is a tenant's, as docs/OPERATIONS.md says how, and a Twilio and receivers of webhooks on this
/// machine.
fn common(texts: &str) -> [(&'static str, String); 4] {
    let secret = "          STRIPE_WEBHOOK_SECRET: !GetAtt StripeSecret.Id\n";
    let two = "          STRIPE_WEBHOOK_SECRET: !Sub \"${StripeSecret.Id}#default\"\n          STRIPE_WEBHOOK_SECRET__ACME: !Sub \"${StripeSecret.Id}#acme\"\n";
    let twilio = "          TWILIO_ACCOUNT_SID: !If [SendsTexts, !Ref TwilioAccountSid, !Ref AWS::NoValue]\n";
    let retries = "          SLUICE_WEBHOOK_RETRIES: !Ref WebhookRetries\n";
    let every_function = "        SLUICE_LOG: !Ref LogLevel\n";
    [
        (every_function, format!("{every_function}        SLUICE_TENANT__ACME: acme\n")),
        (secret, two.to_owned()),
        (twilio, format!("{twilio}          SLUICE_TWILIO_URL: http://{texts}\n")),
        (retries, format!("{retries}          SLUICE_WEBHOOK_LOOPBACK: \"on\"\n")),
    ]
}

/// Writes the template of a stack whose functions lie where `code` says, as zips or as folders, and whose texts go to `texts` if it is tested.
pub(crate) fn write(variant: &Variant, code: impl Fn(&str) -> PathBuf, texts: Option<&str>, folder: &Path) -> Result<PathBuf, String> {
    let source = root().join("template.yaml");
    let mut template = fs::read_to_string(&source).map_err(|error| format!("{} can't be read: {error}", source.display()))?;
    for name in names()? {
        let head = format!("      BuildProperties: {{Binary: {name}}}\n    Properties:\n");
        let own = format!("{head}      CodeUri: {}\n", code(&name).display());
        template = replaced(&template, &head, &own)?;
    }
    for (line, other) in texts.iter().flat_map(|texts| common(texts)) {
        template = replaced(&template, line, &other)?;
    }
    for (line, other) in variant.changed {
        template = replaced(&template, line, other)?;
    }
    let template = without_metric_math(&template)?;
    let path = folder.join(format!("{}.yaml", variant.name));
    fs::write(&path, template).map_err(|error| format!("{} can't be written: {error}", path.display()))?;
    Ok(path)
}

/// The template with a plain metric in the place of each expression that an alarm is on: the emulator makes no alarm on an expression.
fn without_metric_math(template: &str) -> Result<String, String> {
    const FIRST_BEHIND: &str = "      EvaluationPeriods:";
    let mut parts = template.split("      Metrics:\n");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, rest) = part.split_once(FIRST_BEHIND).ok_or("template.yaml has an alarm without EvaluationPeriods behind its Metrics")?;
        plain.push_str("      Namespace: Sluice\n      MetricName: PutOff\n      Statistic: Sum\n      Period: 300\n");
        plain.push_str(FIRST_BEHIND);
        plain.push_str(rest);
    }
    Ok(plain)
}

/// The template with other lines in the place of these, which have to be there.
fn replaced(template: &str, lines: &str, other: &str) -> Result<String, String> {
    if template.contains(lines) { Ok(template.replace(lines, other)) } else { Err(format!("template.yaml has no lines\n{lines}any more")) }
}
