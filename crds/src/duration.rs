//! Durations as manifests write them: `30s`, `5m`, `1h30m`.

use jiff::SignedDuration;

/// Reads a duration; `None` for anything but whole hours, minutes and seconds that add up to more than nothing.
pub fn parse(text: &str) -> Option<SignedDuration> {
    let mut seconds: i64 = 0;
    let mut number = String::new();
    for character in text.chars() {
        if character.is_ascii_digit() {
            number.push(character);
            continue;
        }
        let amount: i64 = number.parse().ok()?;
        seconds = seconds.checked_add(amount.checked_mul(seconds_of(character)?)?)?;
        number.clear();
    }
    (number.is_empty() && seconds > 0).then(|| SignedDuration::from_secs(seconds))
}

fn seconds_of(unit: char) -> Option<i64> {
    match unit {
        'h' => Some(3600),
        'm' => Some(60),
        's' => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn durations_are_whole_and_positive() {
        for (text, seconds) in [
            ("30s", Some(30)),
            ("5m", Some(300)),
            ("1h30m", Some(5400)),
            ("1h1m1s", Some(3661)),
            ("", None),
            ("0s", None),
            ("30", None),
            ("s", None),
            ("1.5h", None),
            ("-1s", None),
            ("1d", None),
            ("99999999999999999999s", None),
            ("9223372036854775807h", None),
        ] {
            assert_eq!(parse(text).map(|duration| duration.as_secs()), seconds, "{text}");
        }
    }
}
