//! The query of a request as it goes on.

use crate::refusal::Refusal;

/// What the query of a counted request may name. All else is refused: services have words for another form of the answer
/// (`alt=proto`, `callback`), or for a part of it without what was used (`fields`).
const COUNTED: [&str; 5] = ["alt", "$alt", "%24alt", "api-version", "beta"];

/// Of a request that is counted, without keys.
pub(crate) fn of_counted(query: &str) -> Result<String, Refusal> {
    let query = without_keys(query);
    let is_known = |pair: &&str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let is_form = name.ends_with("alt");
        COUNTED.contains(&name) && (!is_form || value == "sse" || value.starts_with("json"))
    };
    match query.split('&').filter(|pair| !pair.is_empty()).find(|pair| !is_known(pair)) {
        Some(unknown) => Err(Refusal::Uncounted(unknown.to_owned())),
        None => Ok(query),
    }
}

/// The query without keys: some clients put theirs there.
pub(crate) fn without_keys(query: &str) -> String {
    let is_key = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        !matches!(name.as_str(), "key" | "api_key" | "apikey" | "api-key" | "access_token" | "token" | "$key")
            && (!name.contains('%') || name == "%24alt")
    };
    query.split('&').filter(is_key).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_leave_the_query() {
        for (query, expected) in [
            ("alt=sse", "alt=sse"),
            ("alt=sse&key=AIza", "alt=sse"),
            ("KEY=AIza&beta=true", "beta=true"),
            ("k%65y=AIza&a=1", "a=1"),
            ("access_token=x", ""),
        ] {
            assert_eq!(without_keys(query), expected);
        }
    }

    #[test]
    fn answers_come_in_a_form_that_can_be_counted() {
        for query in ["", "beta=true", "key=AIza&alt=sse", "$alt=json;enum-encoding=int", "%24alt=json%3Bx"] {
            assert!(of_counted(query).is_ok(), "{query}");
        }
        for query in
            ["alt=proto", "$alt=proto", "alt=", "alt=sse&fields=candidates", "$fields=x", "callback=f"]
        {
            let refused = of_counted(query).unwrap_err().to_string();
            assert!(refused.contains(query.rsplit('&').next().unwrap()), "{refused}");
        }
    }
}
