//! The words by which people stop texts and start them again (<https://help.twilio.com/articles/223134027>).

const STOP: [&str; 8] = ["stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"];
const START: [&str; 3] = ["start", "unstop", "yes"];

/// Whether a text says to stop texts (`true`) or to start them again (`false`); `None` if it says neither. What Twilio makes of it
/// (`OptOutType`, with Advanced Opt-Out) goes before the words.
pub(crate) fn said(opt_out_type: Option<&str>, body: Option<&str>) -> Option<bool> {
    let keyword = opt_out_type.or(body)?.trim().to_lowercase();
    if STOP.contains(&keyword.as_str()) {
        return Some(true);
    }
    START.contains(&keyword.as_str()).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn a_whole_text_is_a_keyword_and_no_part_of_one() {
        for stop in ["STOP", " stop\n", "Unsubscribe", "OPTOUT"] {
            assert_eq!(said(None, Some(stop)), Some(true), "{stop}");
        }
        for start in ["START", "Yes", "unstop"] {
            assert_eq!(said(None, Some(start)), Some(false), "{start}");
        }
        for neither in ["Please stop by at ten", "stop!", "HELP", ""] {
            assert_eq!(said(None, Some(neither)), None, "{neither}");
        }
        assert_eq!(said(Some("STOP"), Some("Arrêt")), Some(true));
        assert_eq!(said(Some("HELP"), Some("stop")), None);
        assert_eq!(said(None, None), None);
    }
}
