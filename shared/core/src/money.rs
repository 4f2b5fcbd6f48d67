//! Amounts of money: whole numbers of a currency's smallest unit, as Stripe counts them. Never floats.

mod iso4217;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A currency by its ISO 4217 code, kept in lower case as Stripe writes it.
///
/// Any three letters are taken of a provider, which knows its currencies; of what is put, [those that there are](Self::existing).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// A text that can't be a currency code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no currency: write the three letters of its ISO 4217 code, such as usd")]
pub struct NotACurrency(String);

/// How amounts of a currency are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decimals {
    /// Always this many digits after the point.
    Fixed(usize),
    /// Counted in hundredths, though only whole units are charged: the digits are shown only if there are some.
    WholeUnitsInHundredths,
}

impl Currency {
    /// A currency that there is, by ISO 4217, with a smallest unit that amounts can be counted in; or that there was until lately.
    ///
    /// # Errors
    /// [`NotACurrency`] if the text is the code of none.
    pub fn existing(text: &str) -> Result<Self, NotACurrency> {
        let currency: Self = text.parse()?;
        if iso4217::is_listed(currency.0) { Ok(currency) } else { Err(NotACurrency(text.to_owned())) }
    }

    /// The code in lower case.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only ASCII letters are let in")
    }

    /// How many decimals the smallest unit stands for: 2 for `usd`, 0 for `jpy`, 3 for `kwd`.
    ///
    /// These are [Stripe's](https://docs.stripe.com/currencies), not ISO's: `isk` and `ugx` have no smaller unit any more,
    /// and Stripe still counts them in hundredths.
    #[must_use]
    pub fn decimals(&self) -> usize {
        match self.style() {
            Decimals::Fixed(digits) => digits,
            Decimals::WholeUnitsInHundredths => 2,
        }
    }

    fn style(self) -> Decimals {
        match &self.0 {
            b"bif" | b"clp" | b"djf" | b"gnf" | b"jpy" | b"kmf" | b"krw" | b"mga" | b"pyg" | b"rwf" | b"vnd" | b"vuv" | b"xaf" | b"xof"
            | b"xpf" => Decimals::Fixed(0),
            b"bhd" | b"jod" | b"kwd" | b"omr" | b"tnd" => Decimals::Fixed(3),
            b"isk" | b"ugx" => Decimals::WholeUnitsInHundredths,
            _ => Decimals::Fixed(2),
        }
    }

    /// The sign that stands in front of an amount, where English readers know one that means no other currency.
    fn symbol(self) -> Option<&'static str> {
        Some(match &self.0 {
            b"usd" => "$",
            b"eur" => "€",
            b"gbp" => "£",
            b"jpy" => "¥",
            b"cny" => "CN¥",
            b"inr" => "₹",
            b"krw" => "₩",
            b"ils" => "₪",
            b"php" => "₱",
            b"vnd" => "₫",
            b"aud" => "A$",
            b"cad" => "CA$",
            b"nzd" => "NZ$",
            b"hkd" => "HK$",
            b"twd" => "NT$",
            b"mxn" => "MX$",
            b"brl" => "R$",
            _ => return None,
        })
    }
}

impl FromStr for Currency {
    type Err = NotACurrency;
    fn from_str(text: &str) -> Result<Self, NotACurrency> {
        match text.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_alphabetic) => Ok(Self([a, b, c].map(|letter| letter.to_ascii_lowercase()))),
            _ => Err(NotACurrency(text.chars().take(20).collect())),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Currency;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a currency code such as usd")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Currency, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// An amount of money. Shown as people write it: `$60.00`, `¥6,000`, `KWD 3.500`, `-$5.00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// How many of the currency's smallest unit.
    pub amount: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// `amount` of the smallest unit of `currency`.
    #[must_use]
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// An amount as a decimal number of whole units, such as `54.50`. `None` if it is none, or finer than the currency's smallest unit.
    #[must_use]
    pub fn parse(text: &str, currency: Currency) -> Option<Self> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let decimals = currency.decimals();
        let (kept, rest) = fraction.split_at_checked(decimals).unwrap_or((fraction, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(kept) || rest.bytes().any(|byte| byte != b'0') {
            return None;
        }
        let amount: i64 = format!("{whole}{kept:0<decimals$}").parse().ok()?;
        Some(Self::new(sign * amount, currency))
    }

    fn digits(&self) -> String {
        let decimals = self.currency.decimals();
        let scale = 10_u64.pow(u32::try_from(decimals).expect("at most 3"));
        let (whole, fraction) = (self.amount.unsigned_abs() / scale, self.amount.unsigned_abs() % scale);
        let whole = grouped(whole);
        match self.currency.style() {
            Decimals::Fixed(0) => whole,
            Decimals::WholeUnitsInHundredths if fraction == 0 => whole,
            Decimals::Fixed(_) | Decimals::WholeUnitsInHundredths => format!("{whole}.{fraction:0decimals$}"),
        }
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.amount < 0 { "-" } else { "" };
        let digits = self.digits();
        match self.currency.symbol() {
            Some(symbol) => f.pad(&format!("{sign}{symbol}{digits}")),
            None => f.pad(&format!("{sign}{} {digits}", self.currency.code().to_ascii_uppercase())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_in_the_currency_s_own_decimals() {
        let read = |text: &str, currency: &str| Money::parse(text, currency.parse().expect("a currency")).map(|money| money.amount);
        assert_eq!(
            [read("54.50", "usd"), read("54.5", "usd"), read("54", "usd"), read("-1.05", "usd")],
            [Some(5450), Some(5450), Some(5400), Some(-105)]
        );
        assert_eq!([read("5000.00", "jpy"), read("5000", "jpy"), read("1.234", "kwd")], [Some(5000), Some(5000), Some(1234)]);
        for text in ["", ".5", "1.001", "1,5", "five", "--1", "1.2.3", "99999999999999999999"] {
            assert_eq!(read(text, "usd"), None, "{text}");
        }
    }

    fn shown(amount: i64, currency: &str) -> String {
        Money::new(amount, currency.parse().unwrap()).to_string()
    }

    #[test]
    fn as_people_write_it() {
        for (amount, currency, text) in [
            (6_000, "usd", "$60.00"),
            (6_000, "EUR", "€60.00"),
            (123_450, "gbp", "£1,234.50"),
            (6_000, "jpy", "¥6,000"),
            (3_500, "kwd", "KWD 3.500"),
            (5, "kwd", "KWD 0.005"),
            (-500, "usd", "-$5.00"),
            (-5, "usd", "-$0.05"),
            (0, "usd", "$0.00"),
            (99_999, "usd", "$999.99"),
            (100_000_000, "usd", "$1,000,000.00"),
            (2_500, "chf", "CHF 25.00"),
            (1_000, "xof", "XOF 1,000"),
            (i64::MIN, "jpy", "-¥9,223,372,036,854,775,808"),
        ] {
            assert_eq!(shown(amount, currency), text);
        }
    }

    #[test]
    fn whole_units_counted_in_hundredths() {
        assert_eq!(shown(500, "isk"), "ISK 5");
        assert_eq!(shown(500_000, "ugx"), "UGX 5,000");
        assert_eq!(shown(550, "isk"), "ISK 5.50", "an old charge with a fraction loses nothing");
        assert_eq!(shown(1_045, "huf"), "HUF 10.45", "only payouts in forints are whole");
        assert_eq!(shown(80_045, "twd"), "NT$800.45", "only payouts in Taiwan dollars are whole");
    }

    #[test]
    fn codes_are_three_letters_of_any_case() {
        assert_eq!("UsD".parse::<Currency>().unwrap().code(), "usd");
        for wrong in ["", "us", "usdd", "u$d", "é1", " usd", "us\n", "12a"] {
            assert!(wrong.parse::<Currency>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn stored_as_number_and_lower_case_code() {
        let money: Money = serde_json::from_str(r#"{"amount":6000,"currency":"USD"}"#).unwrap();
        assert_eq!(serde_json::to_string(&money).unwrap(), r#"{"amount":6000,"currency":"usd"}"#);
        assert!(serde_json::from_str::<Money>(r#"{"amount":60.5,"currency":"usd"}"#).is_err());
        assert!(serde_json::from_str::<Currency>(r#""dollars""#).is_err());
    }
}
