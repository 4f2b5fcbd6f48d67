use super::*;

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
    assert!(matches!(settings.mail, MailSettings::Captured));
    assert!(matches!(settings.sms, SmsSettings::Captured));
    assert!(settings.stripe_test_mode);
    assert_eq!(settings.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(settings.public_url, "http://localhost:3000");
    assert_eq!(settings.secrets.sources("stripe").collect::<Vec<_>>(), ["default"]);
}

#[test]
fn production_reads_all() {
    let settings = Settings::read(Mode::Serve, &environment(PRODUCTION)).expect("is complete");
    assert!(matches!(settings.sms, SmsSettings::Off));
    assert!(!settings.stripe_test_mode);
    assert_eq!(settings.alert_email, "support@example.com");
    assert_eq!(settings.secrets.sources("stripe").collect::<Vec<_>>(), ["acme", "default"]);
}

#[test]
fn all_that_is_missing_or_contradictory_is_named_at_once() {
    let wrong = [
        ("SLUICE_MAIL", "off"),
        ("SLUICE_SMTP_URL", "smtps://mail.example.com"),
        ("SLUICE_SMS_FROM", "+15005550006"),
        ("SLUICE_HOLD", "2 hours"),
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
fn a_production_start_without_mail_settings_is_refused() {
    let all = problems(&[]);
    let named: Vec<_> = all.iter().filter_map(|problem| problem.split(':').next()).collect();
    assert_eq!(named, ["SLUICE_BUSINESS_NAME", "SLUICE_MAIL_FROM", "SLUICE_SMTP_URL", "SLUICE_SUPPORT_EMAIL"]);
    assert!(all[2].contains("SLUICE_MAIL=off"), "{all:?}");
    Settings::read(Mode::Serve, &environment(&[("SLUICE_MAIL", "off")])).expect("mail is off by name");
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
