//! What was found, and how often.

use std::collections::BTreeMap;

/// What a removed run was. Where several matches begin at one byte, the first in this order names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A value the platform knew, in any encoding.
    Known,
    /// A GitHub token (`ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_`, `github_pat_`).
    GithubToken,
    /// A GitLab token (`glpat-` and relatives).
    GitlabToken,
    /// An Anthropic key (`sk-ant-`).
    AnthropicKey,
    /// Another vendor's key that begins with `sk-`.
    ApiKey,
    /// A Google API key (`AIza`).
    GoogleKey,
    /// A Google OAuth access token (`ya29.`).
    GoogleToken,
    /// An AWS access key id (`AKIA`, `ASIA`).
    AwsKey,
    /// A Slack token (`xoxb-` and relatives).
    SlackToken,
    /// A PEM, OpenSSH or PGP private key.
    PrivateKey,
    /// A JSON web token.
    JsonWebToken,
    /// User and password in a URL, or an HTTP basic authorization.
    BasicAuth,
    /// An HTTP bearer token of unknown make.
    BearerToken,
}

impl Kind {
    /// Returns the text put in place of the secret. It names the kind and nothing of the value.
    pub fn marker(self) -> &'static str {
        match self {
            Self::Known => "[redacted]",
            Self::GithubToken => "[redacted:github-token]",
            Self::GitlabToken => "[redacted:gitlab-token]",
            Self::AnthropicKey => "[redacted:anthropic-key]",
            Self::ApiKey => "[redacted:api-key]",
            Self::GoogleKey => "[redacted:google-key]",
            Self::GoogleToken => "[redacted:google-token]",
            Self::AwsKey => "[redacted:aws-key]",
            Self::SlackToken => "[redacted:slack-token]",
            Self::PrivateKey => "[redacted:private-key]",
            Self::JsonWebToken => "[redacted:json-web-token]",
            Self::BasicAuth => "[redacted:basic-auth]",
            Self::BearerToken => "[redacted:bearer-token]",
        }
    }
}

/// How many markers were written, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Kind, u64>);

impl Counts {
    /// Returns the number of markers of one kind.
    pub fn of(&self, kind: Kind) -> u64 {
        self.0.get(&kind).copied().unwrap_or(0)
    }

    /// Returns the number of all markers.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Lists the kinds that were found, in the order of [`Kind`].
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> {
        self.0.iter().map(|(kind, count)| (*kind, *count))
    }

    /// Adds another count to this one.
    pub fn merge(&mut self, other: &Self) {
        for (kind, count) in other.iter() {
            *self.0.entry(kind).or_default() += count;
        }
    }

    pub(crate) fn add(&mut self, kind: Kind) {
        *self.0.entry(kind).or_default() += 1;
    }
}
