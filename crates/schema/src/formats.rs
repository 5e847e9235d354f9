//! String formats that a schema may ask for. Unknown formats ask for nothing, as on an API server.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

use regex::Regex;

/// Whether a string has a format.
pub(crate) fn matches(format: &str, text: &str) -> bool {
    match format {
        "date-time" | "datetime" => is_date_time(text),
        "date" => is_date(text),
        "duration" => DURATION.is_match(text),
        "uri" => URI.is_match(text),
        "email" => EMAIL.is_match(text),
        "hostname" => text.len() <= 253 && HOSTNAME.is_match(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "mac" => MAC.is_match(text),
        "uuid" => UUID.is_match(text),
        "byte" => BASE64.is_match(text) && text.len().is_multiple_of(4),
        "hexcolor" => HEX_COLOR.is_match(text),
        _ => true,
    }
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns of this module are valid")
}

static DATE_TIME: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^(\d{4})-(\d{2})-(\d{2})[tT ](\d{2}):(\d{2}):(\d{2})(\.\d+)?([zZ]|[+-]\d{2}:\d{2})$")
});
static DATE: LazyLock<Regex> = LazyLock::new(|| regex(r"^(\d{4})-(\d{2})-(\d{2})$"));
static DURATION: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"^(0|[+-]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+|",
        r"\d+\s*(nanos?|nanoseconds?|micros?|microseconds?|millis?|milliseconds?|secs?|seconds?|mins?|minutes?|hrs?|hours?|d|days?|w|weeks?))$"
    ))
});
static URI: LazyLock<Regex> = LazyLock::new(|| regex(r"^([A-Za-z][A-Za-z0-9+.-]*:\S*|/\S*)$"));
static EMAIL: LazyLock<Regex> = LazyLock::new(|| regex(r"^[^@\s<>]+@[^@\s<>]+$"));
static HOSTNAME: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?$",
    )
});
static MAC: LazyLock<Regex> = LazyLock::new(|| regex(r"^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$"));
static UUID: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{12}$")
});
static BASE64: LazyLock<Regex> = LazyLock::new(|| regex(r"^[A-Za-z0-9+/]*={0,2}$"));
static HEX_COLOR: LazyLock<Regex> = LazyLock::new(|| regex(r"^#?([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$"));

fn is_date_time(text: &str) -> bool {
    DATE_TIME.captures(text).is_some_and(|parts| {
        let number = |index: usize| parts[index].parse::<u32>().unwrap_or(u32::MAX);
        is_day(number(1), number(2), number(3)) && number(4) < 24 && number(5) < 60 && number(6) < 60
    })
}

fn is_date(text: &str) -> bool {
    DATE.captures(text).is_some_and(|parts| {
        let number = |index: usize| parts[index].parse::<u32>().unwrap_or(u32::MAX);
        is_day(number(1), number(2), number(3))
    })
}

fn is_day(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let Ok(bits) = bits.parse::<u8>() else { return false };
    (address.parse::<Ipv4Addr>().is_ok() && bits <= 32)
        || (address.parse::<Ipv6Addr>().is_ok() && bits <= 128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_tell_good_from_bad() {
        for (format, good, bad) in [
            ("date-time", "2026-02-28T10:00:00.5Z", "2026-02-30T10:00:00Z"),
            ("date", "2024-02-29", "2023-02-29"),
            ("duration", "1h30m", "soon"),
            ("duration", "3 days", "1"),
            ("uri", "https://example.com/x", "example com"),
            ("email", "a@example.com", "a"),
            ("hostname", "a.example.com", "-a"),
            ("ipv4", "10.0.0.1", "10.0.0.256"),
            ("ipv6", "::1", "10.0.0.1"),
            ("cidr", "10.0.0.0/8", "10.0.0.0/33"),
            ("mac", "00:11:22:33:44:55", "00:11"),
            ("uuid", "0188a3e6-5b4c-7e2f-8d3a-9b1c2d3e4f50", "x"),
            ("byte", "aGk=", "a"),
            ("hexcolor", "#fff", "#ff"),
        ] {
            assert!(matches(format, good), "{format} {good}");
            assert!(!matches(format, bad), "{format} {bad}");
        }
        assert!(matches("no-such-format", "anything"));
    }
}
