//! Twilio's error codes in words.

/// The code of a text to someone who has answered an earlier one with `STOP` (<https://www.twilio.com/docs/api/errors/21610>).
pub(crate) const OPTED_OUT: &str = "21610";

/// Why a text did not arrive, by its error code and else by its status.
pub(super) fn in_words(code: Option<&str>, status: &str) -> &'static str {
    match code.and_then(of_code) {
        Some(words) => words,
        None if status == "canceled" => "it was taken back before it was sent",
        None => "Twilio gave no reason that is known here",
    }
}

/// Why a text did not arrive or was not taken, by its [error code](https://www.twilio.com/docs/api/errors); `None` of a code that is not known here.
pub(crate) fn of_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "21211" | "21214" | "21265" | "21614" => "the number is not valid, or can't get texts",
        "21266" => "it was to go to the number that it is sent from",
        "21408" => "texts to this country are not switched on for the Twilio account",
        "21602" | "21619" => "it has no words",
        "21605" | "21617" => "it is longer than a text may be",
        OPTED_OUT => "its owner has asked for no more texts",
        "21612" => "no text gets from the sending number to this one",
        "21635" => "the number is a landline",
        "30001" => "too many texts were waiting to be sent",
        "30002" => "the Twilio account is suspended",
        "30003" => "the phone is off or out of reach",
        "30004" => "its owner or carrier blocks texts from this sender",
        "30005" => "the number is not in service, or not known to its carrier",
        "30006" => "the number is a landline, or its carrier can't be reached",
        "30007" | "30044" => "the carrier took it for unwanted and filtered it out",
        "30008" => "the carrier gave no reason",
        "30009" => "a part of it was lost on the way",
        "30010" => "it costs more than the highest price that was set for it",
        "30017" => "the carrier's network is congested",
        "30019" => "it is too large for the phone",
        "30022" | "30023" => "the sender has used up what the carrier lets it send in a day or a second",
        "30032" | "30033" | "30034" | "30035" => "the sending number is not registered or verified as its country wants it",
        "30036" => "it waited too long to be sent",
        "30410" => "the provider of the number gave no answer in time",
        "30450" => "the number gets so many texts that this one was held back",
        "30453" | "30454" => "it was held back because the same was sent over and over",
        "30500" => "something went wrong at Twilio",
        _ => return None,
    })
}

/// Why nobody was spoken to.
pub(super) fn of_call(status: &str) -> &'static str {
    match status {
        "busy" => "the line was busy",
        "no-answer" => "nobody answered",
        "canceled" => "it was hung up before anybody answered",
        _ => "the call could not be made",
    }
}
