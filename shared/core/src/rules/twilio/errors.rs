//! Twilio's error codes in words.

/// Why a text did not arrive, by its [error code](https://www.twilio.com/docs/api/errors) and else by its status.
pub(super) fn in_words(code: Option<&str>, status: &str) -> &'static str {
    match code.unwrap_or_default() {
        "21211" | "21614" => "the number is not valid, or can't get texts",
        "21408" => "texts to this country are not switched on for the Twilio account",
        "21610" => "its owner has asked for no more texts",
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
        _ if status == "canceled" => "it was taken back before it was sent",
        _ => "Twilio gave no reason that is known here",
    }
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
