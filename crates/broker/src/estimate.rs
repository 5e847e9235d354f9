//! What is counted of an answer whose service does not say what it used: rather too much than too little, and never
//! nothing. Else an agent would pay less that breaks off each answer before its last word.

use std::time::Duration;

use ambient_protocol::broker::TokenCounts;

/// Bytes of text that are taken for one token: fewer than a token has on average in any language, or in code.
const BYTES_PER_TOKEN: u64 = 2;

/// Tokens that a model is taken to write in a second, faster than most. What it thinks is often not shown; but it takes
/// its time.
const TOKENS_PER_SECOND: u64 = 200;

/// What is known of a request before it is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// Tokens of its input.
    pub(crate) input: u64,
    /// Tokens of the longest answer that it allows.
    pub(crate) most_output: u64,
    /// Searches that its service may make at least, because it may search.
    pub(crate) searches: u64,
}

/// The tokens of so many bytes of text.
pub(crate) fn tokens_of(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

impl Estimate {
    /// Completes what was said of an answer, of which so much text was seen, in so long.
    pub(crate) fn complete(&self, said: TokenCounts, written: u64, elapsed: Duration) -> TokenCounts {
        let seconds = elapsed.as_secs().saturating_add(1);
        let unseen = seconds.saturating_mul(TOKENS_PER_SECOND).min(self.most_output);
        TokenCounts {
            input: if said.all_input() == 0 { self.input } else { said.input },
            output: said.output.max(tokens_of(written)).max(unseen),
            web_searches: said.web_searches.max(self.searches),
            ..said
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_said_is_made_up_for_by_text_and_time() {
        let estimate = Estimate { input: 50, most_output: 1000, searches: 0 };
        let none = TokenCounts::default();
        let told = TokenCounts { cached_input: 7, output: 900, ..none };
        for (said, written, seconds, input, output) in [
            (none, 0, 0, 50, 200),
            (none, 0, 2, 50, 600),
            (none, 0, 3600, 50, 1000),
            (none, 999, 0, 50, 500),
            (none, 9_000, 9_000, 50, 4_500),
            (told, 10, 2, 7, 900),
        ] {
            let counted = estimate.complete(said, written, Duration::from_secs(seconds));
            assert_eq!(
                (counted.all_input(), counted.output),
                (input, output),
                "{said:?} {written} {seconds}"
            );
        }
        let searching = Estimate { searches: 1, ..estimate };
        assert_eq!(searching.complete(none, 0, Duration::ZERO).web_searches, 1);
    }
}
