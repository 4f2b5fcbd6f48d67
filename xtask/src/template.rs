//! Checks the SAM template, without an account.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{
    python::Packages,
    steps::{Steps, root},
};

/// What checks it. Few other packages agree with these on what they need. Two minutes on two cores, 525 MB.
const TOOLS: Packages<'static> =
    Packages { folder: "template", packages: &["aws-sam-cli", "cfn-lint", "checkov"], versions: "xtask/template-tools.txt" };

/// Runs the linters of the template. What they are not asked stands beside the resource, or in `.checkov.yaml` if it holds for all.
pub(crate) fn check() -> Result<String, String> {
    let mut steps = Steps::default();
    let tools = Tools::installed(&mut steps)?;
    steps.run("the template as SAM takes it", tools.command("sam").args(["validate", "--lint", "--template-file", "template.yaml"]))?;
    steps.run("the template as CloudFormation takes it", tools.command("cfn-lint").arg("template.yaml"))?;
    steps.run("the template's safety", tools.command("checkov").args(["--config-file", ".checkov.yaml"]))?;
    Ok(format!("\n{}\n\nthe template passes", steps.report()))
}

/// The programs that know the template.
pub(crate) struct Tools(PathBuf);

impl Tools {
    /// The tools, installed if they aren't there yet.
    pub(crate) fn installed(steps: &mut Steps) -> Result<Self, String> {
        TOOLS.installed(steps).map(Self)
    }

    /// AWS's runtime interface emulator, which `sam local invoke` brings along.
    pub(crate) fn interface_emulator(&self) -> Result<PathBuf, String> {
        let libraries = self.0.join("../lib");
        let entries = fs::read_dir(&libraries).map_err(|error| format!("{} can't be read: {error}", libraries.display()))?;
        let name = if cfg!(target_arch = "aarch64") { "aws-lambda-rie-arm64" } else { "aws-lambda-rie-x86_64" };
        let mut candidates = entries.filter_map(Result::ok).map(|python| python.path().join("site-packages/samcli/local/rapid").join(name));
        candidates.find(|path| path.exists()).ok_or_else(|| format!("there is no {name} in {}", libraries.display()))
    }

    /// One of them, in the workspace's folder. It asks and tells nobody anything: the credentials are none, and the region only has to be one.
    pub(crate) fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(self.0.join(tool));
        command.current_dir(root()).stdin(Stdio::null());
        command.env("SAM_CLI_TELEMETRY", "0").env("AWS_DEFAULT_REGION", REGION);
        command.env("AWS_ACCESS_KEY_ID", "none").env("AWS_SECRET_ACCESS_KEY", "none").env_remove("AWS_PROFILE");
        command
    }
}

/// Where it would be deployed.
pub(crate) const REGION: &str = "us-east-1";

/// What each function may do: no more than it needs, and nothing that nobody has thought about.
#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::functions;

    const TEMPLATE: &str = include_str!("../../template.yaml");
    /// Where the documents of each kind lie.
    const KINDS: &str = include_str!("../../shared/core/src/space/belongs.rs");

    /// The resource of that name and type, as it is written.
    fn resources(kind: &str) -> BTreeMap<&'static str, &'static str> {
        let head = format!(":\n    Type: {kind}\n");
        let mut found = BTreeMap::new();
        for (position, _) in TEMPLATE.match_indices(&head) {
            let name = TEMPLATE[..position].rsplit('\n').next().unwrap_or_default().trim();
            let rest = &TEMPLATE[position + head.len()..];
            found.insert(name, rest.split("\n\n").next().unwrap_or_default());
        }
        found
    }

    /// What a role allows: the actions and the resources of each statement.
    fn allowed(role: &str) -> Vec<(String, String)> {
        let code = |line: &'static str| line.split(" # ").next().unwrap_or_default().trim();
        let lines = resources("AWS::IAM::Role").remove(role).unwrap_or_else(|| panic!("there is no {role}")).lines();
        let text: Vec<&str> = lines.map(code).filter(|line| !line.starts_with('#')).collect();
        let text = text.join(" ");
        let (_, policies) = text.split_once("Policies:").expect("policies of its own");
        let statement = |statement: &str| {
            let (_, rest) = statement.split_once("Action:").expect("an action");
            let (actions, rest) = rest.split_once("Resource:").expect("a resource");
            let is_part = |character: char| character.is_ascii_alphanumeric() || ":-*".contains(character);
            let actions: Vec<&str> = actions.split(|character| !is_part(character)).filter(|word| word.contains(':')).collect();
            let resource = rest.split("Condition:").next().unwrap_or_default().trim();
            // Either a list, or one, behind which the next statement begins.
            let resource = if resource.starts_with('-') { resource } else { resource.split(" - ").next().unwrap_or_default() };
            (actions.join(" "), resource.trim_end_matches(['}', '{', '-', ' ']).to_owned())
        };
        policies.split("Effect: Allow").skip(1).map(statement).collect()
    }

    fn logs(function: &str) -> (String, String) {
        ("logs:CreateLogStream logs:PutLogEvents".to_owned(), format!("!GetAtt {function}Log.Arn"))
    }

    fn pairs(statements: &[(&str, &str)]) -> Vec<(String, String)> {
        statements.iter().map(|(actions, resource)| ((*actions).to_owned(), (*resource).to_owned())).collect()
    }

    #[test]
    fn an_ingest_function_sends_to_one_queue_and_reads_one_secret() {
        for name in ["Stripe", "Twilio", "GitHub", "Shopify", "Sendro", "Standard", "Slack"] {
            let secret = format!("!GetAtt {name}Secret.Id");
            let mut expected = pairs(&[("sqs:SendMessage", "!GetAtt InboundQueue.Arn"), ("secretsmanager:GetSecretValue", &secret)]);
            expected.push(logs(name));
            assert_eq!(allowed(&format!("{name}Role")), expected);
        }
    }

    #[test]
    fn the_others_do_what_their_rooms_do() {
        const LOG: &str = "logs:CreateLogStream logs:PutLogEvents";
        const POLLED: &str = "sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes sqs:ChangeMessageVisibility";
        const CHANGES: &str = "dynamodb:GetItem dynamodb:BatchGetItem dynamodb:PutItem dynamodb:ConditionCheckItem";
        const TABLE: &str = "!GetAtt Table.Arn";
        const SECRET: &str = "secretsmanager:GetSecretValue";
        // Whoever changes records tells of it on one queue, and fans out on the other.
        const BOTH_QUEUES: &str = "[!GetAtt InboundQueue.Arn, !GetAtt OutboundQueue.Arn]";
        let mails = "- !Sub arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/* \
                     - !Sub arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:configuration-set/${MailConfiguration";
        assert_eq!(
            allowed("ConsumerRole"),
            pairs(&[
                (POLLED, "!GetAtt InboundQueue.Arn"),
                ("sqs:SendMessage", BOTH_QUEUES),
                (CHANGES, TABLE),
                (
                    "dynamodb:Query",
                    "[!Sub \"${Table.Arn}/index/list\", !Sub \"${Table.Arn}/index/flag\", !Sub \"${Table.Arn}/index/group\"]"
                ),
                ("dynamodb:DeleteItem", TABLE),
                ("ses:SendEmail", mails),
                (SECRET, "!GetAtt TwilioSecret.Id"),
                (SECRET, "!GetAtt StripeKeySecret.Id"),
                (LOG, "!GetAtt ConsumerLog.Arn"),
            ])
        );
        assert_eq!(
            allowed("DeliverRole"),
            pairs(&[
                (POLLED, "!GetAtt OutboundQueue.Arn"),
                ("sqs:SendMessage", BOTH_QUEUES),
                (CHANGES, TABLE),
                ("dynamodb:DeleteItem", TABLE),
                (SECRET, "!GetAtt MasterKeySecret.Id"),
                (LOG, "!GetAtt DeliverLog.Arn"),
            ])
        );
        assert_eq!(
            allowed("SweeperRole"),
            pairs(&[
                ("dynamodb:Query", "!Sub \"${Table.Arn}/index/due\""),
                ("dynamodb:GetItem dynamodb:BatchGetItem dynamodb:UpdateItem", TABLE),
                ("sqs:SendMessage", BOTH_QUEUES),
                (LOG, "!GetAtt SweeperLog.Arn"),
            ])
        );
        let lists = ["list", "flag", "group", "group2", "group3"].map(|index| format!("- !Sub \"${{Table.Arn}}/index/{index}\"")).join(" ");
        assert_eq!(
            allowed("ApiRole"),
            pairs(&[
                (CHANGES, TABLE),
                ("dynamodb:DeleteItem", TABLE),
                ("dynamodb:Query", &lists),
                ("sqs:SendMessage", BOTH_QUEUES),
                (
                    "sqs:GetQueueAttributes sqs:ReceiveMessage sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:StartMessageMoveTask \
                     sqs:ListMessageMoveTasks",
                    "[!GetAtt InboundDeadLetters.Arn, !GetAtt OutboundDeadLetters.Arn]"
                ),
                (SECRET, "[!GetAtt ApiKeySecret.Id, !GetAtt MasterKeySecret.Id]"),
                (LOG, "!GetAtt ApiLog.Arn"),
            ])
        );
    }

    /// The keys of what a role may delete.
    fn deletable(role: &str) -> Vec<&'static str> {
        let text = resources("AWS::IAM::Role").remove(role).unwrap_or_else(|| panic!("there is no {role}"));
        let (_, keys) = text.split_once("\"dynamodb:LeadingKeys\": ").expect("a condition on keys");
        assert!(
            !keys.contains("LeadingKeys") && text.matches("dynamodb:DeleteItem").count() == 1,
            "one condition, on the one right to delete"
        );
        let keys = keys.split('}').next().unwrap_or_default();
        keys.trim_matches(['[', ']']).split(", ").map(|key| key.trim_matches('"')).collect()
    }

    #[test]
    fn what_may_be_deleted_is_named_in_the_spaces_of_tenants_as_well() {
        for (role, keys) in [
            ("ConsumerRole", &["alarm/*", "alarm~*", "piece/*"][..]),
            ("DeliverRole", &["webhook_entry/*"]),
            ("ApiRole", &["api_key/*", "webhook/*", "webhook_entry/*", "webhook_endpoint/*"]),
        ] {
            assert_eq!(deletable(role), keys, "{role}");
            for kind in keys.iter().filter_map(|key| key.strip_suffix("/*")) {
                let in_spaces = KINDS.contains(&format!("(\"{kind}\", ToASpace)"));
                assert!(in_spaces || KINDS.contains(&format!("(\"{kind}\", ToTheGateway)")), "{kind} is a kind");
                let marked = keys.contains(&format!("{kind}~*").as_str());
                assert_eq!(marked, in_spaces, "{role}: {kind} lies under {kind}~TENANT/ in a tenant's space");
            }
        }
    }

    /// Secrets Manager generates nothing where characters that are left out leave a class empty that is asked for, as each is by default.
    #[test]
    fn every_secret_can_be_generated() {
        let secrets = resources("AWS::SecretsManager::Secret");
        assert!(secrets.len() > 8, "{}", secrets.len());
        for (secret, text) in secrets {
            let (_, generated) = text.split_once("GenerateSecretString: {").unwrap_or_else(|| panic!("{secret} is generated"));
            assert!(generated.contains("ExcludePunctuation: true"), "{secret}: {generated}");
            let left_out =
                generated.split_once("ExcludeCharacters: \"").map_or("", |(_, characters)| characters.trim_end_matches(['"', '}', '\n']));
            assert!(!left_out.contains(char::is_alphanumeric), "{secret}: {generated}");
        }
    }

    /// A delivery that is tried again comes over the queue that starts its function, which Lambda takes for a loop after sixteen times and stops.
    #[test]
    fn functions_that_feed_their_own_queue_may() {
        let functions = resources("AWS::Serverless::Function");
        for function in ["ConsumerFunction", "DeliverFunction"] {
            assert!(functions[function].contains("RecursiveLoop: Allow\n"), "{function}");
        }
    }

    /// API Gateway makes no stage whose log does not name requests as it does itself.
    #[test]
    fn the_access_log_has_the_name_of_each_request() {
        let stage = resources("AWS::ApiGatewayV2::Stage").remove("HttpStage").expect("a stage");
        let (_, format) = stage.split_once("Format: >-\n").expect("an access log");
        let line = format.lines().next().unwrap_or_default().trim();
        let fields: BTreeMap<String, String> = serde_json::from_str(line).expect("an object of texts");
        assert_eq!(fields["id"], "$context.requestId");
        assert_eq!(fields["request"], "$context.integration.requestId");
    }

    /// API Gateway makes no stage with settings of a route that is not there yet.
    #[test]
    fn the_health_check_has_a_throttle_of_its_own() {
        let stage = resources("AWS::ApiGatewayV2::Stage").remove("HttpStage").expect("a stage");
        let (_, own) = stage.split_once(" RouteSettings:\n").expect("settings of routes");
        let (key, throttle) = own.lines().next().and_then(|line| line.trim().split_once(": {")).expect("a route's");
        assert!(throttle.contains("ThrottlingRateLimit: ") && throttle.contains("ThrottlingBurstLimit: "), "{throttle}");
        let route = resources("AWS::ApiGatewayV2::Route").remove("HealthRoute").expect("a route");
        assert!(
            key.ends_with(" /healthz") && route.lines().next().is_some_and(|line| line.contains(&format!("RouteKey: {key},"))),
            "{key}"
        );
        assert!(stage.contains("DependsOn: HealthRoute\n"));
    }

    #[test]
    fn every_function_has_a_role_of_its_own_and_nothing_beside_it() {
        let functions = resources("AWS::Serverless::Function");
        assert_eq!(functions.len(), functions::names().expect("the folder is there").len());
        let roles = resources("AWS::IAM::Role");
        assert_eq!(roles.len(), functions.len());
        for (function, text) in functions {
            let own = function.replace("Function", "Role");
            assert!(roles.contains_key(own.as_str()), "{function}");
            assert!(text.contains(&format!("Role: !GetAtt {own}.Arn")), "{function}");
            assert!(!text.contains("Policies:"), "{function}");
        }
        for (role, text) in roles {
            assert_eq!(text.matches("Policies:").count(), 1, "{role}");
            let wide = allowed(role)
                .into_iter()
                .find(|(actions, resource)| actions.contains('*') || resource.starts_with('*') || resource.is_empty());
            assert_eq!(wide, None, "{role}");
        }
        assert!(!TEMPLATE.contains("ManagedPolicyArns"));
    }
}
