//! Links to what manifests and agents name: only to web addresses, never to what a browser would run.

/// A repository or an address of one, shown as text, and as a link where it is a web address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// What is shown.
    pub(crate) text: String,
    /// Where it leads, if that is a web address.
    pub(crate) href: Option<String>,
}

/// A web address, or a text that is none.
pub(crate) fn place(address: &str) -> Place {
    Place { text: short(address).to_owned(), href: web(address).map(str::to_owned) }
}

/// A commit within a repository, for forges that show `/commit/<id>` (GitHub, GitLab, Gitea, Forgejo).
pub(crate) fn commit(repository: &str, id: &str) -> Option<String> {
    let base = web(repository)?.trim_end_matches('/').trim_end_matches(".git");
    id.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| format!("{base}/commit/{id}"))
}

fn web(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    let plain = !rest.is_empty()
        && !rest.contains(['@', '"', '<', '>', '\\'])
        && rest.bytes().all(|byte| byte > b' ');
    plain.then_some(address)
}

/// Without what says nothing.
fn short(address: &str) -> &str {
    let rest =
        address.strip_prefix("https://").or_else(|| address.strip_prefix("http://")).unwrap_or(address);
    rest.strip_suffix(".git").filter(|_| rest.contains("://") || web(address).is_some()).unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_become_links() {
        for (address, text, linked) in [
            ("https://github.com/a/b.git", "github.com/a/b", true),
            ("http://127.0.0.1:3000/a/b", "127.0.0.1:3000/a/b", true),
            ("/srv/git/a.git", "/srv/git/a.git", false),
            ("git@github.com:a/b.git", "git@github.com:a/b.git", false),
            ("javascript:alert(1)", "javascript:alert(1)", false),
            ("https://user:secret@host/a", "user:secret@host/a", false),
            ("https://a b", "a b", false),
        ] {
            let place = place(address);
            assert_eq!((place.text.as_str(), place.href.is_some()), (text, linked), "{address}");
        }
        assert_eq!(commit("https://h/a/b.git", "0a1b").as_deref(), Some("https://h/a/b/commit/0a1b"));
        assert_eq!(commit("https://h/a/b", "../x"), None);
        assert_eq!(commit("/srv/a", "0a1b"), None);
    }
}
