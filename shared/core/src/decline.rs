//! Why a card was declined, in words for the customer.

/// What a customer is told about a payment that failed, from Stripe's `decline_code` and error `code`.
///
/// The more exact `decline_code` is looked at first. What is unknown, and what
/// [Stripe advises](https://docs.stripe.com/declines/codes) not to reveal (a card reported lost or stolen, suspected fraud,
/// a block list), is told as a plain decline. The answer is one or two whole sentences.
#[must_use]
pub fn in_plain_words(decline_code: Option<&str>, code: Option<&str>) -> &'static str {
    const PLAIN: &str = "Your card was declined.";
    match decline_code.map(reason) {
        Some(Reason::Known(words)) => words,
        Some(Reason::NotTold) => PLAIN,
        None | Some(Reason::Unknown) => match code.map(reason) {
            Some(Reason::Known(words)) => words,
            None | Some(Reason::NotTold | Reason::Unknown) => PLAIN,
        },
    }
}

enum Reason {
    Known(&'static str),
    NotTold,
    Unknown,
}

fn reason(code: &str) -> Reason {
    Reason::Known(match code {
        "insufficient_funds" => "The card doesn't have enough money available.",
        "expired_card" | "invalid_expiry_month" | "invalid_expiry_year" => "The card has expired, or its expiry date was entered wrongly.",
        "incorrect_cvc" | "invalid_cvc" => "The card's security code was entered wrongly.",
        "incorrect_number" | "invalid_number" => "The card number was entered wrongly.",
        "incorrect_zip" | "incorrect_address" => "The billing address doesn't match the card.",
        "incorrect_pin" | "invalid_pin" | "offline_pin_required" | "online_or_offline_pin_required" => {
            "The card's PIN was missing or entered wrongly."
        }
        "pin_try_exceeded" => "A wrong PIN was entered too often. Please use another card.",
        "authentication_required"
        | "authentication_not_handled"
        | "mobile_device_authentication_required"
        | "payment_intent_authentication_failure" => "Your bank needs you to confirm this payment, and it was not confirmed.",
        "card_velocity_exceeded" | "withdrawal_count_limit_exceeded" => "The card's spending limit has been reached.",
        "card_not_supported" | "service_not_allowed" | "transaction_not_allowed" | "not_permitted" => {
            "The card can't be used for this kind of payment."
        }
        "currency_not_supported" => "The card can't be used for payments in this currency.",
        "invalid_amount" => "The amount is more than the card allows.",
        "invalid_account" | "new_account_information_available" => "The card or its account can't be used. Please ask your bank.",
        "duplicate_transaction" => "A payment of the same amount was made a moment ago, so this one was not taken.",
        "processing_error" | "try_again_later" | "reenter_transaction" | "issuer_not_available" | "approve_with_id" => {
            "Your bank could not process the payment just now. Please try again later."
        }
        "do_not_honor"
        | "call_issuer"
        | "do_not_try_again"
        | "no_action_taken"
        | "stop_payment_order"
        | "revocation_of_authorization"
        | "revocation_of_all_authorizations" => {
            "Your bank declined the card without giving a reason. Please ask your bank, or use another card."
        }
        "testmode_decline" => "A test card was used. Please use a real card.",
        "generic_decline" | "fraudulent" | "lost_card" | "stolen_card" | "pickup_card" | "restricted_card" | "security_violation"
        | "merchant_blacklist" => return Reason::NotTold,
        _ => return Reason::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "Your card was declined.";

    #[test]
    fn nobody_is_accused() {
        for code in ["lost_card", "stolen_card", "pickup_card", "fraudulent", "merchant_blacklist", "security_violation"] {
            assert_eq!(in_plain_words(Some(code), Some("card_declined")), PLAIN, "{code}");
            assert_eq!(in_plain_words(Some(code), Some("expired_card")), PLAIN, "{code}: the other code tells nothing either");
            assert_eq!(in_plain_words(None, Some(code)), PLAIN, "{code}");
        }
    }

    #[test]
    fn the_exact_code_comes_first_and_the_other_fills_in() {
        let funds = in_plain_words(Some("insufficient_funds"), None);
        assert!(funds.contains("enough money"), "{funds}");
        assert_eq!(in_plain_words(Some("insufficient_funds"), Some("expired_card")), funds);
        assert!(in_plain_words(None, Some("expired_card")).contains("expired"));
        assert!(in_plain_words(Some("code_of_next_year"), Some("expired_card")).contains("expired"));
    }

    #[test]
    fn unknown_is_a_plain_decline() {
        assert_eq!(in_plain_words(None, None), PLAIN);
        assert_eq!(in_plain_words(Some(""), Some("card_declined")), PLAIN);
        assert_eq!(in_plain_words(Some("INSUFFICIENT_FUNDS"), None), PLAIN);
    }
}
