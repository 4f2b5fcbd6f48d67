//! The template as it is deployed for the tests: `template.yaml` itself, but for some lines.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{functions::names, steps::root};

/// A stack.
pub(super) struct Variant {
    /// Its name.
    pub(super) name: &'static str,
    /// Lines of the template, and what stands in their place: times that a test would wait for in vain.
    shorter: &'static [(&'static str, &'static str)],
    /// Parameters besides those that every stack is given.
    pub(super) parameters: &'static [&'static str],
}

/// The template as it stands, and the same with less patience.
pub(super) const VARIANTS: &[Variant] = &[
    Variant { name: "sluice", shorter: &[], parameters: &[] },
    Variant {
        name: "sluice-brisk",
        shorter: &[
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

/// What every stack has besides: a second Stripe account, as docs/OPERATIONS.md says how, and a Twilio on this machine.
fn common(texts: &str) -> [(&'static str, String); 2] {
    let secret = "          STRIPE_WEBHOOK_SECRET: !GetAtt StripeSecret.Id\n";
    let two = "          STRIPE_WEBHOOK_SECRET: !Sub \"${StripeSecret.Id}#default\"\n          STRIPE_WEBHOOK_SECRET__ACME: !Sub \"${StripeSecret.Id}#acme\"\n";
    let twilio = "          TWILIO_ACCOUNT_SID: !If [SendsTexts, !Ref TwilioAccountSid, !Ref AWS::NoValue]\n";
    [(secret, two.to_owned()), (twilio, format!("{twilio}          SLUICE_TWILIO_URL: http://{texts}\n"))]
}

/// Writes the template of a stack whose functions are in folders under `functions` and whose texts go to `texts`.
pub(super) fn write(variant: &Variant, functions: &Path, texts: &str, folder: &Path) -> Result<PathBuf, String> {
    let source = root().join("template.yaml");
    let mut template = fs::read_to_string(&source).map_err(|error| format!("{} can't be read: {error}", source.display()))?;
    for name in names()? {
        let head = format!("      BuildProperties: {{Binary: {name}}}\n    Properties:\n");
        let code = format!("{head}      CodeUri: {}\n", functions.join(&name).display());
        template = replaced(&template, &head, &code)?;
    }
    for (line, other) in &common(texts) {
        template = replaced(&template, line, other)?;
    }
    for (line, other) in variant.shorter {
        template = replaced(&template, line, other)?;
    }
    let path = folder.join(format!("{}.yaml", variant.name));
    fs::write(&path, template).map_err(|error| format!("{} can't be written: {error}", path.display()))?;
    Ok(path)
}

/// The template with other lines in the place of these, which have to be there.
fn replaced(template: &str, lines: &str, other: &str) -> Result<String, String> {
    if template.contains(lines) { Ok(template.replace(lines, other)) } else { Err(format!("template.yaml has no lines\n{lines}any more")) }
}
