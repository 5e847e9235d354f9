//! A container's last words.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

/// Bytes of a message that a container leaves in its file (a kubelet's figure).
const LONGEST_MESSAGE: u64 = 4096;
/// Bytes and lines of a message taken from the log (a kubelet's figures).
const LONGEST_FROM_LOG: u64 = 2048;
const LINES_FROM_LOG: usize = 80;

/// What a container left in its message file, or, where that is allowed, the end of its log.
pub(super) fn last_words(message: &Path, log: Option<&Path>) -> Option<String> {
    let left = read_limited(message).ok().filter(|text| !text.is_empty());
    left.or_else(|| log.and_then(|log| end_of_log(log).ok())).filter(|text| !text.is_empty())
}

fn read_limited(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST_MESSAGE).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn end_of_log(path: &Path) -> io::Result<String> {
    // Each line has some 40 bytes in front of its text, which do not count.
    let window = LONGEST_FROM_LOG + 40 * u64::try_from(LINES_FROM_LOG).unwrap_or(0);
    let mut file = File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(window);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().skip(usize::from(start > 0)).filter_map(text_of).collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut room = usize::try_from(LONGEST_FROM_LOG).unwrap_or(usize::MAX);
    for line in lines.iter().rev().take(LINES_FROM_LOG) {
        let Some(left) = room.checked_sub(line.len() + 1) else { break };
        room = left;
        kept.push(line);
    }
    Ok(kept.iter().rev().map(|line| format!("{line}\n")).collect())
}

/// The text of a line of a log file, without time, stream and tag.
fn text_of(line: &str) -> Option<&str> {
    line.splitn(4, ' ').nth(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_file_comes_first_then_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let (message, log) = (folder.path().join("m"), folder.path().join("l"));
        assert_eq!(last_words(&message, Some(&log)), None);
        let lines: String =
            (0..200).map(|n| format!("2026-01-01T00:00:00.000000000Z stderr F line {n}\n")).collect();
        std::fs::write(&log, lines).unwrap();
        let words = last_words(&message, Some(&log)).unwrap();
        assert!(words.starts_with("line 120\n") && words.ends_with("line 199\n"), "{words}");
        assert_eq!(last_words(&message, None), None);
        std::fs::write(&message, "because").unwrap();
        assert_eq!(last_words(&message, Some(&log)).as_deref(), Some("because"));
    }
}
