//! Which messages there are, and the default templates.

/// The mails. Each has three templates: subject, text and HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MailTemplate {
    /// The deposit is paid and the booking confirmed.
    BookingConfirmed,
    /// In place of somebody else's text that failed: the booking is confirmed, and no deposit was paid.
    BookingConfirmedUnpaid,
    /// A payment failed; the booking is held for a while.
    BookingPaymentFailed,
    /// The hold ended without a payment, so the booking was cancelled.
    BookingHoldEnded,
    /// A payment made in time was heard of late: the cancellation is taken back.
    BookingReinstated,
    /// The deposit, or a part of it, was refunded.
    BookingRefunded,
    /// A shop's order was made.
    OrderConfirmed,
    /// To the owner of a shop: what is held of a customer.
    ShopDataRequest,
    /// To support: a payment came that revives nothing, or is not the deposit of its booking, or a refund of a deposit failed.
    SupportPayment,
    /// To support: a text message did not arrive.
    SupportTextFailed,
    /// To support: a mail was not sent, because of its address.
    SupportMailLeftOut,
    /// To the owner of a subscription: what goes there fails.
    SubscriptionTrouble,
    /// To the operator: something needs a person.
    Alert,
}

/// The text messages. Each has one template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SmsTemplate {
    /// The deposit is paid and the booking confirmed.
    BookingConfirmed,
    /// A payment made in time was heard of late: the cancellation is taken back.
    BookingReinstated,
}

/// The names that mails had in older versions.
const FORMER: [(&str, MailTemplate); 3] = [
    ("support_late_payment", MailTemplate::SupportPayment),
    ("support_differing_payment", MailTemplate::SupportPayment),
    ("support_refund_failed", MailTemplate::SupportPayment),
];

impl MailTemplate {
    /// All mails.
    pub const ALL: [Self; 13] = [
        Self::BookingConfirmed,
        Self::BookingConfirmedUnpaid,
        Self::BookingPaymentFailed,
        Self::BookingHoldEnded,
        Self::BookingReinstated,
        Self::BookingRefunded,
        Self::OrderConfirmed,
        Self::ShopDataRequest,
        Self::SupportPayment,
        Self::SupportTextFailed,
        Self::SupportMailLeftOut,
        Self::SubscriptionTrouble,
        Self::Alert,
    ];

    /// The mail of that name, or that had it in an older version: what that has planned may be sent by this one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let former = FORMER.iter().find(|(former, _)| *former == name).map(|(_, template)| *template);
        former.or_else(|| Self::ALL.into_iter().find(|template| template.name() == name))
    }

    /// The mail that a file of an older version belonged to.
    pub(super) fn of_former_file(file: &str) -> Option<Self> {
        let of = |(former, _): &&(&str, Self)| file.strip_prefix(former).is_some_and(|rest| rest.starts_with('.'));
        FORMER.iter().find(of).map(|(_, template)| *template)
    }

    /// The name that its files begin with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BookingConfirmed => "booking_confirmed",
            Self::BookingConfirmedUnpaid => "booking_confirmed_unpaid",
            Self::BookingPaymentFailed => "booking_payment_failed",
            Self::BookingHoldEnded => "booking_hold_ended",
            Self::BookingReinstated => "booking_reinstated",
            Self::BookingRefunded => "booking_refunded",
            Self::OrderConfirmed => "order_confirmed",
            Self::ShopDataRequest => "shop_data_request",
            Self::SupportPayment => "support_payment",
            Self::SupportTextFailed => "support_text_failed",
            Self::SupportMailLeftOut => "support_mail_left_out",
            Self::SubscriptionTrouble => "subscription_trouble",
            Self::Alert => "alert",
        }
    }

    /// The file of the subject line.
    #[must_use]
    pub fn subject_file(self) -> String {
        format!("{}.subject.txt", self.name())
    }

    /// The file of the plain text.
    #[must_use]
    pub fn text_file(self) -> String {
        format!("{}.txt", self.name())
    }

    /// The file of the HTML, which is put into `layout.html`.
    #[must_use]
    pub fn html_file(self) -> String {
        format!("{}.html", self.name())
    }
}

impl SmsTemplate {
    /// All text messages.
    pub const ALL: [Self; 2] = [Self::BookingConfirmed, Self::BookingReinstated];

    /// The name that its file begins with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BookingConfirmed => "booking_confirmed",
            Self::BookingReinstated => "booking_reinstated",
        }
    }

    /// Its file.
    #[must_use]
    pub fn file(self) -> String {
        format!("{}.sms.txt", self.name())
    }
}

/// The page around every HTML mail. It knows `subject` and `body`.
pub(super) const LAYOUT_FILE: &str = "layout.html";

macro_rules! defaults {
    ($($file:literal),+ $(,)?) => {
        /// Every template file with its default text.
        pub(super) const DEFAULTS: &[(&str, &str)] = &[$(($file, include_str!(concat!("../../templates/", $file)))),+];
    };
}

defaults![
    "layout.html",
    "booking_confirmed.subject.txt",
    "booking_confirmed.txt",
    "booking_confirmed.html",
    "booking_confirmed.sms.txt",
    "booking_confirmed_unpaid.subject.txt",
    "booking_confirmed_unpaid.txt",
    "booking_confirmed_unpaid.html",
    "booking_payment_failed.subject.txt",
    "booking_payment_failed.txt",
    "booking_payment_failed.html",
    "booking_hold_ended.subject.txt",
    "booking_hold_ended.txt",
    "booking_hold_ended.html",
    "booking_reinstated.subject.txt",
    "booking_reinstated.txt",
    "booking_reinstated.html",
    "booking_reinstated.sms.txt",
    "booking_refunded.subject.txt",
    "booking_refunded.txt",
    "booking_refunded.html",
    "order_confirmed.subject.txt",
    "order_confirmed.txt",
    "order_confirmed.html",
    "shop_data_request.subject.txt",
    "shop_data_request.txt",
    "shop_data_request.html",
    "support_payment.subject.txt",
    "support_payment.txt",
    "support_payment.html",
    "support_text_failed.subject.txt",
    "support_text_failed.txt",
    "support_text_failed.html",
    "support_mail_left_out.subject.txt",
    "support_mail_left_out.txt",
    "support_mail_left_out.html",
    "subscription_trouble.subject.txt",
    "subscription_trouble.txt",
    "subscription_trouble.html",
    "alert.subject.txt",
    "alert.txt",
    "alert.html",
];
