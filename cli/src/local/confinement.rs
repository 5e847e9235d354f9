//! What is said of agents on this machine before any starts.

use ambient_protocol::sandbox::Sandbox;
use ambient_runner::sandbox::{Support, support};
use anyhow::bail;

/// How agents are confined, in words; the way out where they cannot be and must.
///
/// # Errors
/// They must be, and this system cannot.
pub(crate) fn told(sandbox: Sandbox) -> anyhow::Result<String> {
    words(sandbox, support())
}

fn words(sandbox: Sandbox, support: Support) -> anyhow::Result<String> {
    let unconfined = |why: &str| {
        format!(
            "Agents run as processes of this user, unsandboxed ({why}): run only what you would run yourself. They are not \
             given the keys in the Secret ambient-runner-secrets, but could look for them as you could."
        )
    };
    match (sandbox, support) {
        (Sandbox::Off, _) => Ok(unconfined("--sandbox off")),
        (Sandbox::WherePossible, Support::None(why)) => Ok(unconfined(why)),
        (Sandbox::Required, Support::None(why)) => {
            bail!("--sandbox on: {why}; with --sandbox auto agents run unsandboxed here")
        }
        (_, Support::Whole) => Ok("Agents are processes of this user, confined by Landlock: they see the system's files, \
             their workspace and a home of their own, and no other file of yours. They reach the network, and what listens \
             on this machine."
            .to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_how_agents_are_confined() {
        let none = Support::None("no Landlock");
        let cases = [
            (Sandbox::Off, Support::Whole, Some("unsandboxed (--sandbox off)")),
            (Sandbox::WherePossible, none, Some("unsandboxed (no Landlock)")),
            (Sandbox::WherePossible, Support::Whole, Some("confined by Landlock")),
            (Sandbox::Required, Support::Whole, Some("confined by Landlock")),
            (Sandbox::Required, none, None),
        ];
        for (sandbox, support, expected) in cases {
            let said = words(sandbox, support).ok();
            let as_expected = match (&said, expected) {
                (Some(said), Some(expected)) => said.contains(expected),
                (said, expected) => said.is_none() && expected.is_none(),
            };
            assert!(as_expected, "{sandbox:?} {support:?}: {said:?}");
        }
    }
}
