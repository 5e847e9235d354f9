//! Numbers and times as people read them.

use jiff::Timestamp;

/// Money, with as many digits as say something: `$12.30`, `$0.0042`.
pub(crate) fn money(dollars: f64) -> String {
    match dollars {
        zero if zero <= 0.0 => "$0".to_owned(),
        small if small < 0.01 => format!("${small:.4}"),
        rest => format!("${rest:.2}"),
    }
}

/// A count: `950`, `12.3k`, `4.6M`.
pub(crate) fn count(number: u64) -> String {
    let tenths = |unit: u64| {
        let tenths = number / (unit / 10);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{}k", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{}M", tenths(1_000_000)),
        _ => format!("{}G", tenths(1_000_000_000)),
    }
}

/// A length of time in its two greatest units: `3 s`, `4 min 5 s`, `2 h 10 min`, `3 d 4 h`.
pub(crate) fn duration(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let pair = |great: i64, great_unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{great} {great_unit}"),
        _ => format!("{great} {great_unit} {small} {small_unit}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => pair(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// A point in time, for people and for machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// RFC 3339, to the second.
    pub(crate) exact: String,
    /// How long ago, in one unit: `5 min`.
    pub(crate) ago: String,
}

impl Moment {
    /// The moment `at`, seen from `now`.
    pub(crate) fn new(at: Timestamp, now: Timestamp) -> Self {
        let exact = Timestamp::from_second(at.as_second()).unwrap_or(at).to_string();
        let seconds = (now.as_second() - at.as_second()).max(0);
        let ago = match seconds {
            0..60 => format!("{seconds} s"),
            60..3600 => format!("{} min", seconds / 60),
            3600..86_400 => format!("{} h", seconds / 3600),
            _ => format!("{} d", seconds / 86_400),
        };
        Self { exact, ago }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_say_something() {
        assert_eq!([0.0, 0.0042, 0.05, 12.3].map(money), ["$0", "$0.0042", "$0.05", "$12.30"]);
        assert_eq!([0, 999, 1_000, 12_345, 4_650_000].map(count), ["0", "999", "1.0k", "12.3k", "4.6M"]);
        let lengths = [-3, 59, 60, 245, 7_800, 270_000].map(duration);
        assert_eq!(lengths, ["0 s", "59 s", "1 min", "4 min 5 s", "2 h 10 min", "3 d 3 h"]);
    }

    #[test]
    fn a_moment_ahead_of_the_clock_is_now() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(Moment::new(at(100), at(90)).ago, "0 s");
        assert_eq!(Moment::new(at(0), at(3 * 86_400)).ago, "3 d");
        assert_eq!(Moment::new(at(0), at(61)).exact, "1970-01-01T00:00:00Z");
    }
}
