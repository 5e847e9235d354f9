//! A hint for a field that is not known: the known one that is written most alike.

/// The candidate most like `word`, if any is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a String>) -> Option<&'a str> {
    let near = word.chars().count().div_ceil(3).min(3);
    let scored = candidates.into_iter().map(|candidate| (distance(word, candidate), candidate));
    let best = scored.min_by_key(|(distance, candidate)| (*distance, candidate.len()))?;
    (best.0 <= near).then_some(best.1.as_str())
}

/// The number of letters to add, remove or change, whatever their case.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.to_lowercase().chars().collect();
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for column in 0..other.len() {
            let changed = diagonal + usize::from(letter != &other[column]);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_are_meant() {
        let known: Vec<String> =
            ["initialPrompt", "repos", "runnerType", "run", "timeout"].map(String::from).into();
        for (word, meant) in [
            ("initialprompt", Some("initialPrompt")),
            ("initalPrompt", Some("initialPrompt")),
            ("repo", Some("repos")),
            ("Timeout", Some("timeout")),
            ("runner", None),
            ("zzz", None),
        ] {
            assert_eq!(nearest(word, &known), meant, "{word}");
        }
    }
}
