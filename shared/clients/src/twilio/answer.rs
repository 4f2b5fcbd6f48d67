//! What Twilio's answers mean for a text.

use http::StatusCode;
use serde::Deserialize;
use sluice_core::ports::SendFailure;

/// [Twilio's error](https://www.twilio.com/docs/usage/twilios-response#response-formats-exceptions).
#[derive(Deserialize)]
struct TwilioError {
    code: Option<u32>,
    message: Option<String>,
}

/// [The message](https://www.twilio.com/docs/messaging/api/message-resource#message-properties) that Twilio has made of a text.
#[derive(Deserialize)]
struct Created {
    sid: String,
}

/// Twilio's id of the text that it took; `None` if the answer doesn't tell one whole.
pub(super) fn sid(body: &[u8]) -> Option<String> {
    let sid = serde_json::from_slice::<Created>(body).ok()?.sid;
    let digits = sid.strip_prefix("SM").or_else(|| sid.strip_prefix("MM"))?;
    let whole = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then_some(sid)
}

/// What an answer other than success means.
pub(super) fn failure(status: StatusCode, body: &[u8]) -> SendFailure {
    let error: Option<TwilioError> = serde_json::from_slice(body).ok();
    let code = error.as_ref().and_then(|error| error.code);
    let why = describe(status, code, error.and_then(|error| error.message).as_deref());
    match status.as_u16() {
        // Something on the way gave up waiting, before or after Twilio took it.
        408 => SendFailure::Unknown(why),
        400..=499 => match code.filter(|code| refuses_for_good(*code)) {
            Some(code) => SendFailure::TextRefused { code: code.to_string(), reason: why },
            None => SendFailure::NotTaken(why),
        },
        _ => SendFailure::Unknown(why),
    }
}

/// Whether a code of [Twilio's dictionary](https://www.twilio.com/docs/api/errors) says that this number, or this text, will never be taken.
///
/// What is wrong with the account or the sender (21212, 21606, 21608, 21659 to 21661, 20003 and others) can be mended, so it is not here. The
/// 30xxx codes tell of delivery and come by status callback, never as an answer.
fn refuses_for_good(code: u32) -> bool {
    match code {
        // The number is not valid, can't be reached or can't get texts: not a number, not reachable, not permitted in its region, opted out,
        // no way from the sender to it, not a mobile, a short code, the sender itself, a landline.
        21211 | 21214 | 21408 | 21610 | 21612 | 21614 | 21265 | 21266 | 21635 => true,
        // The text is missing, too long, or empty.
        21602 | 21605 | 21617 | 21619 => true,
        _ => false,
    }
}

fn describe(status: StatusCode, code: Option<u32>, message: Option<&str>) -> String {
    let message: String = message.unwrap_or("no reason given").chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    let advice = match (status.as_u16(), code) {
        (401, _) | (_, Some(20003)) => "; check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN",
        (_, Some(21608)) => "; a trial account texts verified numbers only",
        (_, Some(21212 | 21606 | 21659 | 21660 | 21661)) => "; check the sender in Twilio's console",
        _ => "",
    };
    match code {
        Some(code) => format!("Twilio answered {} with error {code}: {message}{advice}", status.as_u16()),
        None => format!("Twilio answered {}: {message}{advice}", status.as_u16()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> SendFailure {
        failure(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    fn with_code(status: u16, code: u32) -> SendFailure {
        answered(status, &format!(r#"{{"code":{code},"message":"why","more_info":"https://…","status":{status}}}"#))
    }

    #[test]
    fn numbers_refused_for_good() {
        for code in [21211, 21214, 21265, 21266, 21408, 21610, 21612, 21614, 21635, 21617] {
            let failure = with_code(400, code);
            assert!(matches!(&failure, SendFailure::TextRefused { code: told, .. } if *told == code.to_string()), "{failure:?}");
        }
    }

    #[test]
    fn what_the_operator_can_mend_is_not_the_numbers_fault() {
        for (status, code) in
            [(400, 21606), (400, 21212), (400, 21608), (400, 21659), (401, 20003), (403, 20403), (404, 20404), (429, 20429), (400, 99_999)]
        {
            assert!(matches!(with_code(status, code), SendFailure::NotTaken(_)), "{status} {code}");
        }
    }

    #[test]
    fn what_leaves_it_open() {
        for status in [500, 502, 503, 504, 408, 301, 307] {
            assert!(matches!(answered(status, "<html>"), SendFailure::Unknown(_)), "{status}");
        }
        assert!(matches!(with_code(500, 21211), SendFailure::Unknown(_)));
    }

    #[test]
    fn the_reason_is_kept_on_one_line() {
        assert_eq!(
            answered(400, r#"{"code":21211,"message":"Invalid\nnumber"}"#),
            SendFailure::TextRefused { code: "21211".into(), reason: "Twilio answered 400 with error 21211: Invalid number".into() }
        );
        assert_eq!(answered(403, "<html>"), SendFailure::NotTaken("Twilio answered 403: no reason given".into()));
    }
}
