//! The shapes of tokens, as data, and how one is tried at a place.

use crate::class::{Class, Runs};
use crate::kind::Kind;
use crate::tail::{Progress, Tail};

/// The shape of one family of tokens: a fixed prefix, parts of bounded length, and an end.
pub(crate) struct Pattern {
    pub(crate) kind: Kind,
    pub(crate) prefixes: &'static [&'static str],
    /// Whether the prefix is context that stays readable (`Bearer `) or part of the token (`ghp_`).
    keeps_prefix: bool,
    /// Whether the prefix must not follow a word: `sk-` ends many words.
    starts_word: bool,
    parts: &'static [Part],
    end: End,
}

enum Part {
    Run { class: Class, least: usize, most: usize },
    Byte(u8),
}

enum End {
    /// At least so many bytes of the class, then all that follow.
    Run { class: Class, least: usize },
    /// The same, through the END line of a key.
    Armor { class: Class, least: usize },
    /// All bytes before the last `@` among the next so many of the class.
    BeforeAt { class: Class, most: usize },
}

/// What a place holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A token: `from..to`, and what the tail covers from `to` on.
    Token { from: usize, to: usize, tail: Option<Tail> },
    /// No token, whatever comes after the text.
    Nothing,
    /// It depends on what comes after the text.
    Undecided,
}

/// The text in which patterns are tried.
pub(crate) struct View<'text> {
    pub(crate) text: &'text [u8],
    /// The two bytes before the text.
    pub(crate) before: [u8; 2],
    /// Whether nothing comes after the text.
    pub(crate) complete: bool,
}

const fn plain(kind: Kind, prefixes: &'static [&'static str], class: Class, least: usize) -> Pattern {
    let end = End::Run { class, least };
    Pattern { kind, prefixes, keeps_prefix: false, starts_word: false, parts: &[], end }
}

const fn key(prefixes: &'static [&'static str], class: Class) -> Pattern {
    let end = End::Armor { class, least: 32 };
    Pattern { kind: Kind::PrivateKey, prefixes, keeps_prefix: false, starts_word: false, parts: &[], end }
}

const fn header(kind: Kind, prefixes: &'static [&'static str], least: usize) -> Pattern {
    let end = End::Run { class: Class::Bearer, least };
    Pattern { kind, prefixes, keeps_prefix: true, starts_word: false, parts: &[], end }
}

/// The families, with least lengths below those of real tokens: a token cut short is still worth hiding.
pub(crate) static PATTERNS: &[Pattern] = &[
    plain(Kind::GithubToken, &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"], Class::Word, 20),
    plain(
        Kind::GitlabToken,
        &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "gloas-", "glsoat-"],
        Class::Dotted,
        18,
    ),
    plain(Kind::AnthropicKey, &["sk-ant-"], Class::Word, 16),
    Pattern { starts_word: true, ..plain(Kind::ApiKey, &["sk-"], Class::Word, 20) },
    plain(Kind::GoogleKey, &["AIza"], Class::Word, 30),
    plain(Kind::GoogleToken, &["ya29."], Class::Dotted, 16),
    plain(Kind::AwsKey, &["AKIA", "ASIA"], Class::UpperCase, 16),
    plain(
        Kind::SlackToken,
        &["xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-"],
        Class::Word,
        10,
    ),
    key(
        &[
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----BEGIN EC PRIVATE KEY-----",
            "-----BEGIN DSA PRIVATE KEY-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ],
        Class::Armor,
    ),
    key(&["-----BEGIN PGP PRIVATE KEY BLOCK-----"], Class::PgpArmor),
    Pattern {
        // A header and a dot; `eyJ` is base64 of `{"`. Encrypted ones have more parts, so the end takes dots too.
        parts: &[Part::Run { class: Class::Word, least: 10, most: 1024 }, Part::Byte(b'.')],
        ..plain(Kind::JsonWebToken, &["eyJ"], Class::Dotted, 10)
    },
    Pattern {
        kind: Kind::BasicAuth,
        prefixes: &["://"],
        keeps_prefix: true,
        starts_word: false,
        parts: &[Part::Run { class: Class::UrlUser, least: 0, most: 256 }, Part::Byte(b':')],
        end: End::BeforeAt { class: Class::UrlPassword, most: 1024 },
    },
    header(
        Kind::BasicAuth,
        &[
            "Authorization: Basic ",
            "authorization: Basic ",
            "authorization: basic ",
            "Authorization\":\"Basic ",
            "Authorization\": \"Basic ",
            "authorization\":\"Basic ",
            "authorization\": \"Basic ",
        ],
        8,
    ),
    header(Kind::BearerToken, &["Bearer ", "bearer ", "BEARER ", "Bearer%20"], 20),
];

impl Pattern {
    /// Tries the pattern at `at`, where one of its prefixes of `prefix` bytes stands.
    pub(crate) fn examine(&self, view: &View<'_>, runs: &mut Runs<'_>, at: usize, prefix: usize) -> Verdict {
        if self.starts_word && view.follows_word(at) {
            return Verdict::Nothing;
        }
        let from = if self.keeps_prefix { at + prefix } else { at };
        let mut position = at + prefix;
        for part in self.parts {
            match part.pass(view, runs, position) {
                Ok(next) => position = next,
                Err(verdict) => return verdict,
            }
        }
        self.end.examine(view, runs, from, position)
    }

    /// The number of bytes after which the pattern is always decided.
    pub(crate) fn longest_undecided(&self) -> usize {
        let prefix = self.prefixes.iter().map(|prefix| prefix.len()).max().unwrap_or(0);
        let parts = self.parts.iter().map(|part| match part {
            Part::Run { most, .. } => *most,
            Part::Byte(_) => 1,
        });
        let end = match self.end {
            End::Run { least, .. } | End::Armor { least, .. } => least,
            End::BeforeAt { most, .. } => most,
        };
        prefix + parts.sum::<usize>() + end
    }
}

impl Part {
    /// Returns the position after the part, or why the pattern ends here.
    fn pass(&self, view: &View<'_>, runs: &mut Runs<'_>, position: usize) -> Result<usize, Verdict> {
        match *self {
            Self::Run { class, least, most } => {
                let end = runs.end(class, position);
                let length = end - position;
                if length > most {
                    Err(Verdict::Nothing)
                } else if view.may_grow(end) {
                    Err(Verdict::Undecided)
                } else {
                    (length >= least).then_some(end).ok_or(Verdict::Nothing)
                }
            }
            Self::Byte(wanted) => match view.text.get(position) {
                Some(byte) if *byte == wanted => Ok(position + 1),
                None if !view.complete => Err(Verdict::Undecided),
                Some(_) | None => Err(Verdict::Nothing),
            },
        }
    }
}

impl End {
    fn examine(&self, view: &View<'_>, runs: &mut Runs<'_>, from: usize, to: usize) -> Verdict {
        match *self {
            Self::Run { class, least } => {
                let tail = Tail::Run(class);
                open_end(view, runs.end(class, to), from, to, least, tail)
            }
            Self::Armor { class, least } => {
                let tail = Tail::Armor { class, progress: Progress::default() };
                open_end(view, runs.end(class, to), from, to, least, tail)
            }
            Self::BeforeAt { class, most } => {
                let end = runs.end(class, to);
                if end - to < most && view.may_grow(end) {
                    return Verdict::Undecided;
                }
                let searched = &view.text[to..end.min(to + most)];
                match searched.iter().rposition(|byte| *byte == b'@') {
                    Some(length) if length > 0 => Verdict::Token { from, to: to + length, tail: None },
                    Some(_) | None => Verdict::Nothing,
                }
            }
        }
    }
}

fn open_end(view: &View<'_>, end: usize, from: usize, to: usize, least: usize, tail: Tail) -> Verdict {
    if end - to >= least {
        Verdict::Token { from, to, tail: Some(tail) }
    } else if view.may_grow(end) {
        Verdict::Undecided
    } else {
        Verdict::Nothing
    }
}

impl View<'_> {
    /// Whether a run that ends at `end` may go on after the text.
    fn may_grow(&self, end: usize) -> bool {
        end >= self.text.len() && !self.complete
    }

    /// Whether the byte before `at` continues a word. The letter of an escape such as `\n` does not.
    fn follows_word(&self, at: usize) -> bool {
        let previous = self.byte_before(at, 1);
        let escaped = self.byte_before(at, 2) == b'\\' && matches!(previous, b'n' | b'r' | b't');
        Class::Word.contains(previous) && !escaped
    }

    fn byte_before(&self, at: usize, distance: usize) -> u8 {
        match at.checked_sub(distance) {
            Some(index) => self.text[index],
            None => self.before[self.before.len() + at - distance],
        }
    }
}
