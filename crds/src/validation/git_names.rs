//! The rules of Git for names, and of ours for URLs.

use super::problem::Problem;
use crate::codes::Code;

/// A problem if Git does not allow this branch or tag (`git check-ref-format`); the schema has checked its characters.
pub(super) fn ref_name(path: impl Into<String>, name: Option<&String>) -> Option<Problem> {
    let name = name?;
    let wrong = name.contains("..")
        || name.contains("@{")
        || name.contains("//")
        || name.ends_with(['/', '.'])
        || name == "@"
        || name.starts_with("refs/")
        || name.split('/').any(|part| part.starts_with('.') || part.ends_with(".lock"));
    wrong.then(|| {
        let message =
            format!("\"{name}\" is no branch or tag name of Git; write it as in `git branch`, without refs/");
        Problem::new(path, Code::InvalidRefName, message)
    })
}

/// A problem if a URL carries a password or token.
pub(super) fn no_credentials(path: impl Into<String>, url: &str) -> Option<Problem> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next().unwrap_or(rest);
    let (user, _) = authority.rsplit_once('@')?;
    let harmless = scheme == "ssh" && !user.contains(':');
    (!harmless).then(|| {
        let message = "the URL carries a credential: remove it and change it, history is for ever; put the new one \
                       into a Secret and name that in secretRef";
        Problem::new(path, Code::CredentialsInUrl, message)
    })
}

#[cfg(test)]
mod tests {
    use super::{no_credentials, ref_name};

    #[test]
    fn names_follow_git() {
        for (name, valid) in [
            ("main", true),
            ("feature/x-1", true),
            ("v1.0", true),
            ("a..b", false),
            ("a@{1}", false),
            ("@", false),
            ("a//b", false),
            ("a/", false),
            ("a.", false),
            ("a/.b", false),
            ("a.lock/b", false),
            ("refs/heads/main", false),
        ] {
            assert_eq!(ref_name("spec", Some(&name.to_owned())).is_none(), valid, "{name}");
        }
    }

    #[test]
    fn urls_carry_no_secret() {
        for (url, clean) in [
            ("https://example.com/a.git", true),
            ("ssh://git@example.com/a.git", true),
            ("git@example.com:a.git", true),
            ("/srv/a@b.git", true),
            ("https://example.com/a@b.git", true),
            ("https://token@example.com/a.git", false),
            ("https://user:pass@example.com/a.git", false),
            ("ssh://git:pass@example.com/a.git", false),
        ] {
            assert_eq!(no_credentials("spec.url", url).is_none(), clean, "{url}");
        }
    }
}
