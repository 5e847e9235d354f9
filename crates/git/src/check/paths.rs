//! Which paths and links are safe to check out, on any file system.

/// Whether a path is what a rule speaks of: a name at any depth, or at the top only if the rule begins with `/`; a rule
/// that ends in `/` speaks of a folder and all within.
pub(super) fn is_covered(path: &str, rule: &str) -> bool {
    // What has a folder's name and is none may be a link to a folder.
    let path = format!("/{}{}", path.to_lowercase(), if rule.ends_with('/') { "/" } else { "" });
    let rule = rule.to_lowercase();
    let (rule, at_top) = rule.strip_prefix('/').map_or((rule.as_str(), false), |rule| (rule, true));
    let whole = format!("/{rule}");
    match (rule.ends_with('/'), at_top) {
        (true, true) => path.starts_with(&whole),
        (true, false) => path.contains(&whole),
        (false, true) => path == whole,
        (false, false) => path.ends_with(&whole),
    }
}

/// No `..`, nothing that any file system takes for `.git`, no control characters, no backslash.
pub(crate) fn is_safe(path: &str) -> bool {
    path.split('/').all(|part| {
        let plain: String =
            part.chars().filter(|letter| !is_ignorable(*letter)).collect::<String>().to_lowercase();
        let trimmed = plain.trim_end_matches(['.', ' ']);
        let stream = plain.split(':').next().unwrap_or_default();
        !part.is_empty()
            && part != "."
            && part != ".."
            && !part.chars().any(|letter| letter.is_control() || letter == '\\')
            && ![trimmed, stream].iter().any(|name| *name == ".git" || name.starts_with("git~"))
    })
}

/// Characters that HFS+ leaves out of a name, by which `.git` can be disguised.
fn is_ignorable(letter: char) -> bool {
    matches!(letter, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// Whether a link at `path` may lead out of the repository. Steps up are taken at the beginning only: one that follows
/// a name may start anywhere, for that name may be a link itself.
pub(crate) fn leads_out(path: &str, target: &str) -> bool {
    let steps = || target.split('/').filter(|part| !matches!(*part, "" | "."));
    let up = steps().take_while(|part| *part == "..").count();
    target.starts_with('/') || up > path.matches('/').count() || steps().skip(up).any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_dangerous_to_check_out() {
        for path in ["a/b.txt", ".github/x", "a/.gitignore", "git/x", "ü/ö"] {
            assert!(is_safe(path), "{path}");
        }
        for path in [
            "../x",
            "a/../b",
            "a//b",
            ".git/config",
            "a/.GIT/x",
            ".git./x",
            ".git /x",
            "GIT~1/x",
            ".g\u{200c}it/x",
            "a\\b",
            "a\nb",
            ".git::$INDEX_ALLOCATION/x",
        ] {
            assert!(!is_safe(path), "{path:?}");
        }
    }

    #[test]
    fn rules_cover_names_at_any_depth() {
        for (path, rule, is) in [
            (".mcp.json", ".mcp.json", true),
            ("a/b/.MCP.json", ".mcp.json", true),
            ("a.mcp.json", ".mcp.json", false),
            ("a/.claude/settings.json", ".claude/", true),
            ("a/x.claude/settings.json", ".claude/", false),
            (".claude", ".claude/", true),
            ("a/.claude", ".claude/", true),
            (".github", "/.github/", true),
            (".github.md", "/.github/", false),
            (".github/workflows/x.yml", "/.github/", true),
            ("docs/.github/x", "/.github/", false),
            ("Jenkinsfile", "/jenkinsfile", true),
            ("a/jenkinsfile", "/jenkinsfile", false),
        ] {
            assert_eq!(is_covered(path, rule), is, "{path} by {rule}");
        }
    }

    #[test]
    fn links_out_of_the_repository() {
        for (path, target, out) in [
            ("a", "b", false),
            ("a/b", "../c", false),
            ("a/b", "../../c", true),
            ("a", "/etc/passwd", true),
            ("a", "x/../../y", true),
            ("a/b/c", "../../d", false),
            ("a/b/c", "x/../d", true),
            ("a/b", "./../c", false),
        ] {
            assert_eq!(leads_out(path, target), out, "{path} -> {target}");
        }
    }
}
