use std::collections::BTreeMap;

use super::*;
use crate::provider;

fn environment(settings: &[(&str, &str)]) -> BTreeMap<String, String> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const PRODUCTION: &[(&str, &str)] = &[
    ("STRIPE_WEBHOOK_SECRET", "whsec_new, whsec_old"),
    ("STRIPE_WEBHOOK_SECRET__ACME", "whsec_acme"),
    ("SLUICE_API_KEY", "0123456789abcdef01234567"),
    ("SLUICE_SMTP_URL", "smtps://user:password@mail.example.com:465"),
    ("SLUICE_MAIL_FROM", "Bookings <bookings@example.com>"),
    ("SLUICE_SUPPORT_EMAIL", "support@example.com"),
    ("SLUICE_BUSINESS_NAME", "Harbour Boats"),
];

fn problems(settings: &[(&str, &str)]) -> Vec<String> {
    let read = Settings::read(Mode::Serve, &environment(settings));
    read.expect_err("must be refused").iter().map(ToString::to_string).collect()
}

#[test]
fn dev_needs_nothing() {
    let settings = Settings::read(Mode::Dev, &BTreeMap::new()).expect("has defaults");
    assert!(matches!(settings.outgoing.mail, MailSettings::Captured));
    assert!(matches!(settings.outgoing.sms, SmsSettings::Captured));
    assert!(settings.rules.stripe_test_mode);
    assert_eq!(settings.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(settings.ingest.public_url.reveal(), "http://localhost:3000");
    assert_eq!(settings.ingest.secrets.sources("stripe").collect::<Vec<_>>(), ["default"]);
}

#[test]
fn production_reads_all() {
    let settings = Settings::read(Mode::Serve, &environment(PRODUCTION)).expect("is complete");
    assert!(matches!(settings.outgoing.sms, SmsSettings::Off));
    assert!(!settings.rules.stripe_test_mode);
    assert_eq!(settings.outgoing.people.alert_email, "support@example.com");
    assert_eq!(settings.ingest.secrets.sources("stripe").collect::<Vec<_>>(), ["acme", "default"]);
}

#[test]
fn all_that_is_missing_or_contradictory_is_named_at_once() {
    let wrong = [
        ("SLUICE_MAIL", "off"),
        ("SLUICE_SMTP_URL", "smtps://mail.example.com"),
        ("SLUICE_SMS_FROM", "MG123"),
        ("SLUICE_HOLD", "2 hours"),
        ("SLUICE_ALERT_EMAIL", "Ops <ops@example.com>"),
        ("GITHUB_WEBHOOK_SECRET", ","),
        ("SHOPIFY_WEBHOOK_SECRET", "\"quoted\""),
        ("SENDRO_WEBHOOK_SECRET", "one"),
        ("SENDRO_WEBHOOK_SECRET__DEFAULT", "another"),
        ("STRIPE_WEBHOOK_SECRET__ACME", "sk_live_x"),
        ("SLUICE_TWILIO_VOICE_SOUND", "hello.mp3"),
        ("SLUICE_LISTEN", "3000"),
        ("SLUICE_PAY_URL", "http://example.com/pay"),
        ("SLUICE_API_KEY", "short"),
        ("SLUICE_SUPORT_EMAIL", "support@example.com"),
        ("SLUICE_STRIPE_TEST_MODE", "yes"),
        ("STRIPE_WEBHOOK_SECRET", DEV_SECRET),
        ("STRIPE_WEBHOOK_SECRET__ÄÖ", "whsec_x"),
        ("SLUICE_PUBLIC_URL", "https://example.com/hooks"),
        ("SLUICE_MAX_BODY", "0"),
        ("SLUICE_LOG_FORMAT", "xml"),
    ];
    insta::assert_snapshot!(problems(&wrong).join("\n"));
}

#[test]
fn what_contradicts_itself_or_can_be_nothing_is_refused() {
    let with = |more: &[(&str, &str)]| problems(&[PRODUCTION, more].concat());
    for (name, first) in
        [("STRIPE_WEBHOOK_SECRET__acme", "STRIPE_WEBHOOK_SECRET__ACME"), ("STRIPE_WEBHOOK_SECRET__Default", "STRIPE_WEBHOOK_SECRET")]
    {
        assert_eq!(with(&[(name, "whsec_another")]), [format!("{name}: is the same as {first}; leave out one of them")]);
    }
    let keys = with(&[("STRIPE_SECRET_KEY__A", "rk_live_x"), ("STRIPE_SECRET_KEY__a", "sk_live_y")]);
    assert_eq!(keys, ["STRIPE_SECRET_KEY__a: is the same as STRIPE_SECRET_KEY__A; leave out one of them"]);
    for wrong in ["hello", "rk_live_x,hello", "xrk_live_x"] {
        let key = with(&[("STRIPE_SECRET_KEY", wrong)]);
        assert!(key.len() == 1 && key[0].starts_with("STRIPE_SECRET_KEY: is no API key of Stripe's"), "{key:?}");
    }
    let name = with(&[("SLUICE_BUSINESS_NAME", "Harbour\nBoats")]);
    assert_eq!(name, ["SLUICE_BUSINESS_NAME: must be one line: it stands in subjects and texts"]);
    let account = ("TWILIO_ACCOUNT_SID", "AC0123456789abcdef0123456789abcdef");
    let token = ("TWILIO_AUTH_TOKEN", "0123456789abcdef0123456789abcdef");
    for half in [&[account][..], &[account, token]] {
        let texts = with(half);
        assert!(texts.len() == 1 && texts[0].starts_with("SLUICE_SMS_FROM: is missing"), "{texts:?}");
        Settings::read(Mode::Dev, &environment(half)).expect("a developer may have it for other tools");
    }
    Settings::read(Mode::Serve, &environment(&[PRODUCTION, &[token]].concat())).expect("the token alone is for webhooks");
    let placeholder = [("STRIPE_SECRET_KEY", "put-the-key-here")];
    read_on_lambda(&placeholder, |reader| StripeApiSettings::read(reader, Mode::Lambda)).expect("Stripe refuses it, and says so");
}

#[test]
fn what_looks_like_a_setting_is_doubted_and_what_is_another_program_s_is_not() {
    let slips = ["GITHUB_WEBHOOKS_SECRET", "STRIPE_SECRETS", "STRIPE_WEBHOOK_SECRETS", "STRIPE_WEBHOOK_SECRET_ACME", "TWILIO_AUTH_TOKENS"];
    let others = [
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "TZ",
        "PATH",
        "STRIPE_API_KEY",
        "GITHUB_TOKEN",
        "GITHUB_ACTIONS",
        "TWILIO_API_KEY",
        "SLACK_BOT_TOKEN",
        "SHOPIFY_API_KEY",
    ];
    let mut given = PRODUCTION.to_vec();
    given.extend(slips.into_iter().chain(others).map(|name| (name, "x")));
    given.push(("STRIPE_WEBHOOK_SECRET_EMPTY", " "));
    let unread = Settings::read(Mode::Serve, &environment(&given)).expect("they are nobody's business").unread;
    let named: Vec<_> = unread.iter().filter_map(|unread| unread.split(':').next()).collect();
    assert_eq!(named, slips);
    assert!(unread[3].ends_with("is STRIPE_WEBHOOK_SECRET[__SOURCE] meant?"), "{unread:?}");
}

#[test]
fn what_does_nothing_is_said_to() {
    let idle = |mode, settings: &[(&str, &str)]| Settings::read(mode, &environment(settings)).expect("nothing is wrong").unread;
    let off = [("SLUICE_MAIL", "off"), ("SLUICE_MAIL_FROM", "nobody"), ("SLUICE_TABLE", "sluice"), ("SLUICE_MAX_RECEIVES", "many")];
    insta::assert_snapshot!(idle(Mode::Serve, &off).join("\n"), @r"
    SLUICE_TABLE: does nothing: only functions on Lambda read it
    SLUICE_MAX_RECEIVES: does nothing: only functions on Lambda read it
    SLUICE_MAIL_FROM: does nothing: SLUICE_MAIL is off
    ");
    let captured = idle(Mode::Dev, &[("SLUICE_MAIL_REPLY_TO", "help@example.com")]);
    assert_eq!(captured, ["SLUICE_MAIL_REPLY_TO: does nothing: mails are captured, because SLUICE_SMTP_URL is not set"]);
    assert_eq!(idle(Mode::Serve, PRODUCTION), Vec::<String>::new());
    read_on_lambda(&off[..3], |reader| {
        OutgoingSettings::read(reader, Mode::Lambda);
        assert_eq!(reader.doubts(), Vec::<String>::new(), "the deployment sets them together");
    })
    .expect("mail is off by name");
}

#[test]
fn a_production_start_without_mail_settings_is_refused() {
    let all = problems(&[]);
    let named: Vec<_> = all.iter().filter_map(|problem| problem.split(':').next()).collect();
    assert_eq!(named, ["SLUICE_BUSINESS_NAME", "SLUICE_MAIL_FROM", "SLUICE_SMTP_URL", "SLUICE_SUPPORT_EMAIL"]);
    assert!(all[2].contains("SLUICE_MAIL=off"), "{all:?}");
    Settings::read(Mode::Serve, &environment(&[("SLUICE_MAIL", "off")])).expect("mail is off by name");
}

fn read_on_lambda<S>(settings: &[(&str, &str)], read: impl FnOnce(&mut Reader<'_>) -> S) -> Result<S, Vec<String>> {
    let environment = environment(settings);
    let mut reader = Reader::new(&environment);
    reader.refuse_unknown();
    let read = read(&mut reader);
    reader.finish(read).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

const SES: &[(&str, &str)] = &[
    ("SLUICE_MAIL", "ses"),
    ("SLUICE_MAIL_FROM", "Bookings <bookings@example.com>"),
    ("SLUICE_SES_CONFIGURATION_SET", "sluice"),
    ("SLUICE_SUPPORT_EMAIL", "support@example.com"),
    ("SLUICE_BUSINESS_NAME", "Harbour Boats"),
    ("SLUICE_TABLE", "sluice"),
];

#[test]
fn on_lambda_mail_is_ses_or_off_by_name() {
    let outgoing = read_on_lambda(SES, |reader| OutgoingSettings::read(reader, Mode::Lambda)).expect("is complete");
    let MailSettings::Ses { from, configuration_set, .. } = &outgoing.mail else { panic!("{:?}", outgoing.mail) };
    assert_eq!((from.as_str(), configuration_set.as_deref()), ("Bookings <bookings@example.com>", Some("sluice")));
    assert_eq!(outgoing.channels(), ChannelSettings { mail: true, sms: false });

    let off = read_on_lambda(&[("SLUICE_MAIL", "off")], |reader| OutgoingSettings::read(reader, Mode::Lambda)).expect("is off by name");
    assert!(matches!(off.mail, MailSettings::Off));
    for wrong in [&[][..], &[("SLUICE_MAIL", "smtp")], &[("SLUICE_MAIL", "ses")]] {
        let problems = read_on_lambda(wrong, |reader| OutgoingSettings::read(reader, Mode::Lambda)).unwrap_err();
        assert!(problems[0].starts_with("SLUICE_BUSINESS_NAME") && problems.len() >= 3, "{problems:?}");
    }
}

#[test]
fn the_token_of_another_account_sends_no_texts() {
    let texts = [("SLUICE_MAIL", "off"), ("SLUICE_SMS_FROM", "+15005550006"), ("TWILIO_ACCOUNT_SID", "AC1")];
    let read = |token| {
        let settings: Vec<_> = texts.into_iter().chain([("TWILIO_AUTH_TOKEN", token)]).collect();
        read_on_lambda(&settings, |reader| OutgoingSettings::read(reader, Mode::Lambda))
    };
    for fits in ["token", "AC1:token", "AC2:other,AC1:token"] {
        let SmsSettings::Twilio { auth_token, .. } = read(fits).expect("has its token").sms else { panic!("texts are on") };
        assert_eq!(auth_token.reveal(), "token", "{fits}");
    }
    for (other, problem) in [("", "is missing"), ("AC2:hidden", "has no token"), ("webhooks_sharedkey_x:hidden,a:hidden", "has no token")] {
        let problems = read(other).unwrap_err();
        assert!(problems.len() == 1 && problems[0].starts_with(&format!("TWILIO_AUTH_TOKEN: {problem}")), "{problems:?}");
        assert!(!problems[0].contains("hidden"), "{problems:?}");
    }
}

#[test]
fn a_function_reads_only_its_own_room() {
    let read = |settings: &[(&str, &str)]| {
        read_on_lambda(settings, |reader| (IngestSettings::read_of(reader, &[&provider::Stripe]), QueueSettings::read(reader)))
    };
    let queue = ("SLUICE_INBOUND_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/123456789012/inbound");
    let (ingest, queues) = read(&[("STRIPE_WEBHOOK_SECRET", "arn:aws:secretsmanager:us-east-1:1:secret:s"), queue]).expect("is complete");
    assert_eq!((ingest.public_url.reveal(), queues.outbound), ("", None));
    let problems = read(&[("SLUICE_INBOUND_QUEUE_URL", "inbound"), ("STRIPE_WEBHOOK_SECRET__ACME!", "whsec_x"), ("SLUICE_TABEL", "t")]);
    let problems = problems.unwrap_err();
    let named: Vec<_> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
    assert_eq!(named, ["SLUICE_INBOUND_QUEUE_URL", "SLUICE_TABEL", "STRIPE_WEBHOOK_SECRET__ACME!"]);
    assert_eq!(read(&[]).unwrap_err().len(), 2, "without a secret it would be of no use");
}

#[test]
fn whoever_only_decides_what_is_told_needs_no_secret_for_it() {
    let settings = [("SLUICE_MAIL", "ses"), ("SLUICE_SMS_FROM", "+15005550006")];
    assert_eq!(read_on_lambda(&settings, ChannelSettings::read), Ok(ChannelSettings { mail: true, sms: true }));
    assert_eq!(read_on_lambda(&[("SLUICE_MAIL", "off")], ChannelSettings::read), Ok(ChannelSettings { mail: false, sms: false }));
}

#[test]
fn keys_that_everybody_knows_or_can_guess_are_refused_on_lambda_too() {
    for key in [DEV_API_KEY, "short"] {
        assert!(read_on_lambda(&[("SLUICE_API_KEY", key)], |reader| read_api_keys(reader, Mode::Lambda)).is_err(), "{key}");
    }
}

#[test]
fn secrets_do_not_show() {
    let settings = Settings::read(Mode::Serve, &environment(PRODUCTION)).expect("is complete");
    let shown = format!("{settings:?}");
    for secret in ["whsec_new", "whsec_acme", "password", "0123456789abcdef01234567"] {
        assert!(!shown.contains(secret), "{secret} shows");
    }
}

#[test]
fn the_readme_has_every_setting() {
    let readme = include_str!("../../../../README.md");
    for setting in TABLE {
        let row = format!("| `{}` | {} | {} |", setting.name, setting.default, setting.meaning);
        assert!(readme.contains(&row), "the README's table of settings lacks this row:\n{row}");
    }
}

#[test]
fn a_public_url_that_can_hardly_be_meant_is_doubted_where_it_is_signed() {
    let doubts = |url: &str, twilio: bool| {
        let mut settings = PRODUCTION.to_vec();
        settings.push(("SLUICE_PUBLIC_URL", url));
        settings.extend(twilio.then_some(("TWILIO_AUTH_TOKEN", "0123456789abcdef0123456789abcdef")));
        Settings::read(Mode::Serve, &environment(&settings)).expect("is complete").ingest.doubts()
    };
    for odd in [
        "http://localhost:3000",
        "https://127.0.0.1",
        "https://10.1.2.3",
        "https://[::1]:8443",
        "https://gateway",
        "http://hooks.acme.dev",
        "https://hooks.example.com",
    ] {
        let found = doubts(odd, true);
        assert!(found.len() == 1 && found[0].starts_with("Twilio signs the URL") && found[0].contains(odd), "{found:?}");
        assert_eq!(doubts(odd, false), [""; 0], "{odd}");
    }
    for fine in ["https://hooks.acme.dev", "https://hooks.acme.dev:8443", "https://203.0.113.9"] {
        assert_eq!(doubts(fine, true), [""; 0], "{fine}");
    }
}

#[test]
fn webhooks_go_everywhere_but_to_sluice_itself() {
    let own = |url: &str| {
        let mut given = PRODUCTION.to_vec();
        given.push(("SLUICE_PUBLIC_URL", url));
        Settings::read(Mode::Serve, &environment(&given)).expect("is complete").webhooks.rules.own
    };
    let place = |host: &str, port| vec![(sluice_guard::Host::parse(host).expect("a host"), port)];
    assert_eq!(own("https://Hooks.acme.dev"), place("hooks.acme.dev", 443));
    assert_eq!(own("https://twilio:hush@10.1.2.3:8443"), place("10.1.2.3", 8443));
    assert_eq!(own("http://[::1]"), place("[::1]", 80));
    assert_eq!(own(""), place("localhost", 3000), "where it listens, unless told otherwise");
}

#[test]
fn user_info_of_the_public_url_is_kept_and_not_shown() {
    let mut given = PRODUCTION.to_vec();
    given.extend([
        ("SLUICE_PUBLIC_URL", "https://twilio:hush@10.1.2.3"),
        ("TWILIO_AUTH_TOKEN", "0123456789abcdef0123456789abcdef"),
        ("TWILIO_ACCOUNT_SID", "AC0123456789abcdef0123456789abcdef"),
        ("SLUICE_SMS_FROM", "+15005550006"),
    ]);
    let settings = Settings::read(Mode::Serve, &environment(&given)).expect("is complete");
    assert_eq!(settings.ingest.public_url.reveal(), "https://twilio:hush@10.1.2.3");
    let SmsSettings::Twilio { status_callback, .. } = &settings.outgoing.sms else { panic!("{:?}", settings.outgoing.sms) };
    let callback = status_callback.as_ref().map(|url| url.reveal());
    assert_eq!(callback, Some("https://twilio:hush@10.1.2.3/webhooks/twilio/sms-status"), "as Twilio is given it, so that it signs it");
    let shown = format!("{settings:?} {:?}", settings.ingest.doubts());
    assert!(shown.contains("https://…@10.1.2.3") && !shown.contains("hush"), "{shown}");
}

#[test]
fn a_source_is_bound_to_a_tenant() {
    let mut given = PRODUCTION.to_vec();
    given.extend([
        ("GITHUB_WEBHOOK_SECRET__REPOS", "it's a secret to everybody"),
        ("SLUICE_TENANT__REPOS", "birch.studio"),
        ("SLUICE_TENANT__ACME", "acme"),
    ]);
    let tenants = Settings::read(Mode::Serve, &environment(&given)).expect("is complete").ingest.tenants;
    assert_eq!((tenants.of("repos"), tenants.of("acme"), tenants.of("default")), (Some("birch.studio"), Some("acme"), None));
    assert!(tenants.has("acme") && !tenants.has("repos"));
}

#[test]
fn a_secret_of_a_tenant_s_source_is_nobody_else_s() {
    let bound = ("SLUICE_TENANT__ACME", "acme");
    // The setting that is wrong, and the one that it has a secret in common with.
    let wrong = [
        // The operator's own, also where one of the two is being rotated, and another provider's.
        (
            vec![("STRIPE_WEBHOOK_SECRET", "whsec_hidden"), ("STRIPE_WEBHOOK_SECRET__ACME", "whsec_1, whsec_hidden")],
            "STRIPE_WEBHOOK_SECRET__ACME",
            "STRIPE_WEBHOOK_SECRET,",
        ),
        (
            vec![("SHOPIFY_WEBHOOK_SECRET", "hidden"), ("GITHUB_WEBHOOK_SECRET__ACME", "hidden")],
            "GITHUB_WEBHOOK_SECRET__ACME",
            "SHOPIFY_WEBHOOK_SECRET,",
        ),
        (
            vec![("STRIPE_WEBHOOK_SECRET__SHOP", "whsec_hidden"), ("STRIPE_WEBHOOK_SECRET__ACME", "whsec_hidden")],
            "STRIPE_WEBHOOK_SECRET__ACME",
            "STRIPE_WEBHOOK_SECRET__SHOP,",
        ),
        // One secret in two ways of writing it.
        (
            vec![
                ("STANDARD_WEBHOOK_SECRET__SHOP", "whsec_aGlkZGVuLWhpZGRlbi1oaWRkZW4tMjQ="),
                ("STANDARD_WEBHOOK_SECRET__ACME", "aGlkZGVuLWhpZGRlbi1oaWRkZW4tMjQ"),
            ],
            "STANDARD_WEBHOOK_SECRET__ACME",
            "STANDARD_WEBHOOK_SECRET__SHOP,",
        ),
        // Another tenant's.
        (
            vec![
                ("STRIPE_WEBHOOK_SECRET__BIRCH", "whsec_hidden"),
                ("SLUICE_TENANT__BIRCH", "birch"),
                ("STRIPE_WEBHOOK_SECRET__ACME", "whsec_hidden"),
            ],
            "STRIPE_WEBHOOK_SECRET__BIRCH",
            "STRIPE_WEBHOOK_SECRET__ACME,",
        ),
    ];
    let rest = |given: &[(&'static str, &'static str)]| -> Vec<_> {
        let rest = PRODUCTION.iter().copied().filter(|(name, _)| !name.contains("WEBHOOK_SECRET"));
        rest.chain(given.iter().copied()).chain([bound]).collect()
    };
    for (given, setting, other) in wrong {
        let problems = Settings::read(Mode::Serve, &environment(&rest(&given))).expect_err("is refused");
        assert!(problems.len() == 1 && problems[0].setting == setting && problems[0].problem.contains(other), "{problems:?}");
        assert!(!format!("{problems:?}").contains("hidden"), "{problems:?}");
    }
    // Two sources of one tenant may have one, and so may two of the operator's.
    let mut given =
        vec![("STRIPE_WEBHOOK_SECRET__ACME", "whsec_1"), ("STRIPE_WEBHOOK_SECRET__ACME2", "whsec_1"), ("SLUICE_TENANT__ACME2", "acme")];
    given.extend([("STRIPE_WEBHOOK_SECRET", "whsec_2"), ("STRIPE_WEBHOOK_SECRET__SHOP", "whsec_2")]);
    Settings::read(Mode::Serve, &environment(&rest(&given))).expect("is complete");

    let place = "arn:aws:secretsmanager:us-east-1:1:secret:s#both";
    let given = [("STRIPE_WEBHOOK_SECRET", place), ("STRIPE_WEBHOOK_SECRET__ACME", place), bound];
    let problems = read_on_lambda(&given, |reader| IngestSettings::read_of(reader, &[&provider::Stripe])).unwrap_err();
    assert!(problems.len() == 1 && problems[0].starts_with("STRIPE_WEBHOOK_SECRET__ACME: has a secret in common"), "{problems:?}");
}

#[test]
fn a_binding_that_binds_nothing_or_too_much_is_refused() {
    let both = |setting, tenant, problem| [(true, setting, tenant, problem), (false, setting, tenant, problem)];
    let wrong = [
        both("SLUICE_TENANT__ACME", "a tenant", "is no id that a tenant can have"),
        both("SLUICE_TENANT__ACME", "a~b", "is no id that a tenant can have"),
        both("SLUICE_TENANT__ACME", "one,two", "names several tenants"),
        both("SLUICE_TENANT__ACME", "", "is set and names no tenant"),
        both("SLUICE_TENANT__ACME", " ", "is set and names no tenant"),
        both("SLUICE_TENANT", "", "is set and names no tenant"),
        both("SLUICE_TENANT__A-B", "acme", "names a source that can't be one"),
        both("SLUICE_TENANT", "acme", "which is the operator's"),
        both("SLUICE_TENANT__DEFAULT", "acme", "which is the operator's"),
    ];
    // A function knows the secrets of its own provider alone.
    let unknown = (false, "SLUICE_TENANT__NOBODY", "acme", "names the source nobody, which has no secret");
    for (on_lambda, setting, tenant, problem) in wrong.into_iter().flatten().chain([unknown]) {
        if on_lambda {
            let given = [("STRIPE_WEBHOOK_SECRET", "whsec_1"), ("STRIPE_WEBHOOK_SECRET__ACME", "whsec_2"), (setting, tenant)];
            let problems = read_on_lambda(&given, |reader| IngestSettings::read_of(reader, &[&provider::Stripe])).unwrap_err();
            assert!(problems.len() == 1 && problems[0].contains(problem), "{problems:?}");
        } else {
            let given: Vec<_> = PRODUCTION.iter().copied().chain([(setting, tenant)]).collect();
            let problems = Settings::read(Mode::Serve, &environment(&given)).expect_err("is refused");
            assert!(problems.len() == 1 && problems[0].setting == setting && problems[0].problem.contains(problem), "{problems:?}");
        }
    }
}
