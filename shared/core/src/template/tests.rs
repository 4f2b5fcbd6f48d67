use super::{
    examples::{
        alert, alert_least, confirmed, confirmed_unpaid, data_request, data_request_least, differing_payment, differing_payment_least,
        full, hold_ended, late_and_differing, late_payment, late_payment_least, least, mail_left_out, order_made, order_made_least,
        payment_failed, refund_failed, refund_failed_least, refunded, reinstated, text_failed, text_failed_least, trouble, trouble_least,
    },
    *,
};
use crate::money::Money;

fn defaults() -> Templates {
    Templates::new(BTreeMap::new()).expect("the defaults are right")
}

fn with(files: &[(&str, &str)]) -> Result<Templates, Vec<TemplateProblem>> {
    Templates::new(files.iter().map(|&(name, source)| (name.to_owned(), source.to_owned())).collect())
}

fn shown(mail: &RenderedMail) -> String {
    format!("Subject: {}\n\n{}\n{}", mail.subject, mail.text, body_of(&mail.html))
}

/// Without the page around it, which one snapshot shows.
fn body_of(html: &str) -> &str {
    let start = html.find("line-height: 1.5;\">").expect("the card") + "line-height: 1.5;\">".len();
    html[start..html.rfind("</td></tr>").expect("the card's end")].trim()
}

macro_rules! snapshots {
    ($($name:ident: $context:expr),+ $(,)?) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), shown(&defaults().mail(&$context).unwrap()));
        })+
    };
}

snapshots! {
    booking_confirmed: confirmed(full()),
    booking_confirmed_least: confirmed(least()),
    booking_confirmed_unpaid: confirmed_unpaid(full()),
    booking_confirmed_unpaid_least: confirmed_unpaid(least()),
    booking_payment_failed: payment_failed(full()),
    booking_payment_failed_least: payment_failed(least()),
    booking_hold_ended: hold_ended(full()),
    booking_hold_ended_least: hold_ended(least()),
    booking_reinstated: reinstated(full()),
    booking_reinstated_least: reinstated(least()),
    booking_refunded_part: refunded(full()),
    booking_refunded_whole: refunded(least()),
    support_late_payment: late_payment(),
    support_late_payment_least: late_payment_least(),
    support_differing_payment: differing_payment(),
    support_differing_payment_least: differing_payment_least(),
    support_late_differing_payment: late_and_differing(LatePayment::AfterHold, Difference::TooLittle),
    support_late_payment_in_another_currency: late_and_differing(LatePayment::Cancelled, Difference::OtherCurrency),
    support_refund_failed: refund_failed(),
    support_refund_failed_least: refund_failed_least(),
    order_confirmed: order_made(),
    order_confirmed_least: order_made_least(),
    shop_data_request: data_request(),
    shop_data_request_least: data_request_least(),
    support_text_failed: text_failed(),
    support_text_failed_least: text_failed_least(),
    support_mail_left_out: mail_left_out(),
    subscription_trouble_delivery_failed: trouble(Trouble::DeliveryFailed),
    subscription_trouble_delivery_failed_least: trouble_least(Trouble::DeliveryFailed),
    subscription_trouble_failing: trouble(Trouble::Failing),
    subscription_trouble_failing_least: trouble_least(Trouble::Failing),
    subscription_trouble_disabled: trouble(Trouble::Disabled),
    subscription_trouble_disabled_least: trouble_least(Trouble::Disabled),
    alert_parked: alert(AlertKind::Parked),
    alert_parked_least: alert_least(AlertKind::Parked),
    alert_dead_lettered: alert(AlertKind::DeadLettered),
    alert_dead_lettered_least: alert_least(AlertKind::DeadLettered),
    alert_effect_failed: alert(AlertKind::EffectFailed),
    alert_effect_failed_least: alert_least(AlertKind::EffectFailed),
    alert_stripe_key_refused: alert(AlertKind::StripeKeyRefused),
    alert_stripe_key_refused_least: alert_least(AlertKind::StripeKeyRefused),
    alert_allowance_spent: alert(AlertKind::AllowanceSpent),
    alert_allowance_spent_least: alert_least(AlertKind::AllowanceSpent),
}

#[test]
fn the_page_around() {
    insta::assert_snapshot!(defaults().mail(&confirmed(full())).unwrap().html);
}

#[test]
fn text_messages() {
    let templates = defaults();
    let texts = [
        templates.sms(&confirmed(full())),
        templates.sms(&confirmed(least())),
        templates.sms(&reinstated(full())),
        templates.sms(&reinstated(least())),
    ];
    insta::assert_snapshot!(texts.map(Result::unwrap).join("\n"));
}

/// Septets of GSM 03.38, the alphabet of text messages, as far as the tests need it.
fn septets(text: &str) -> usize {
    text.chars()
        .map(|c| match c {
            '€' | '[' | ']' | '{' | '}' | '~' | '^' | '\\' | '|' => 2,
            '£' | '¥' | 'é' | 'ü' | 'ö' | 'ä' => 1,
            c if c.is_ascii() && c != '`' => 1,
            _ => panic!("{c:?} is outside of the alphabet: {text}"),
        })
        .sum()
}

#[test]
fn a_usual_text_message_is_one_segment() {
    let templates = defaults();
    let long = BookingFacts {
        business_name: "The Grand Hotel & Spa at Lakeside – “Meadows”".to_owned(),
        customer_name: Some("Maximiliane Charlotte-Sophie von Hohenberg".to_owned()),
        booking_id: "12345".to_owned(),
        starts_at: Some("2026-11-22T06:16:36Z".parse().unwrap()),
    };
    for booking in [full(), least(), long] {
        for currency in ["usd", "eur", "gbp", "inr", "kwd"] {
            let deposit = Money::new(123_450, currency.parse().unwrap());
            for text in [
                templates.sms(&BookingConfirmed { booking: booking.clone(), deposit }).unwrap(),
                templates.sms(&BookingReinstated { booking: booking.clone(), deposit }).unwrap(),
            ] {
                assert!(septets(&text) <= 160, "{} septets: {text}", septets(&text));
            }
        }
    }
}

#[test]
fn a_name_is_text_and_not_markup() {
    let mut booking = full();
    booking.customer_name = Some("<script>alert('x')</script> & \"Co\"".to_owned());
    let mail = defaults().mail(&confirmed(booking)).unwrap();
    assert!(!mail.html.contains("<script"), "{}", mail.html);
    assert!(mail.html.contains("&lt;script&gt;"), "{}", mail.html);
    assert!(mail.text.contains("Hello <script>alert('x')</script> & \"Co\","), "{}", mail.text);
}

#[test]
fn a_subject_is_escaped_in_the_page_only() {
    let templates = with(&[("booking_confirmed.subject.txt", "Done, {{ customer_name or 'friend' }}")]).unwrap();
    let mut booking = full();
    booking.customer_name = Some("</title><b>".to_owned());
    let mail = templates.mail(&confirmed(booking)).unwrap();
    assert_eq!(mail.subject, "Done, </title><b>");
    assert!(!mail.html.contains("</title><b>"), "{}", mail.html);
}

#[test]
fn a_line_break_in_a_name_starts_nothing() {
    let templates = with(&[("booking_confirmed.subject.txt", "Done,\r\n {{ customer_name or 'friend' }}\n")]).unwrap();
    for breaks in ["\r\n", "\n", "\r", "\u{b}", "\u{85}", "\u{2028}", "\0"] {
        let mut booking = full();
        booking.customer_name = Some(format!("Anna{breaks}Bcc: all@example.com{breaks}{breaks}Dear reader"));
        let mail = templates.mail(&confirmed(booking.clone())).unwrap();
        assert_eq!(mail.subject, "Done, Anna Bcc: all@example.com Dear reader");
        assert!(mail.text.starts_with("Hello Anna Bcc: all@example.com Dear reader,\n"), "{}", mail.text);
        let text = templates.sms(&confirmed(booking)).unwrap();
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

#[test]
fn an_endless_name_is_cut() {
    let mut booking = full();
    booking.customer_name = Some("x".repeat(100_000));
    let mail = defaults().mail(&confirmed(booking)).unwrap();
    assert!(mail.text.len() < 1_000, "{}", mail.text.len());
}

#[test]
fn a_blank_name_is_no_name() {
    let mut booking = full();
    booking.customer_name = Some(" \t".to_owned());
    assert!(defaults().mail(&confirmed(booking)).unwrap().text.starts_with("Hello,\n"));
}

#[test]
fn amounts_in_their_own_decimals() {
    for (amount, currency, subject) in [
        (6_000, "usd", "Your $60.00 deposit has been refunded"),
        (6_000, "jpy", "Your ¥6,000 deposit has been refunded"),
        (6_000, "kwd", "Your KWD 6.000 deposit has been refunded"),
    ] {
        let refund = BookingRefunded { booking: full(), refunded: Money::new(amount, currency.parse().unwrap()), part_of: None };
        let mail = defaults().mail(&refund).unwrap();
        assert_eq!(mail.subject, subject);
        assert!(mail.html.contains(&format!("{} deposit", refund.refunded)), "{}", mail.html);
    }
}

#[test]
fn one_file_replaces_one_part() {
    let templates = with(&[("booking_refunded.txt", "Refunded: {{ refunded }}{% if part_of %} of {{ part_of }}{% endif %}.")]).unwrap();
    let mail = templates.mail(&refunded(full())).unwrap();
    assert_eq!(mail.text, "Refunded: $20.00 of $60.00.\n");
    assert_eq!(mail.subject, "$20.00 of your $60.00 deposit has been refunded");
    let page = with(&[("layout.html", "<main title=\"{{ subject }}\">{{ body }}</main>")]).unwrap();
    let html = page.mail(&refunded(full())).unwrap().html;
    assert!(html.starts_with("<main title=\"$20.00 of your") && html.contains("<p style"), "{html}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let problems = with(&[
        ("booking_confirmd.txt", "A name with a typo"),
        ("notes.md", "What is this?"),
        ("booking_confirmed.txt", "Hello\n{{ costumer_name }} and {{ deposit }}"),
        ("booking_confirmed.html", "<p>\n{% if starts_at %}</p>"),
        ("booking_confirmed.sms.txt", "{# nothing #}"),
        ("booking_hold_ended.txt", "Hello {{ customer_name }}"),
        ("booking_refunded.html", "{% if refunded == 'never' %}\n{{ unreachable }}{% endif %} {{ refunded }}"),
        ("booking_refunded.subject.txt", "{{ refunded|nosuch }}"),
        ("layout.html", "<p>{{ subject }}</p>"),
        ("alert.txt", "{% include 'booking_confirmed.txt' %}"),
    ])
    .unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_part_that_a_value_does_not_have_is_a_mistake() {
    let problems = with(&[("booking_confirmed.txt", "Hello\n{{ deposit.amount }}")]).unwrap_err();
    assert_eq!((problems.len(), problems[0].line), (1, Some(2)), "{problems:?}");
}

#[test]
fn every_default_belongs_to_a_message() {
    let mut files: Vec<String> = MailTemplate::ALL
        .into_iter()
        .flat_map(|template| [template.subject_file(), template.text_file(), template.html_file()])
        .chain(SmsTemplate::ALL.map(SmsTemplate::file))
        .chain([catalog::LAYOUT_FILE.to_owned()])
        .collect();
    files.sort();
    let mut defaults: Vec<&str> = catalog::DEFAULTS.iter().map(|(name, _)| *name).collect();
    defaults.sort_unstable();
    assert_eq!(files, defaults);
}

#[test]
fn files_of_mails_that_are_one_with_others_now_are_named_with_what_to_do() {
    for file in ["support_late_payment.txt", "support_differing_payment.subject.txt", "support_refund_failed.html"] {
        let problems = with(&[(file, "{{ booking_id }}")]).expect_err("is refused");
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        assert!(problem.file == file && problem.problem.contains("support_payment.txt"), "{problem}");
    }
    let names = ["support_late_payment", "support_differing_payment", "support_refund_failed", "support_payment"];
    assert_eq!(names.map(MailTemplate::named), [Some(MailTemplate::SupportPayment); 4], "what an older version planned is sent");
}
