//! Points in time and lengths of time, as Sluice stores and shows them.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time, UTC, in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// Shown and stored as RFC 3339 with milliseconds only where there are some (`2026-11-22T06:16:36Z`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// How many digits the latest time has, in milliseconds.
pub(crate) const SORTABLE: usize = 15;

impl Timestamp {
    /// The earliest time that can be shown: the year 1.
    pub const MIN: Self = Self(-62_135_596_800_000);
    /// The latest time that can be shown: the last millisecond of the year 9999 that leaves room for any zone.
    pub const MAX: Self = Self(253_402_207_199_999);

    /// From milliseconds since the Unix epoch, clamped to what can be shown.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// From seconds since the Unix epoch, clamped to what can be shown.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Reads an RFC 3339 time that can be shown as it is. `None` for one that can't, such as the year 0, for which [`FromStr`] takes the nearest that can.
    #[must_use]
    pub fn parse_exactly(text: &str) -> Option<Self> {
        let millis = text.parse::<jiff::Timestamp>().ok()?.as_millisecond();
        (Self::MIN.0..=Self::MAX.0).contains(&millis).then_some(Self(millis))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// How long it is from `earlier` to this; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// A text of fixed width that sorts as the times do (for times from 1970 on; earlier ones sort as 1970).
    #[must_use]
    pub fn sortable(self) -> String {
        let mut text = String::with_capacity(SORTABLE);
        self.write_sortable(&mut text);
        text
    }

    /// Appends [`Timestamp::sortable`]. Every document has it in each of its places, so that it is written without the machinery of formats.
    pub(crate) fn write_sortable(self, text: &mut String) {
        let mut rest = self.0.max(0).unsigned_abs();
        let mut digits = [b'0'; SORTABLE];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        text.extend(digits.map(char::from));
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, length: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, length: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => time.fmt(f),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

/// A text that is no RFC 3339 time.
#[derive(Debug, thiserror::Error)]
#[error("not an RFC 3339 time such as 2026-11-22T06:16:36Z: {0}")]
pub struct NotATime(jiff::Error);

impl FromStr for Timestamp {
    type Err = NotATime;
    fn from_str(text: &str) -> Result<Self, NotATime> {
        text.parse::<jiff::Timestamp>().map(|time| Self::from_millis(time.as_millisecond())).map_err(NotATime)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A text that is no length of time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a length of time: write a whole number and a unit, such as 90s, 15m, 2h, 7d or 500ms")]
pub struct NotALength;

/// Reads a length of time as settings write it: `500ms`, `90s`, `15m`, `2h`, `7d`.
///
/// # Errors
/// [`NotALength`] for anything else.
pub fn parse_length(text: &str) -> Result<Duration, NotALength> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or(NotALength)?;
    let number: u64 = text[..digits].parse().map_err(|_| NotALength)?;
    let millis = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(NotALength),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or(NotALength)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_as_rfc_3339_and_read_back() {
        let time = Timestamp::from_millis(1_771_000_017_250);
        assert_eq!(time.to_string(), "2026-02-13T16:26:57.25Z");
        assert_eq!(time.to_string().parse::<Timestamp>().expect("own text"), time);
        assert_eq!("2025-10-04T15:13:32.232083866Z".parse::<Timestamp>().expect("nanoseconds").millis(), 1_759_590_812_232);
    }

    #[test]
    fn extremes_stay_within_what_can_be_shown() {
        for time in [Timestamp::from_seconds(i64::MAX), Timestamp::from_seconds(i64::MIN), Timestamp::MAX + Duration::MAX] {
            assert_eq!(time.to_string().parse::<Timestamp>().expect("own text"), time);
        }
    }

    #[test]
    fn a_time_that_can_not_be_shown_is_the_nearest_that_can_or_none() {
        assert_eq!("0000-01-01T00:00:00Z".parse::<Timestamp>().expect("a time"), Timestamp::MIN);
        for beyond in ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59Z", "soon"] {
            assert_eq!(Timestamp::parse_exactly(beyond), None, "{beyond}");
        }
        for time in [Timestamp::MIN, Timestamp::from_millis(1_771_000_017_250), Timestamp::MAX] {
            assert_eq!(Timestamp::parse_exactly(&time.to_string()), Some(time));
        }
    }

    #[test]
    fn sortable_sorts() {
        let times = [0, 5, 999, 1_771_000_017_250, 99_999_999_999_999].map(Timestamp::from_millis);
        assert!(times.windows(2).all(|pair| pair[0].sortable() < pair[1].sortable()));
        assert_eq!((times[3].sortable().as_str(), times[0].sortable().as_str()), ("001771000017250", "000000000000000"));
        assert_eq!((Timestamp::MAX.sortable().as_str(), Timestamp::MIN.sortable().as_str()), ("253402207199999", "000000000000000"));
    }

    #[test]
    fn lengths() {
        assert_eq!(parse_length("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(parse_length("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["", "2", "h", "2 h", "-2h", "2w", "99999999999999999999d"] {
            assert_eq!(parse_length(wrong), Err(NotALength), "{wrong}");
        }
    }
}
